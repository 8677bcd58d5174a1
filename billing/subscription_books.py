"""Subscriptions in the database: each change tells who made it and why, and the trigger of the table keeps that.

Functions take a connection and never commit: the caller's transaction is the step. `now` is the caller's, so that a process
says itself when a period is over.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import customers, invoice_books, plan_books, subscriptions
from billing.dunning_tables import dunnings
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.invoices import Invoice, InvoiceState
from billing.plans import Plan
from billing.refusals import said_of
from billing.subscriptions import Subscription, SubscriptionRequest, SubscriptionState
from billing.tables import invoices, subscription_changes
from billing.tables import subscriptions as table
from ledger.record import Record

KIND = subscriptions.KIND
MAX_LISTED = 1000


class SubscriptionChange(Record):
    """What changed of a subscription, by whom and why; `before` is empty where it began."""

    change_id: int
    subscription_id: str
    changed_at: datetime
    changed_by: str
    because: str
    before: dict[str, Any]
    after: dict[str, Any]


async def start(connection: AsyncConnection, request: SubscriptionRequest) -> tuple[Subscription, bool]:
    """Subscribe a customer to a plan's last version, or return the subscription of this id and content, and whether it is new."""
    customer = await customers.known(connection, request.customer_id)
    plan = await plan_books.known(connection, request.plan_id)
    if plan.amount.currency != customer.currency:
        why = f"plan {plan.plan_id} is in {plan.amount.currency}, and the customer is billed in {customer.currency}"
        raise ChangeRefused(KIND, request.subscription_id, why)
    values = subscriptions.beginning(request, plan) | {
        "subscription_id": request.subscription_id,
        "customer_id": customer.customer_id,
        "currency": customer.currency,
        "time_zone": customer.time_zone,
        "request_hash": request.content_hash(),
        "changed_by": request.actor,
        "because": "started",
    }
    statement = insert(table).values(values).on_conflict_do_nothing().returning(table)
    row = (await connection.execute(statement)).mappings().first()
    if row is not None:
        return _subscription(row), True
    present = await known(connection, request.subscription_id)
    if present.request_hash != request.content_hash():
        raise IdConflict(KIND, request.subscription_id)
    return present, False


async def cancel(
    connection: AsyncConnection, name: str, *, at_period_end: bool, now: datetime, actor: str, because: str
) -> Subscription:
    """End it now or with its period; a second time changes nothing."""
    found = await known(connection, name, lock=True)
    if found.state is SubscriptionState.CANCELED or (at_period_end and found.cancel_at_period_end):
        return found
    changes = subscriptions.cancellation(found, at_period_end=at_period_end, now=now)
    return await _change(connection, found, changes, actor, because)


async def pause(
    connection: AsyncConnection, name: str, until: datetime | None, *, now: datetime, actor: str, because: str
) -> Subscription:
    """Bill nothing until it is resumed, or until a moment."""
    found = await known(connection, name, lock=True)
    return await _change(connection, found, subscriptions.pause(found, until, now), actor, because)


async def resume(connection: AsyncConnection, name: str, *, now: datetime, actor: str, because: str) -> Subscription:
    """Take back a pause, or else a cancellation at the end of the period."""
    found = await known(connection, name, lock=True)
    overdue = await _is_overdue(connection, name, now)
    changes = subscriptions.resumption(found, is_overdue=overdue, now=now)
    return await _change(connection, found, changes, actor, because)


async def change_plan(
    connection: AsyncConnection, name: str, plan_id: str, version: int | None = None, *, actor: str, because: str
) -> Subscription:
    """Let another plan, or another version, follow at the end of the period; the one it has takes that back."""
    found = await known(connection, name, lock=True)
    plan = await plan_books.known(connection, plan_id, version)
    return await _change(connection, found, subscriptions.change_of_plan(found, plan), actor, because)


async def stand(
    connection: AsyncConnection, name: str, state: SubscriptionState, *, now: datetime, actor: str, because: str
) -> Subscription:
    """Say how it stands while a payment is recovered, and after it; the same state again changes nothing."""
    found = await known(connection, name, lock=True)
    return await _change(connection, found, subscriptions.standing(found, state, now), actor, because)


