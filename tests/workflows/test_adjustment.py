"""A manual adjustment from the request to the entry, or to its end without one, by the process that waits for persons."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from ledger.accounts import AccountType, Side
from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import AdjustmentState
from tests.ledger import adjustment_samples
from tests.ledger.adjustment_samples import BANK, DAY_SECONDS, two_lines
from tests.workflows import adjustments
from tests.workflows.adjustments import LARGE_MINOR, ask, entries, handle, pass_time, refusal, request, row, say
from tests.workflows.conftest import Processes
from tests.workflows.endings import skip
from tests.workflows.splits import require_proof
from workflows.adjustment import AdjustmentWorkflow

REJECT = AdjustmentWorkflow.reject
AT_ONCE = 8
"""Temporal takes ten messages at a time to one process."""


@pytest.fixture(autouse=True)
def people(processes: Processes) -> None:
    """Alice asks; bob and carol may decide."""
    adjustments.let_people_in(processes)


async def test_what_another_person_approves_is_posted_and_told(processes: Processes) -> None:
    """Whoever asked sees one entry with their reason, evidence and approval, under the adjustment's id."""
    asked = request()
    waiting = await ask(processes, asked)
    assert (waiting.state, waiting.approvals_needed, waiting.approvals_missing) == ("requested", 1, 1)
    assert waiting.entry_hash == asked.entry_hash()
    view = await say(processes, asked, "bob")
    assert view.approved_by == ("bob",)
    done = await handle(processes, asked).result()
    assert (done.state, done.entry_reference) == (AdjustmentState.POSTED, f"adjustment/{asked.adjustment_id}")
    assert await handle(processes, asked).query(AdjustmentWorkflow.status) == done
    assert await entries(processes, asked) == 1
    assert await processes.balances() == {
        ("expense:bad_debt", "USD"): 5000,
        ("receivable:cus_1", "USD"): -5000,
    }
    await require_proof(processes)


async def test_above_the_threshold_it_waits_for_a_second_person(processes: Processes) -> None:
    """One approval moves nothing; the second one of another person posts it."""
    asked = request(amount_minor=LARGE_MINOR)
    assert (await ask(processes, asked)).approvals_missing == 2
    first = await say(processes, asked, "bob")
    assert (first.state, first.approvals_missing) == ("requested", 1)
    assert await entries(processes, asked) == 0
    await say(processes, asked, "carol")
    done = await handle(processes, asked).result()
    assert (done.state, done.approved_by) == ("posted", ("bob", "carol"))


async def test_every_word_that_may_not_be_said_is_refused_by_the_process(processes: Processes) -> None:
    """Nobody for themselves under any spelling, nobody without the role, twice, or of another entry; it stays open."""
    asked = request(amount_minor=LARGE_MINOR)
    await ask(processes, asked)
    await say(processes, asked, "bob")
    adjustments.let_people_in(processes, "Alice", "BOB")
    for by, words in (
        ("alice", "alice asked for it, and another person has to decide"),
        ("Alice", "alice asked for it, and another person has to decide"),
        ("eve", "that needs the role accountant"),
        ("bob", "each person decides once, and bob has"),
        ("BOB", "each person decides once, and BOB has"),
    ):
        for update in (AdjustmentWorkflow.approve, REJECT):
            assert words in await refusal(processes, asked, by, update)
    assert "another hash" in await refusal(processes, asked, "carol", entry_hash="0" * 64)
    assert (await row(processes, asked)).approvers == ("bob",)
    assert await entries(processes, asked) == 0
    await say(processes, asked, "carol")
    assert (await handle(processes, asked).result()).state is AdjustmentState.POSTED


async def test_what_is_refused_before_it_is_asked_leaves_no_history(processes: Processes) -> None:
    """Validators turn it away: a thousand wrong words make the process no longer."""
    asked = request()
    await ask(processes, asked)
    before = (await handle(processes, asked).describe()).history_length
    for _ in range(20):
        await refusal(processes, asked, "alice")
    assert (await handle(processes, asked).describe()).history_length <= before + 3


async def test_what_is_rejected_is_never_posted(processes: Processes) -> None:
    """The first rejection ends it, after an approval too, and whoever comes later hears so."""
    asked = request(amount_minor=LARGE_MINOR)
    await ask(processes, asked)
    await say(processes, asked, "bob")
    assert (await say(processes, asked, "carol", REJECT)).rejected_by == "carol"
    done = await handle(processes, asked).result()
    assert (done.state, done.entry_reference) == (AdjustmentState.REJECTED, None)
    assert await entries(processes, asked) == 0


