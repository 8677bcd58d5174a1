"""The COMMIT of an outcome, lost on its way or on its way back: nobody who sent it can tell which, and both end well."""

import pytest

from tests.faults.cells import Cell
from tests.faults.failpoints import Action
from tests.faults.matrix import GATEWAYS, Matrix

pytestmark = pytest.mark.system

STEPS = {"automatic": ("open_charge:1", "record_outcome:1"), "captured_and_refunded": ("record_refund:1",)}


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
