"""The COMMIT of an outcome, lost on its way or on its way back: nobody who sent it can tell which, and both end well."""

import pytest
from sqlalchemy import text

from ledger.database import OUTAGES, create_engine
from local import postgres
from tests.conftest import Database
from tests.faults.cells import Cell
from tests.faults.failpoints import Action
from tests.faults.matrix import GATEWAYS, Matrix
from tests.faults.proxy import CommitFate, FaultProxy

STEPS = {"automatic": ("open_charge:1", "record_outcome:1"), "captured_and_refunded": ("record_refund:1",)}


@pytest.mark.parametrize("fate", list(CommitFate))
async def test_a_commit_without_an_answer_is_told_to_whoever_sent_it(
    database: Database, postgres_server: postgres.Postgres, fate: CommitFate
) -> None:
    """Nobody goes on as if it were in the books: the step has failed, and is done again."""
    async with FaultProxy(postgres_server.port) as proxy:
        behind = database.app_url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        engine = create_engine(behind, 1)
        with pytest.raises(OUTAGES):
            async with engine.begin() as connection:
                await connection.execute(text("SELECT :fate"), {"fate": fate.value})
        await engine.dispose()
        assert proxy.commits_lost == 1


@pytest.mark.system
@pytest.mark.parametrize("action", [Action.LOSE_ANSWER, Action.LOSE_COMMIT])
async def test_an_outcome_whose_commit_is_lost_is_in_the_books_once(matrix: Matrix, action: Action) -> None:
    """The step is done again as a whole, and finds out whether it was done before."""
    cells = [
        Cell(10, story, gateway, 1, f"committing:{step}", action=action)
        for gateway in GATEWAYS
        for story, steps in STEPS.items()
        for step in steps
    ]
    await matrix.play(cells)
    assert await matrix.verdict() == []