async def test_what_nobody_decides_in_time_expires(processes: Processes) -> None:
    """Days later its timer ends it, by the clock of the books; nobody can approve it any more."""
    asked = request(valid_seconds=7 * DAY_SECONDS)
    await ask(processes, asked)
    await skip(processes, handle(processes, asked).id, days=6)
    assert (await row(processes, asked)).state is AdjustmentState.REQUESTED
    pass_time(processes, asked, timedelta(days=7))
    assert "it expired at" in await refusal(processes, asked, "bob")
    await skip(processes, handle(processes, asked).id, days=2)
    assert (await handle(processes, asked).result()).state is AdjustmentState.EXPIRED
    assert await entries(processes, asked) == 0


async def test_a_process_whose_clock_is_ahead_of_the_books_ends_nothing_early(processes: Processes) -> None:
    """Its timer is over, and the books say that there is time left: it waits on, and the approval counts."""
    asked = request(valid_seconds=DAY_SECONDS)
    await ask(processes, asked)
    await skip(processes, handle(processes, asked).id, days=3)
    assert (await row(processes, asked)).state is AdjustmentState.REQUESTED
    await say(processes, asked, "bob")
    assert (await handle(processes, asked).result()).state is AdjustmentState.POSTED


async def test_a_word_that_is_refused_gives_no_more_time(processes: Processes) -> None:
    """Somebody without the role cannot keep a request alive by approving it once a day."""
    asked = request(valid_seconds=DAY_SECONDS)
    await ask(processes, asked)
    await skip(processes, handle(processes, asked).id, hours=20)
    await refusal(processes, asked, "eve")
    pass_time(processes, asked, timedelta(days=1))
    await skip(processes, handle(processes, asked).id, hours=5)
    async with asyncio.timeout(30):
        assert (await handle(processes, asked).result()).state is AdjustmentState.EXPIRED


async def test_a_request_that_may_not_be_made_ends_told(processes: Processes) -> None:
    """Whoever has not the role hears so at once; nothing is written, and the process has failed with the reason."""
    asked = request(requester="eve")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await ask(processes, asked)
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.message == "eve may not request an adjustment: that needs the role accountant"
    with pytest.raises(WorkflowFailureError):
        await handle(processes, asked).result()


async def test_the_same_id_with_other_content_is_refused(processes: Processes) -> None:
    """A request that is repeated is the same one, and never becomes another."""
    asked = request()
    first = await ask(processes, asked)
    assert await ask(processes, asked) == first
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await ask(processes, request(adjustment_id=asked.adjustment_id, amount_minor=1))
    assert "exists with other content" in str(refused.value.cause)


async def test_a_requester_gets_no_say_by_any_change_of_role_meanwhile(processes: Processes) -> None:
    """Taken out of the role and let in again, also under another spelling, they cannot approve what they asked for."""
    asked = request()
    await ask(processes, asked)
    with adjustments.as_superuser(processes) as superuser:
        adjustment_samples.lose_role(superuser, "alice")
        adjustment_samples.hold_role(superuser, "alice", "Alice", "ALICE")
    for by in ("alice", "Alice", "ALICE"):
        assert "another person has to decide" in await refusal(processes, asked, by)
    assert await entries(processes, asked) == 0


async def test_an_approver_who_loses_the_role_has_approved_nothing(processes: Processes) -> None:
    """Between the first approval and the second the first person goes: the amount still needs two who are there."""
    asked = request(amount_minor=LARGE_MINOR)
    adjustments.let_people_in(processes, "dave")
    await ask(processes, asked)
    await say(processes, asked, "bob")
    with adjustments.as_superuser(processes) as superuser:
        adjustment_samples.lose_role(superuser, "bob")
    view = await say(processes, asked, "carol")
    assert (view.state, view.approvals_missing) == ("requested", 1)
    assert await entries(processes, asked) == 0
    await say(processes, asked, "dave")
    assert (await handle(processes, asked).result()).state is AdjustmentState.POSTED


async def test_of_an_approval_and_a_rejection_at_once_one_counts(processes: Processes) -> None:
    """Both callers are told; what was rejected has no entry, what was approved has one."""
    for _ in range(5):
        asked = request()
        await ask(processes, asked)
        told = await asyncio.gather(
            say(processes, asked, "bob"), say(processes, asked, "carol", REJECT), return_exceptions=True
        )
        assert sum(isinstance(each, BaseException) for each in told) == 1
        done = await handle(processes, asked).result()
        assert (done.state is AdjustmentState.POSTED) == (await entries(processes, asked) == 1)
        assert len((await row(processes, asked)).decisions) == 1


