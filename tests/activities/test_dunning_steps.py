"""The steps of dunning run again, as after a crash: the second time changes nothing, and says the same."""

import asyncio
from datetime import timedelta

from activities.dunning_books import REFUNDS_WITHIN, DunningBooks, applied, surplus_refund
from activities.dunning_messages import BeginTry, EndDunning, Moment, NextKind, Surplus, WithdrawTry
from billing import try_books
from billing.dunning.decision import Purpose, Reason
from billing.dunning.policy import InvoiceEnd, Policies, SubscriptionEnd
from ledger.charges import ChargeRequest
from ledger.database import Connection
from tests.billing.owed_samples import usd
from tests.billing.recovery import FAILED_AT, PROCESS, Recovery, edition, ending

LATER = FAILED_AT + timedelta(days=2)
OVER = FAILED_AT + timedelta(days=31)


def _steps(recovery: Recovery) -> DunningBooks:
    return DunningBooks(recovery.engine, Policies(editions=(edition(),)))


async def _paid_twice(recovery: Recovery) -> tuple[str, ChargeRequest]:
    """Let an invoice be paid from outside while a try is under way; the invoice, and the try's charge."""
    invoice_id = await recovery.bill()
    await recovery.fail(invoice_id)
    request = await recovery.begun(invoice_id, now=LATER)
    await recovery.pay(1900)
    await recovery.capture(request)
    return invoice_id, request


async def _count(recovery: Recovery, sql: str) -> int:
    async with recovery.engine.connect() as connection:
        return int((await connection.exec_driver_sql(sql)).scalar_one())


async def test_a_try_that_is_begun_again_is_the_same_charge(recovery: Recovery) -> None:
    """A worker died after it had written the try down: the customer is charged once."""
    invoice_id = await recovery.bill()
    await recovery.fail(invoice_id)
    asked = BeginTry(invoice_id=invoice_id, number=1, method_id="pm_1", purpose=Purpose.RUNG, now=LATER)
    first = await _steps(recovery).begin_try(asked)
    again = await _steps(recovery).begin_try(asked.model_copy(update={"now": LATER + timedelta(minutes=5)}))
    assert first.charge is not None
    assert again == first
    assert first.charge.charge_id == f"{invoice_id}.1"
    assert await _count(recovery, "SELECT count(*) FROM invoice_tries WHERE number = 1") == 1


async def test_a_surplus_is_given_back_under_one_name(recovery: Recovery) -> None:
    """However often it is looked at before its refund is written down, it is one refund."""
    invoice_id, request = await _paid_twice(recovery)

    async def _applied(books: Connection) -> Surplus | None:
        return await applied(books, await try_books.of_invoice(books, invoice_id), PROCESS)

    for _ in range(2):
        surplus = await recovery.step(_applied)
        assert surplus == Surplus(charge_id=request.charge_id, money=usd(1900))
        assert surplus_refund(request.charge_id) == surplus_refund(f"{invoice_id}.1")


async def test_a_surplus_is_looked_for_again_until_its_refund_is_written_down(recovery: Recovery) -> None:
    """The process that gives it back may be slow, and tells nobody: one that is over otherwise still waits for it."""
    invoice_id, request = await _paid_twice(recovery)
    steps, moment = _steps(recovery), Moment(invoice_id=invoice_id, now=OVER)
    await steps.end(EndDunning(invoice_id=invoice_id, reason=Reason.PAID, why="it is paid", now=LATER))
    outlook = await steps.look(moment)
    assert outlook.surplus == Surplus(charge_id=request.charge_id, money=usd(1900))
    assert (outlook.next.kind, outlook.is_over, outlook.wake_at) == (NextKind.OVER, False, OVER + REFUNDS_WITHIN)


async def test_an_end_that_is_carried_out_again_changes_nothing(recovery: Recovery) -> None:
    """Two workers carry it out at once, and one of them once more: one loss in the books, and told once."""
    invoice_id = await recovery.bill()
    await recovery.fail(invoice_id, by=ending(SubscriptionEnd.PAUSE, InvoiceEnd.WRITE_OFF))
    steps, ended = _steps(recovery), EndDunning(invoice_id=invoice_id, reason=Reason.DEADLINE, why="late", now=OVER)
    await asyncio.gather(steps.end(ended), steps.end(ended))
    await steps.end(ended.model_copy(update={"now": OVER + timedelta(minutes=5)}))
    assert await _count(recovery, "SELECT count(*) FROM entries WHERE rule = 'invoice_written_off'") == 1
    assert await _count(recovery, "SELECT count(*) FROM dunning_events WHERE kind = 'ended'") == 1
    assert await _count(recovery, "SELECT count(*) FROM events WHERE kind = 'dunning.ended'") == 1
    assert await recovery.differences() == []


async def test_access_that_is_told_again_is_told_once(recovery: Recovery) -> None:
    """The step ran, and its worker died before it could say so."""
    invoice_id = await recovery.bill()
    await recovery.fail(invoice_id)
    for _ in range(2):
        await _steps(recovery).tell_access(Moment(invoice_id=invoice_id, now=LATER))
    assert await _count(recovery, "SELECT count(*) FROM dunning_access") == 1
    assert await _count(recovery, "SELECT count(*) FROM events WHERE starts_with(kind, 'access.')") == 1


async def test_a_try_that_is_withdrawn_again_stays_withdrawn(recovery: Recovery) -> None:
    """Its card was tried nowhere, and another try may follow."""
    invoice_id = await recovery.bill()
    await recovery.fail(invoice_id)
    asked = BeginTry(invoice_id=invoice_id, number=1, method_id="pm_1", purpose=Purpose.RUNG, now=LATER)
    assert (await _steps(recovery).begin_try(asked)).charge is not None
    for because in ("no gateway takes it", "again"):
        await _steps(recovery).withdraw_try(WithdrawTry(charge_id=f"{invoice_id}.1", because=because))
    said = "SELECT count(*) FROM invoice_tries WHERE withdrawn_because = 'no gateway takes it'"
    assert await _count(recovery, said) == 1
    assert (await _steps(recovery).begin_try(asked)).charge is None
    asked = asked.model_copy(update={"number": 2, "now": LATER + timedelta(minutes=1)})
    assert (await _steps(recovery).begin_try(asked)).charge is not None
