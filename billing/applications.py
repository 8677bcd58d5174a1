"""Which payment pays which invoice: rows that are only added, and the entries that follow from them.

Here they are written for whoever holds the lock of the customer's row; the entries are returned, so that each step posts once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import posting
from billing.invoices import Invoice
from billing.payments import Payment
from billing.refusals import said_of
from billing.settlement import Share, moves
from billing.tables import invoices, payment_applications, payments
from ledger.entries import Entry
from ledger.record import Record

KIND = "payment"


class Application(Record):
    """An amount of a payment that was applied to an invoice, or, below zero, taken back from it."""

    application_id: int
    payment_id: str
    invoice_id: str
    amount_minor: int
    applied_at: datetime
    applied_by: str


async def settle(
    connection: AsyncConnection,
    payment: Payment,
    amount_minor: int,
    due: Sequence[Invoice],
    *,
    free_before_minor: int,
    actor: str,
) -> list[Entry]:
    """Spread a payment of this amount over these invoices, in their order, and return the entries of that.

    `free_before_minor` is what the books hold as the customer's credit from this payment.
    """
    applied = await _applied(connection, payment.payment_id)
    made = moves(amount_minor, applied, [Share(each.invoice_id, each.due_minor) for each in due])
    # What is applied never exceeds the amount: less is applied before it falls, and more after it rose.
    if amount_minor > payment.amount_minor:
        await _write(connection, payment.payment_id, {"amount_minor": amount_minor})
    entries = [entry for move in made if (entry := await _apply(connection, payment, move, actor)) is not None]
    free = max(amount_minor, 0) - sum(share.amount_minor for share in (*applied, *made))
    changes: dict[str, int] = {}
    if amount_minor < payment.amount_minor:
        changes["amount_minor"] = amount_minor
    if free != free_before_minor:
        changes["changes"] = payment.changes + 1
        moved = payment.model_copy(update=changes)
        now = datetime.now(UTC)
        entries.append(posting.credit_changed(moved, free - free_before_minor, event_at=now, actor=actor))
    if changes:
        await _write(connection, payment.payment_id, changes)
    return entries


async def use_credit(connection: AsyncConnection, invoice: Invoice, *, actor: str) -> list[Entry]:
    """Let what earlier payments left over pay an invoice, the oldest first, and return the entries of that."""
    free = func.greatest(payments.c.amount_minor, 0) - payments.c.applied_minor
    statement = select(payments).where(
        payments.c.customer_id == invoice.customer_id, payments.c.currency == invoice.currency, free > 0
    )
    statement = statement.order_by(payments.c.received_at, payments.c.payment_id)
    entries: list[Entry] = []
    for row in (await connection.execute(statement)).mappings().all():
        if not invoice.due_minor:
            break
        payment = payment_of(row)
        kept = payment.free_minor
        entries += await settle(
            connection, payment, payment.amount_minor, [invoice], free_before_minor=kept, actor=actor
        )
        due = invoice.due_minor - min(kept, invoice.due_minor)
        invoice = invoice.model_copy(update={"due_minor": due})
    return entries


async def of_invoice(connection: AsyncConnection, invoice_id: str) -> Sequence[Application]:
    """List what was applied to an invoice and taken back from it, in order."""
    statement = select(payment_applications).where(payment_applications.c.invoice_id == invoice_id)
    statement = statement.order_by(payment_applications.c.application_id)
    return [Application.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


def payment_of(row: RowMapping) -> Payment:
    """Read a row of `payments`."""
    return Payment.model_validate(dict(row))


async def _applied(connection: AsyncConnection, payment_id: str) -> list[Share]:
    """Return what a payment pays, by invoice, that which it paid first, first."""
    table = payment_applications
    total = func.sum(table.c.amount_minor)
    statement = select(table.c.invoice_id, total).where(table.c.payment_id == payment_id)
    statement = statement.group_by(table.c.invoice_id).having(total > 0).order_by(func.min(table.c.application_id))
    return [Share(name, int(minor)) for name, minor in await connection.execute(statement)]


async def _apply(connection: AsyncConnection, payment: Payment, move: Share, actor: str) -> Entry | None:
    values = {"payment_id": payment.payment_id, "invoice_id": move.invoice_id, "amount_minor": move.amount_minor}
    statement = insert(payment_applications).values(values | {"applied_by": actor})
    with said_of(KIND, payment.payment_id):
        [application_id] = (await connection.execute(statement.returning(payment_applications.c.application_id))).one()
    row = (await connection.execute(select(invoices).where(invoices.c.invoice_id == move.invoice_id))).mappings().one()
    invoice = Invoice.model_validate(dict(row))
    if invoice.written_off_at is None:
        return None
    money = payment.money(move.amount_minor)
    return posting.recovered(invoice, money, application_id, event_at=datetime.now(UTC), actor=actor)


async def _write(connection: AsyncConnection, payment_id: str, changes: dict[str, int]) -> None:
    with said_of(KIND, payment_id):
        await connection.execute(update(payments).where(payments.c.payment_id == payment_id).values(changes))
