"""How a dunning ends: what becomes of the subscription and the invoice, once, in one transaction with the fact that it ended.

A payment that came first ends it well, whatever was decided meanwhile; one that comes after recovers what was written off.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import dunning_books, events, invoice_books, subscription_books, try_books
from billing.dunning.decision import Purpose, Reason
from billing.dunning.history import EventKind, TryOutcome
from billing.dunning.policy import End, InvoiceEnd, Policy, SubscriptionEnd
from billing.dunning.recovery import RecoveredBy
from billing.dunning_books import KIND, Dunning
from billing.dunning_tables import dunning_events, dunnings
from billing.errors import ChangeRefused
from billing.invoices import Invoice, InvoiceState
from billing.refusals import said_of
from billing.subscriptions import FOLLOWS, Subscription, SubscriptionState
from billing.tables import invoices, payment_applications, payments

PAUSED_SINCE: Final = "no payment came"
"""Why a subscription was paused by the end, so that a late payment knows that it may be resumed."""
RECOVERED_BY: Final = {Purpose.CUSTOMER: RecoveredBy.LINK, Purpose.NEW_METHOD: RecoveredBy.NEW_METHOD}


async def end(
    connection: AsyncConnection, invoice_id: str, *, reason: Reason, policy: Policy, now: datetime, actor: str
) -> Dunning:
    """End a dunning: carry the policy's end out, unless it was paid or called off; a second time changes nothing.

    Raises ChangeRefused while a try is not decided or not applied: money may be on its way.
    """
    dunning = await dunning_books.known(connection, invoice_id, lock=True)
    if dunning.ended_at is not None:
        return dunning
    invoice = await invoice_books.known(connection, invoice_id)
    reason = _true_reason(invoice, reason)
    await _require_settled(connection, invoice, reason)
    recovered_by = await recovery_of(connection, invoice_id) if invoice.state is InvoiceState.PAID else None
    ended = {"ended_at": now, "ended_by": actor, "reason": reason, "recovered_by": recovered_by}
    dunning = await _write(connection, dunning, ended)
    await _end_subscription(connection, dunning, policy.end, now, actor)
    kind = "dunning.recovered" if recovered_by is not None else "dunning.ended"
    body: dict[str, object] = {"reason": reason, "recovered_by": recovered_by}
    await events.tell(connection, dunning_books.event_of(dunning, kind, "ended", now, body))
    # Last, since it posts.
    await _end_invoice(connection, invoice, reason, policy.end, actor)
    return dunning


async def reinstate(connection: AsyncConnection, invoice_id: str, *, now: datetime, actor: str) -> bool:
    """Let the subscription of a paid invoice go on where nothing else is owed of it, and tell whether that changed it.

    To be called of a dunning that is over when a payment came after its end; what was cancelled stays cancelled.
    """
    dunning = await dunning_books.known(connection, invoice_id, lock=True)
    if dunning.subscription_id is None:
        return False
    found = await subscription_books.known(connection, dunning.subscription_id, lock=True)
    if not _waits_for_money(found, actor) or await _owes(connection, dunning.subscription_id):
        return False
    why = f"invoice {invoice_id} is not owed any more"
    if found.state is SubscriptionState.PAUSED:
        await subscription_books.resume(connection, found.subscription_id, now=now, actor=actor, because=why)
    else:
        active = SubscriptionState.ACTIVE
        name = found.subscription_id
        await subscription_books.stand(connection, name, active, now=now, actor=actor, because=why)
    return True


async def recovery_of(connection: AsyncConnection, invoice_id: str) -> RecoveredBy:
    """Return what brought the money that closed a paid invoice: the newest payment that was applied."""
    statement = (
        select(payments.c.charge_id)
        .join(payment_applications, payment_applications.c.payment_id == payments.c.payment_id)
        .where(payment_applications.c.invoice_id == invoice_id, payment_applications.c.amount_minor > 0)
        .order_by(payment_applications.c.application_id.desc())
        .limit(1)
    )
    charge_id = await connection.scalar(statement)
    made = await try_books.of_invoice(connection, invoice_id)
    tried = next((each for each in made if each.charge_id == charge_id), None)
    return RecoveredBy.OUTSIDE if tried is None else RECOVERED_BY.get(tried.purpose, RecoveredBy.RETRY)


def _true_reason(invoice: Invoice, reason: Reason) -> Reason:
    """Return why it ends as the invoice stands now: a payment or a void may have come since it was decided."""
    if invoice.state is InvoiceState.PAID:
        return Reason.PAID
    return Reason.VOIDED if invoice.state is InvoiceState.VOID else reason


async def _require_settled(connection: AsyncConnection, invoice: Invoice, reason: Reason) -> None:
    for tried in await try_books.of_invoice(connection, invoice.invoice_id):
        if tried.outcome is TryOutcome.UNDECIDED:
            why = f"try {tried.number}, charge {tried.charge_id}, is not decided: wait for it, or cancel the charge"
            raise ChangeRefused(KIND, invoice.invoice_id, why)
        if tried.outcome is not TryOutcome.APPROVED:
            continue
        applied = select(payments.c.payment_id).where(payments.c.charge_id == tried.charge_id)
        if await connection.scalar(applied) is None:
            why = f"what charge {tried.charge_id} took is not applied: run `invoices apply {tried.charge_id}`"
            raise ChangeRefused(KIND, invoice.invoice_id, why)
        return
    if reason is Reason.PAID and invoice.state is not InvoiceState.PAID:
        why = f"invoice {invoice.invoice_id} is {invoice.state}, and {invoice.due} is due: it does not end as paid"
        raise ChangeRefused(KIND, invoice.invoice_id, why)


async def _write(connection: AsyncConnection, dunning: Dunning, ended: dict[str, Any]) -> Dunning:
    event = {"invoice_id": dunning.invoice_id, "kind": EventKind.ENDED, "because": ended["reason"]}
    event |= {"at": ended["ended_at"], "by": ended["ended_by"]}
    statement = update(dunnings).where(dunnings.c.invoice_id == dunning.invoice_id).values(ended)
    with said_of(KIND, dunning.invoice_id):
        await connection.execute(insert(dunning_events).values(event))
        await connection.execute(statement)
    return await dunning_books.known(connection, dunning.invoice_id)


async def _end_subscription(
    connection: AsyncConnection, dunning: Dunning, planned: End, now: datetime, actor: str
) -> None:
    """Carry out what becomes of the subscription, as far as it still stands so that it can."""
    name, because = dunning.subscription_id, f"{PAUSED_SINCE} for invoice {dunning.invoice_id}"
    if name is None:
        return
    if dunning.reason in {Reason.PAID, Reason.VOIDED}:
        await reinstate(connection, dunning.invoice_id, now=now, actor=actor)
        return
    state = (await subscription_books.known(connection, name, lock=True)).state
    match planned.subscription:
        case SubscriptionEnd.CANCEL if state is not SubscriptionState.CANCELED:
            await subscription_books.cancel(
                connection, name, at_period_end=False, now=now, actor=actor, because=because
            )
        case SubscriptionEnd.MARK_UNPAID if SubscriptionState.UNPAID in FOLLOWS[state]:
            unpaid = SubscriptionState.UNPAID
            await subscription_books.stand(connection, name, unpaid, now=now, actor=actor, because=because)
        case SubscriptionEnd.PAUSE if SubscriptionState.PAUSED in FOLLOWS[state]:
            await subscription_books.pause(connection, name, None, now=now, actor=actor, because=because)
        case _:
            pass


async def _end_invoice(connection: AsyncConnection, invoice: Invoice, reason: Reason, planned: End, actor: str) -> None:
    """Carry out what becomes of the invoice; what is paid in part cannot be called off, and its rest is written off."""
    if invoice.state is not InvoiceState.OPEN or reason in {Reason.PAID, Reason.VOIDED}:
        return
    because = f"dunning ended: {reason.replace('_', ' ')}"
    if planned.invoice is InvoiceEnd.KEEP_OPEN:
        return
    if planned.invoice is InvoiceEnd.VOID and not invoice.applied_minor:
        await invoice_books.void(connection, invoice.invoice_id, actor=actor, because=because)
    else:
        await invoice_books.write_off(connection, invoice.invoice_id, actor=actor, because=because)


def _waits_for_money(found: Subscription, actor: str) -> bool:
    if found.state in {SubscriptionState.PAST_DUE, SubscriptionState.UNPAID}:
        return True
    is_ours = found.changed_by == actor and found.because.startswith(PAUSED_SINCE)
    return found.state is SubscriptionState.PAUSED and is_ours


async def _owes(connection: AsyncConnection, subscription_id: str) -> bool:
    """Whether another invoice of the subscription is being recovered, or was given up and is not paid."""
    statement = (
        select(func.count())
        .select_from(dunnings)
        .join(invoices, invoices.c.invoice_id == dunnings.c.invoice_id)
        .where(
            dunnings.c.subscription_id == subscription_id,
            invoices.c.state.in_([InvoiceState.OPEN, InvoiceState.UNCOLLECTIBLE]),
        )
    )
    return bool(await connection.scalar(statement))
