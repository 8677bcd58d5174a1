"""The process of a hold on real parts: it is placed, and ends once, by whoever posts or voids it or by its own time."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from ledger import account_standing, holds, reports
from ledger.account_standing import AccountState
from ledger.holds import HoldState
from tests.ledger.samples import usd
from tests.workflows import holds as played
from tests.workflows.conftest import Processes
from tests.workflows.endings import skip
from tests.workflows.holds import SAID, three
from workflows.hold import HoldWorkflow
from workflows.hold_messages import HoldStatus, HoldView, PostHold

pytestmark = pytest.mark.temporal


def why(refused: pytest.ExceptionInfo[WorkflowUpdateFailedError]) -> tuple[str | None, str]:
    """The type and the words of a refusal."""
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.type, cause.message


@pytest.mark.parametrize(("amount", "taken"), [(None, 600), (250, 250)])
async def test_a_hold_is_posted_in_full_or_in_part(processes: Processes, amount: int | None, taken: int) -> None:
    """The money goes to the account that is named, under the name of the hold, and the rest is available again."""
    request = await played.asked(processes)
    placed = await played.place(processes, request)
    assert (placed.status, placed.amount_minor, placed.account) == (HoldStatus.PENDING, 600, request.account)
    assert three(await played.standing(processes, request)) == (1000, 600, 400)
    ended = await played.post(processes, request.hold_id, amount)
    assert (ended.status, ended.posted_minor) == (HoldStatus.POSTED, taken)
    assert ended.entry_reference == f"hold/{request.hold_id}"
    assert three(await played.standing(processes, request)) == (1000 - taken, 0, 1000 - taken)
    async with processes.engine.connect() as connection:
        entry = await reports.entry_by_reference(connection, ended.entry_reference)
    assert entry is not None
    assert [(line.account, line.side, line.amount_minor) for line in entry.lines] == [
        (request.account, "debit", taken),
        ("revenue:sales", "credit", taken),
    ]
    assert await played.handle(processes, request.hold_id).result() == ended


async def test_a_hold_is_voided(processes: Processes) -> None:
    """All of it is available again, and nothing was booked."""
    request = await played.asked(processes)
    await played.place(processes, request)
    ended = await played.void(processes, request.hold_id)
    assert (ended.status, ended.ended_by, ended.message) == (HoldStatus.VOIDED, "person:tester", "the seats are taken")
    assert three(await played.standing(processes, request)) == (1000, 0, 1000)


async def test_a_hold_expires_by_itself(processes: Processes) -> None:
    """Whoever forgets it has the money again at the moment that was told, and nobody posts it any more."""
    request = await played.asked(processes, expires_at=played.soon())
    await played.place(processes, request)
    ended = await played.handle(processes, request.hold_id).result()
    assert (ended.status, ended.ended_by) == (HoldStatus.EXPIRED, f"workflow:hold/{request.hold_id}")
    assert three(await played.standing(processes, request)) == (1000, 0, 1000)
    row = await played.row(processes, request.hold_id)
    assert row.ended_at is not None
    assert row.ended_at >= row.expires_at


async def test_a_clock_that_is_ahead_of_the_databases_lets_nothing_go_too_early(processes: Processes) -> None:
    """The process waits on, and can be posted meanwhile."""
    request = await played.asked(processes)
    await played.place(processes, request)
    await skip(processes, f"hold/{request.hold_id}", hours=1, minutes=1)
    assert (await played.row(processes, request.hold_id)).state is HoldState.PENDING
    assert (await played.post(processes, request.hold_id)).status is HoldStatus.POSTED


async def test_what_is_not_available_is_not_held(processes: Processes) -> None:
    """The caller reads what is missing, and the process ends."""
    request = await played.asked(processes, 1001)
    refused = await played.place(processes, request)
    assert refused.status is HoldStatus.REFUSED
    assert refused.message == f"hold {request.hold_id} is refused: account {request.account} is short of 0.01 USD"
    assert await played.handle(processes, request.hold_id).result() == refused
    assert three(await played.standing(processes, request)) == (1000, 0, 1000)


async def test_what_the_books_refuse_leaves_the_hold_as_it_is(processes: Processes) -> None:
    """A frozen wallet, an account that there is not, more than is held: it may be posted rightly afterwards."""
    request = await played.asked(processes)
    await played.place(processes, request)
    handle = played.handle(processes, request.hold_id)

    async def refused(to: str = "revenue:sales", amount: int | None = None) -> tuple[str | None, str]:
        with pytest.raises(WorkflowUpdateFailedError) as error:
            await handle.execute_update(HoldWorkflow.post, PostHold(amount_minor=amount, to=to, **SAID))
        return why(error)

    assert (await refused("nothing:here"))[0] == "AccountNotInChart"
    assert (await refused(request.account))[0] == "HoldRefused"
    assert await refused(amount=601) == (
        "HoldRefused",
        f"hold {request.hold_id} is of 6.00 USD, and no 6.01 USD can be taken of it",
    )
    async with processes.engine.begin() as connection:
        await account_standing.set_state(connection, request.account, "USD", AccountState.FROZEN, **SAID)
    assert (await refused())[0] == "AccountNotOpen"
    assert (await handle.query(HoldWorkflow.status)).status is HoldStatus.PENDING
    assert three(await played.standing(processes, request)) == (1000, 600, 400)
    async with processes.engine.begin() as connection:
        await account_standing.set_state(connection, request.account, "USD", AccountState.OPEN, **SAID)
    assert (await played.post(processes, request.hold_id)).status is HoldStatus.POSTED


async def test_of_many_who_end_a_hold_at_once_one_does(processes: Processes) -> None:
    """The others are told that it has ended: by its process, or by Temporal where that has ended too."""
    request = await played.asked(processes)
    await played.place(processes, request)
    handle = played.handle(processes, request.hold_id)
    posts = [handle.execute_update(HoldWorkflow.post, PostHold(to="revenue:sales", **SAID)) for _ in range(4)]
    results: list[Any] = await asyncio.gather(*posts, played.void(processes, request.hold_id), return_exceptions=True)
    assert sum(isinstance(result, HoldView) for result in results) == 1
    others = [result for result in results if not isinstance(result, HoldView)]
    assert all(
        isinstance(each, WorkflowUpdateFailedError)
        or (isinstance(each, RPCError) and each.status is RPCStatusCode.NOT_FOUND)
        for each in others
    ), others
    found = await played.standing(processes, request)
    assert found.pending_minor == 0
    assert found.posted_minor in {400, 1000}


async def test_the_same_id_is_the_same_hold(processes: Processes) -> None:
    """Asked twice it is placed once, also until another time; with another amount it is refused."""
    request = await played.asked(processes)
    first, again = await asyncio.gather(*(played.place(processes, request) for _ in range(2)))
    later = request.model_copy(update={"expires_at": request.expires_at + timedelta(minutes=1)})
    assert first == again == await played.place(processes, later)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await played.place(processes, request.model_copy(update={"amount": usd(5)}))
    assert why(refused)[0] == "HoldConflict"
    assert three(await played.standing(processes, request)) == (1000, 600, 400)


async def test_a_hold_that_was_ended_past_its_process_is_seen(processes: Processes) -> None:
    """Whoever asks is told how it ended, and the process ends too."""
    request = await played.asked(processes)
    await played.place(processes, request)
    async with processes.engine.begin() as connection:
        await holds.void(connection, request.hold_id, **SAID)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await played.post(processes, request.hold_id)
    assert why(refused)[0] == "HoldNotPending"
    assert (await played.handle(processes, request.hold_id).result()).status is HoldStatus.VOIDED


async def test_a_hold_that_makes_no_sense_ends_at_once(processes: Processes) -> None:
    """Whoever starts it from another language with nonsense is told so, and nothing waits in the dark."""
    handle = await processes.client.start_workflow(
        "Hold", {"hold_id": "a b"}, id="hold/nonsense", task_queue=processes.settings.task_queue
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()
