"""What happened to an unpaid invoice: what people commanded, from its own rows, and the facts that the database has anyway.

Paid, void, cancelled and disputed are kept where they happened and read from there, so that no copy can contradict them.
What the end of the process itself did is no fact that ended it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning.decision import Reason
from billing.dunning.history import Event, EventKind
from billing.dunning_books import Dunning
from billing.dunning_clock import Clock, Mark
from billing.dunning_tables import dunning_events
from billing.invoices import Invoice, InvoiceState
from billing.subscriptions import SubscriptionState
from billing.tables import payment_applications, subscriptions
from billing.tries import InvoiceTry
from ledger.database import charges, withdrawals
from ledger.record import Record

MAX_DISPUTES = 100


class Command(Record):
    """What a person commanded, or that the process ended."""

    event_seq: int
    invoice_id: str
    kind: EventKind
    at: datetime
    until: datetime | None
    policy: str | None
    method_id: str | None
    """With which a try was asked for; None for the customer's order."""
    by: str
    because: str
    recorded_at: datetime
    customer_present: bool
    """Whether the customer is there to act."""

    @property
    def as_event(self) -> Event:
        """It, as the decisions of dunning are made from it."""
        return Event(
            at=self.at,
            kind=self.kind,
            until=self.until,
            policy=self.policy,
            by=self.by,
            method=self.method_id,
            customer_present=self.customer_present,
        )


async def commands_of(connection: AsyncConnection, invoice_id: str) -> Sequence[Command]:
    """List what was commanded, in order."""
    statement = select(dunning_events).where(dunning_events.c.invoice_id == invoice_id)
    rows = (await connection.execute(statement.order_by(dunning_events.c.event_seq))).mappings()
    return [Command.model_validate(dict(row)) for row in rows]


def clock_of(dunning: Dunning, tries: Sequence[InvoiceTry], commands: Sequence[Command]) -> Clock:
    """Return what tells by which clock this dunning lives."""
    marks = [Mark(dunning.recorded_at, dunning.began_at)]
    marks += [Mark(tried.recorded_at, tried.tried_at) for tried in tries]
    marks += [Mark(command.recorded_at, command.at) for command in commands]
    return Clock(marks)


async def events_of(
    connection: AsyncConnection,
    dunning: Dunning,
    invoice: Invoice,
    tries: Sequence[InvoiceTry],
    commands: Sequence[Command],
) -> list[Event]:
    """Return commands and facts in the order of time."""
    clock = clock_of(dunning, tries, commands)
    found = [command.as_event for command in commands]
    found += await _of_invoice(connection, dunning, invoice, clock)
    found += await _of_subscription(connection, dunning, clock, tries[0].tried_at if tries else dunning.failed_at)
    found += await _of_disputes(connection, dunning, clock)
    return sorted(found, key=lambda event: event.at)


async def _of_invoice(connection: AsyncConnection, dunning: Dunning, invoice: Invoice, clock: Clock) -> list[Event]:
    found = []
    if invoice.state is InvoiceState.PAID:
        applied = select(func.max(payment_applications.c.applied_at)).where(
            payment_applications.c.invoice_id == invoice.invoice_id, payment_applications.c.amount_minor > 0
        )
        paid_at = await connection.scalar(applied) or invoice.finalized_at
        if paid_at is not None:
            found.append(Event(at=clock.of(paid_at), kind=EventKind.PAID))
    if invoice.voided_at is not None and _ended_it(dunning, Reason.VOIDED):
        found.append(Event(at=clock.of(invoice.voided_at), kind=EventKind.VOIDED, by=invoice.voided_by))
    if invoice.written_off_at is not None and dunning.ended_at is None:
        # Whoever writes it off by hand gives it up.
        given_up_at = clock.of(invoice.written_off_at)
        found.append(Event(at=given_up_at, kind=EventKind.GIVEN_UP, by=invoice.written_off_by))
    return found


async def _of_subscription(connection: AsyncConnection, dunning: Dunning, clock: Clock, since: datetime) -> list[Event]:
    """Return that it was cancelled; what was owed of one that was cancelled before is owed still."""
    if dunning.subscription_id is None or not _ended_it(dunning, Reason.SUBSCRIPTION_CANCELLED):
        return []
    columns = subscriptions.c.changed_at, subscriptions.c.changed_by
    statement = select(*columns).where(
        subscriptions.c.subscription_id == dunning.subscription_id,
        subscriptions.c.state == SubscriptionState.CANCELED,
    )
    row = (await connection.execute(statement)).first()
    if row is None or clock.of(row.changed_at) <= since:
        return []
    return [Event(at=clock.of(row.changed_at), kind=EventKind.SUBSCRIPTION_CANCELLED, by=row.changed_by)]


async def _of_disputes(connection: AsyncConnection, dunning: Dunning, clock: Clock) -> list[Event]:
    """Return since when and until when the customer disputes any charge; several that overlap are one."""
    statement = (
        select(withdrawals.c.recorded_at, withdrawals.c.closed_at, withdrawals.c.read_at)
        .join(charges, charges.c.charge_id == withdrawals.c.charge_id)
        .where(charges.c.customer == dunning.customer_id, withdrawals.c.kind == "dispute")
        .order_by(withdrawals.c.recorded_at.desc())
        .limit(MAX_DISPUTES)
    )
    found: list[Event] = []
    spans = [_span(row, clock) for row in await connection.execute(statement)]
    for began, ended in sorted(spans, key=lambda span: span[0]):
        if ended is not None and ended <= dunning.failed_at:
            continue
        last = found[-1] if found else None
        if last is not None and last.kind is EventKind.DISPUTE_OPENED:
            continue  # an earlier one lasts still
        if last is not None and began <= last.at:
            found.pop()
        else:
            found.append(Event(at=began, kind=EventKind.DISPUTE_OPENED))
            last = None
        if ended is not None:
            ends = max(ended, last.at) if last is not None else ended
            found.append(Event(at=ends, kind=EventKind.DISPUTE_CLOSED))
    return found


def _span(row: Any, clock: Clock) -> tuple[datetime, datetime | None]:
    began = clock.of(row.recorded_at)
    if row.closed_at is None:
        return began, None
    return began, max(began, clock.of(max(row.closed_at, row.recorded_at)))


def _ended_it(dunning: Dunning, reason: Reason) -> bool:
    """Whether a fact can be what ended it, and is not what its end brought about."""
    return dunning.ended_at is None or dunning.reason is reason