async def test_of_many_words_at_once_each_person_has_one(processes: Processes) -> None:
    """The requester, one person eight times over, and strangers: none of it adds up to a second person."""
    asked = request(amount_minor=LARGE_MINOR)
    await ask(processes, asked)
    people = ["alice", "Alice", "bob", "bob", "bob", "eve", "bob", "bob"]
    assert len(people) == AT_ONCE
    told = await asyncio.gather(*(say(processes, asked, by) for by in people), return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in told) == 1
    assert (await row(processes, asked)).approvers == ("bob",)
    assert await entries(processes, asked) == 0


async def test_what_the_books_refuse_to_post_is_shown_and_tried_again_until_its_time_is_over(
    processes: Processes,
) -> None:
    """An account that is something else by the chart: people see why it is not posted, and it ends by itself."""
    other = BANK.model_copy(update={"type": AccountType.LIABILITY, "normal_side": Side.CREDIT})
    lines = (*two_lines(), *(line.model_copy(update={"account": other}) for line in two_lines(1)))
    asked = request(lines=lines)
    await ask(processes, asked)
    with adjustments.as_superuser(processes) as superuser:
        superuser.execute("INSERT INTO account_codes (code, type, normal_side) VALUES ('bank:main', 'asset', 'debit')")
    await say(processes, asked, "bob")
    async with asyncio.timeout(30):
        while not (view := await handle(processes, asked).query(AdjustmentWorkflow.status)).message:
            await asyncio.sleep(0.1)
    assert (view.state, "account bank:main is in the chart with another type" in view.message) == ("approved", True)
    await skip(processes, handle(processes, asked).id, hours=3)
    assert (await row(processes, asked)).state is AdjustmentState.APPROVED
    pass_time(processes, asked, timedelta(days=1))
    await skip(processes, handle(processes, asked).id, days=1)
    assert (await handle(processes, asked).result()).state is AdjustmentState.EXPIRED
    assert await entries(processes, asked) == 0


async def test_a_process_that_is_lost_is_taken_up_again_from_the_books(processes: Processes) -> None:
    """Temporal has forgotten it: the same request finds what was decided, and goes on from there."""
    asked = request(amount_minor=LARGE_MINOR)
    await ask(processes, asked)
    await say(processes, asked, "bob")
    await handle(processes, asked).terminate()
    again = (await row(processes, asked)).request()
    assert again == asked
    assert (await ask(processes, again)).approved_by == ("bob",)
    await say(processes, again, "carol")
    assert (await handle(processes, again).result()).state is AdjustmentState.POSTED
    assert await entries(processes, asked) == 1


async def test_people_find_what_waits_for_them_in_the_web_ui(processes: Processes) -> None:
    """Who asked, how much, why, what is missing and until when, as a list that can be filtered, and in a page."""
    asked = request(amount_minor=LARGE_MINOR)
    await ask(processes, asked)
    await say(processes, asked, "bob")
    described = await handle(processes, asked).describe()
    found = {
        pair.key.name: pair.value
        for pair in described.typed_search_attributes
        if pair.key.name.startswith("Adjustment")
    }
    expires = found.pop("AdjustmentExpires")
    assert found == {
        "AdjustmentState": "requested",
        "AdjustmentRequester": "alice",
        "AdjustmentReason": "write_off",
        "AdjustmentAmounts": ["1,000.01 USD"],
        "AdjustmentApprovalsMissing": 1,
    }
    assert expires == (await row(processes, asked)).expires_at
    details = await _details(processes, asked)
    for words in ("1,000.01 USD", "alice", "ticket FIN-512", "debit expense:bad_debt", "approved by bob", "1 of 2"):
        assert words in details
    await say(processes, asked, "carol", REJECT)
    await handle(processes, asked).result()
    described = await handle(processes, asked).describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED
    assert {pair.key.name: pair.value for pair in described.typed_search_attributes}["AdjustmentState"] == "rejected"


async def _details(processes: Processes, asked: AdjustmentRequest) -> str:
    metadata = await handle(processes, asked).query("__temporal_workflow_metadata")
    return str(metadata["currentDetails"] if isinstance(metadata, dict) else metadata.current_details)
