"""The races that other payment systems lost, each named after what went wrong there."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import TimeSkipper

import worker
from activities.charge_books import RecordOutcome
from activities.charge_decisions import operation_request
from gateways.port import ActionRequired, Declined, Pending, Refused
from ledger.charges import CaptureMode, ChargeStatus
from ledger.money import Money
from ledger.refunds import RefundStatus
from tests.conftest import Database
from tests.faults import evidence
from tests.faults.failpoints import Action, Plan
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.nursery import worker_process
from tests.faults.patience import patiently
from tests.faults.registry import steps
from tests.faults.stories import STORIES
from tests.workflows.conftest import Processes
from workflows import telling
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CancelCommand, CaptureCommand, VoidCommand
from workflows.hints import GatewayReported

pytestmark = pytest.mark.system

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
LONG = pytest.mark.faults
"""For those that wait until a worker is missed."""
ROUNDS = 6
OLDER_ANSWERS = (
    Pending(reference="older", reason="review"),
    ActionRequired(reference="older", action_url="https://example.com"),
    Declined(code="older", message="no"),
    Refused(code="older", message="no"),
)
REFUND_PATHS = {"stripe": "/v1/refunds", "paypal": "/v2/payments/captures/*/refund"}
FORGOTTEN_AFTER_SECONDS = {"stripe": 25 * 3600, "paypal": 46 * 86_400}
"""How long until each gateway knows the key of a refund no more."""
ACTOR = "person:tester"


@pytest.fixture
async def served(callers: Processes, database: Database, tmp_path: Path) -> AsyncIterator[Processes]:
    """Callers with two workers; what they leave behind holds the invariants."""
    async with worker_process(callers.settings, log=tmp_path / "log"):
        async with worker_process(callers.settings, log=tmp_path / "log"):
            yield callers
        await _nothing_violated(callers, database, tmp_path)


async def _nothing_violated(callers: Processes, database: Database, directory: Path) -> None:
    found = await final_read(callers, database.superuser_url, (), directory / "final")
    assert violations(found) == []


@GATEWAYS
async def test_two_refunds_of_60_on_100_never_both_succeed(served: Processes, gateway: str) -> None:
    """Whoever comes second is refused, whichever worker it meets."""

    async def one_round() -> None:
        charged = await served.charge(served.request(gateway, amount=Money.parse("100", "USD")))
        views = await asyncio.gather(
            *(served.refund(charged.charge_id, f"re{n}_{charged.charge_id}", 6000) for n in range(2))
        )
        assert {view.status for view in views} == {RefundStatus.SUCCEEDED, RefundStatus.REFUSED}

    await asyncio.gather(*(one_round() for _ in range(ROUNDS)))
    assert len(served.effects(gateway, "refund")) == ROUNDS


@GATEWAYS
async def test_a_refund_and_a_dispute_of_the_same_payment_never_both_give_it_back(
    served: Processes, gateway: str
) -> None:
    """Whichever the gateway takes first, the other is refused, or is of what is left; the books say what it said."""
    simulator = served.simulators[gateway]

    async def one_round(wait_seconds: float) -> None:
        charged = await served.charge(served.request(gateway, amount=Money.parse("100", "USD")))
        [capture] = await served.operations(charged.charge_id)
        refund = asyncio.create_task(served.refund(charged.charge_id, f"re_{charged.charge_id}", 6000))
        await asyncio.sleep(wait_seconds)
        dispute = await asyncio.to_thread(simulator.dispute, capture.payment_reference or "")
        refunded = await refund
        hint = GatewayReported(gateway=gateway, event_id="evt", event_type="dispute", reference=dispute)
        for decide, ends in ((None, ChargeStatus.DISPUTED), (simulator.lose_dispute, ChargeStatus.REVERSED)):
            if decide is not None:
                await asyncio.to_thread(decide, dispute)
            async with asyncio.timeout(60):
                while (row := await served.row(charged.charge_id)).status is not ends:
                    await telling.tell(
                        served.client, served.settings.task_queue, charged.charge_id, None, hint, is_later=True
                    )
                    await asyncio.sleep(1)
        assert row.refunded_minor == (6000 if refunded.status is RefundStatus.SUCCEEDED else 0)
        assert row.refunded_minor + row.withdrawn_minor == row.captured_minor

    await asyncio.gather(*(one_round(0.02 * number) for number in range(ROUNDS)))
    assert len(served.effects(gateway, "dispute")) == ROUNDS


@GATEWAYS
async def test_a_capture_and_a_void_at_once_are_one_or_the_other(served: Processes, gateway: str) -> None:
    """A customer whose order is canceled while it ships is either charged or released, and both callers know which."""

    async def one_round() -> tuple[str, str]:
        view = await served.charge(served.request(gateway, capture=CaptureMode.MANUAL))
        handle = served.handle(view.charge_id)
        answers = await asyncio.gather(
            handle.execute_update(ChargeWorkflow.capture, CaptureCommand(actor=ACTOR)),
            handle.execute_update(ChargeWorkflow.void, VoidCommand(actor=ACTOR)),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, WorkflowUpdateFailedError)]
        (done,) = (answer for answer in answers if not isinstance(answer, BaseException))
        assert len(refused) == 1
        return view.charge_id, done.status

    ended = dict(await asyncio.gather(*(one_round() for _ in range(ROUNDS))))
    assert set(ended.values()) <= {ChargeStatus.CAPTURED, ChargeStatus.VOIDED}
    captured = {charge_id for charge_id, status in ended.items() if status is ChargeStatus.CAPTURED}
    assert {effect["operation_id"].split(":")[0] for effect in served.effects(gateway, "capture")} == captured


@GATEWAYS
async def test_a_capture_and_a_cancel_at_once_leave_nothing_taken_that_was_called_off(
    served: Processes, gateway: str
) -> None:
    """Who is told that a charge is canceled keeps the money: it is released, or given back; else the cancel is refused."""

    async def one_round() -> None:
        view = await served.charge(served.request(gateway, capture=CaptureMode.MANUAL))
        handle = served.handle(view.charge_id)
        answers: Any = await asyncio.gather(
            handle.execute_update(ChargeWorkflow.capture, CaptureCommand(actor=ACTOR)),
            handle.execute_update(ChargeWorkflow.cancel, CancelCommand(actor=ACTOR)),
            return_exceptions=True,
        )
        canceled = answers[1]
        row = await served.row(view.charge_id)
        if isinstance(canceled, BaseException):
            assert isinstance(canceled, WorkflowUpdateFailedError)
            assert (row.status, row.canceled_by) == (ChargeStatus.CAPTURED, None)
        else:
            assert canceled.status in {ChargeStatus.VOIDED, ChargeStatus.REFUNDED}
            assert row.captured_minor == row.refunded_minor

    await asyncio.gather(*(one_round() for _ in range(ROUNDS)))


@GATEWAYS
async def test_a_cancel_at_any_moment_of_a_charge_leaves_nothing_taken(served: Processes, gateway: str) -> None:
    """Called off before, while and after the gateway works on it: never charged, or everything given back."""
    by = datetime.now(UTC) + timedelta(hours=1)

    async def called_off_after(seconds: float) -> None:
        request = served.request(gateway, confirm_by=by)
        asking = asyncio.create_task(served.charge(request))
        await asyncio.sleep(seconds)
        handle = served.handle(request.charge_id)
        view = await patiently(lambda: handle.execute_update(ChargeWorkflow.cancel, CancelCommand(actor=ACTOR)))
        assert view.status in {ChargeStatus.CANCELED, ChargeStatus.REFUNDED, ChargeStatus.VOIDED}
        await asking
        row = await served.row(request.charge_id)
        assert row.captured_minor == row.refunded_minor

    await asyncio.gather(*(called_off_after(n * 0.05) for n in range(2 * ROUNDS)))


@GATEWAYS
async def test_a_refund_that_hangs_at_the_gateway_and_is_asked_again_is_made_once(
    served: Processes, gateway: str
) -> None:
    """The first request takes effect after the second was sent: a timeout is not a no."""
    charged = await served.charge(served.request(gateway))
    served.simulators[gateway].add_fault(
        method="POST", path=REFUND_PATHS[gateway], when="before", action="delay", delay_seconds=4, times=1
    )
    view = await served.refund(charged.charge_id, f"re_{charged.charge_id}", 1000)
    assert view.status is RefundStatus.SUCCEEDED
    await asyncio.sleep(4)
    assert [effect["amount_minor"] for effect in served.effects(gateway, "refund")] == [1000]


@LONG
@GATEWAYS
async def test_a_refund_asked_again_after_the_gateway_forgot_its_key_is_made_once(
    callers: Processes, database: Database, tmp_path: Path, gateway: str
) -> None:
    """The worker died with the answer in its hands, and comes back after days: it reads before it asks."""
    async with worker_process(callers.settings, Plan("answered:refund:1"), tmp_path / "log") as doomed:
        charged = await callers.charge(callers.request(gateway))
        asking = asyncio.create_task(callers.refund(charged.charge_id, f"re_{charged.charge_id}", 1000))
        assert await doomed.ended() == -signal.SIGKILL
    callers.simulators[gateway].advance_clock(FORGOTTEN_AFTER_SECONDS[gateway])
    async with worker_process(callers.settings, log=tmp_path / "log"):
        assert (await asking).status is RefundStatus.SUCCEEDED
    assert [effect["amount_minor"] for effect in callers.effects(gateway, "refund")] == [1000]
    await _nothing_violated(callers, database, tmp_path)


@GATEWAYS
async def test_a_final_state_is_not_overwritten_by_an_older_answer(served: Processes, gateway: str) -> None:
    """A poll, or a worker, that comes late with what was true before: the money stays taken, and in the books once."""
    charged = await served.charge(served.request(gateway))
    (operation,) = await served.operations(charged.charge_id)
    record_outcome = steps(worker, served.settings, served.engine)["record_outcome"]
    for older in OLDER_ANSWERS:
        late = RecordOutcome(operation=operation_request(operation, "cus_1"), outcome=older)
        assert (await record_outcome(late)).view.status is ChargeStatus.CAPTURED
    assert (await served.row(charged.charge_id)).status is ChargeStatus.CAPTURED
    assert sorted(await served.rules(charged.charge_id)) == ["captured", "fee_charged"]


@LONG
async def test_a_worker_that_wakes_up_with_an_older_answer_changes_nothing(
    callers: Processes, database: Database, tmp_path: Path
) -> None:
    """A worker that slept with `pending` in its hands wakes up after the charge was captured: it stays captured."""
    async with AsyncExitStack() as stack:
        plan = Plan("before:record_outcome:1", Action.STOP)
        zombie = await stack.enter_async_context(worker_process(callers.settings, plan, tmp_path / "log"))
        request = callers.request("paypal", "wallet_pending_review")
        asking = asyncio.create_task(callers.charge(request))
        await zombie.stopped()
        await stack.enter_async_context(worker_process(callers.settings, log=tmp_path / "log"))
        assert (await asking).status is ChargeStatus.PENDING
        callers.simulators["paypal"].advance_clock(61)
        ended = await callers.handle(request.charge_id).result()
        assert ended.status is ChargeStatus.CAPTURED
        zombie.signal(signal.SIGCONT)
        await asyncio.sleep(5)
    assert (await callers.row(request.charge_id)).status is ChargeStatus.CAPTURED
    assert await callers.rules(request.charge_id) == ["captured", "fee_charged"]
    await _nothing_violated(callers, database, tmp_path)


@GATEWAYS
async def test_a_late_success_after_failover_is_given_back(served: Processes, gateway: str) -> None:
    """The customer paid at the second gateway; what the first one took all the same comes back, and the books show both."""
    request = served.request(gateway)
    async with asyncio.timeout(120):
        told = await STORIES["paid_twice_for_a_while"](served, gateway, request.charge_id, random.Random(1))
    assert told.as_wished
    row = await served.row(request.charge_id)
    assert (row.status, row.captured_minor, row.refunded_minor) == (ChargeStatus.CAPTURED, row.amount_minor, 0)
    assert [effect["amount_minor"] for effect in served.effects(gateway, "refund")] == [row.amount_minor]
    assert {"captured", "captured_in_excess", "refund_succeeded"} <= set(await served.rules(request.charge_id))


@LONG
@GATEWAYS
async def test_an_attempt_that_was_given_up_is_not_sent_by_a_worker_that_wakes_up(
    callers: Processes, database: Database, tmp_path: Path, gateway: str
) -> None:
    """The charge was answered with a no, since nothing was sent: a worker that slept all the while sends nothing now."""
    async with AsyncExitStack() as stack:
        plan = Plan("answered:create_payment:1", Action.STOP)
        zombie = await stack.enter_async_context(worker_process(callers.settings, plan, tmp_path / "log"))
        request = callers.request(gateway)
        asking = asyncio.create_task(callers.charge(request))
        await zombie.stopped()
        await TimeSkipper(callers.client).fast_forward(callers.handle(request.charge_id), timedelta(seconds=61))
        await stack.enter_async_context(worker_process(callers.settings, log=tmp_path / "log"))
        assert (await asking).status is ChargeStatus.DECLINED
        zombie.signal(signal.SIGCONT)
        await asyncio.sleep(5)
    assert callers.effects(gateway, "capture") == []
    await _nothing_violated(callers, database, tmp_path)


async def test_a_refund_that_fails_at_the_gateway_gives_back_no_more_than_was_taken(
    served: Processes, temporal_server: Any
) -> None:
    """While the bank returns the first refund, a second of the same money is asked for: never more than 100 of 100."""
    charged = await served.charge(served.request("stripe", "pm_card_refundFail", amount=Money.parse("100", "USD")))
    first = await served.refund(charged.charge_id, f"re1_{charged.charge_id}", 6000)
    assert first.status is RefundStatus.SUCCEEDED
    _, second = await asyncio.gather(
        asyncio.to_thread(served.simulators["stripe"].advance_clock, 2 * 86_400),
        served.refund(charged.charge_id, f"re2_{charged.charge_id}", 6000),
    )
    assert second.status is RefundStatus.REFUSED
    handle = served.client.get_workflow_handle(f"refund/{first.refund_id}")
    await TimeSkipper(served.client).fast_forward(handle, timedelta(hours=2))
    async with asyncio.timeout(30):
        while (await served.row(charged.charge_id)).refunded_minor:
            await asyncio.sleep(0.1)
    found = evidence.requests(served.simulators["stripe"].url)
    assert len([request for request in found if request["path"] == "/v1/refunds" and request["method"] == "POST"]) == 1