async def advance(connection: AsyncConnection, name: str, *, now: datetime, actor: str) -> Subscription:
    """Go on to the next period where this one is over, one at a time; a pause that is over ends first."""
    found = await known(connection, name, lock=True)
    if found.paused_until is not None and found.paused_until <= now:
        overdue = await _is_overdue(connection, name, now)
        ended = subscriptions.resumption(found, is_overdue=overdue, now=now)
        found = await _change(connection, found, ended, actor, "the pause is over")
    plan = await plan_books.known(connection, found.plan_id, found.plan_version)
    next_plan: Plan | None = None
    if found.next_plan_id is not None:
        next_plan = await plan_books.known(connection, found.next_plan_id, found.next_plan_version)
    changes = subscriptions.next_period(found, plan, next_plan, now)
    return await _change(connection, found, changes, actor, f"its period ended on {found.period_ends}")


async def bill(connection: AsyncConnection, name: str, *, actor: str) -> Invoice | None:
    """Draft the invoice of the period that it is in, or return the one that is there; None where it is not billed."""
    found = await known(connection, name, lock=True)
    plan = await plan_books.known(connection, found.plan_id, found.plan_version)
    request = subscriptions.invoice_of_period(found, plan, actor)
    return None if request is None else (await invoice_books.draft(connection, request))[0]


async def known(connection: AsyncConnection, name: str, *, lock: bool = False) -> Subscription:
    """Read a subscription that must exist, with its row locked if asked; raises UnknownId."""
    statement = select(table).where(table.c.subscription_id == name)
    if lock:
        statement = statement.with_for_update(key_share=True)
    row = (await connection.execute(statement)).mappings().first()
    if row is None:
        raise UnknownId(KIND, name)
    return _subscription(row)


async def find(
    connection: AsyncConnection,
    *,
    customer_id: str | None = None,
    state: SubscriptionState | None = None,
    limit: int = 100,
) -> Sequence[Subscription]:
    """List subscriptions, newest first; never more than 1,000."""
    statement = select(table).order_by(table.c.created_at.desc(), table.c.subscription_id).limit(min(limit, MAX_LISTED))
    if customer_id is not None:
        statement = statement.where(table.c.customer_id == customer_id)
    if state is not None:
        statement = statement.where(table.c.state == state)
    return [_subscription(row) for row in (await connection.execute(statement)).mappings()]


async def uncollected(connection: AsyncConnection, name: str) -> Sequence[Invoice]:
    """List the invoices of a subscription that are drafted, or open and not in dunning yet; the oldest first."""
    in_dunning = exists().where(dunnings.c.invoice_id == invoices.c.invoice_id)
    is_open = and_(invoices.c.state == InvoiceState.OPEN, ~in_dunning)
    statement = select(invoices).where(
        invoices.c.subscription_id == name, or_(invoices.c.state == InvoiceState.DRAFT, is_open)
    )
    statement = statement.order_by(invoices.c.period_number, invoices.c.invoice_id).limit(MAX_LISTED)
    return [Invoice.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


async def changes_of(connection: AsyncConnection, name: str) -> Sequence[SubscriptionChange]:
    """List what changed of a subscription, in order."""
    statement = select(subscription_changes).where(subscription_changes.c.subscription_id == name)
    statement = statement.order_by(subscription_changes.c.change_id).limit(MAX_LISTED)
    return [SubscriptionChange.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


async def _is_overdue(connection: AsyncConnection, name: str, now: datetime) -> bool:
    statement = select(invoices.c.invoice_id).where(
        invoices.c.subscription_id == name, invoices.c.state == InvoiceState.OPEN, invoices.c.due_at < now
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def _change(
    connection: AsyncConnection, found: Subscription, changes: dict[str, Any], actor: str, because: str
) -> Subscription:
    if all(getattr(found, name) == value for name, value in changes.items()):
        return found
    values = changes | {"changed_by": actor, "because": because}
    statement = update(table).where(table.c.subscription_id == found.subscription_id).values(values).returning(table)
    with said_of(KIND, found.subscription_id):
        return _subscription((await connection.execute(statement)).mappings().one())


def _subscription(row: RowMapping) -> Subscription:
    return Subscription.model_validate(dict(row))
