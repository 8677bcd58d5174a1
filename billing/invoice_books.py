"""Invoices in the database and in the journal: drafted, finalised, void, written off; each of these steps once.

Functions take a connection and never commit: the caller's transaction is the step. Each posts at most once, and last, so call
one of them in a transaction. They lock the customer's row first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import applications, customers, posting
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.invoices import Action, Invoice, InvoiceLine, InvoiceRequest, InvoiceState, why_not
from billing.refusals import said_of
from billing.tables import invoice_lines, invoices
from ledger import journal

KIND = "invoice"
MAX_LISTED = 1000
SERIES = "INV"
"""Where nothing else is said, all numbers are of one series."""
_ONE = select(invoices)


async def draft(connection: AsyncConnection, request: InvoiceRequest) -> tuple[Invoice, bool]:
    """Write a draft down, or return the invoice of this id and content, and whether it is new.

    Raises IdConflict where the id stands for other content, ChangeRefused for a currency that is not the customer's.
    """
    customer = await customers.known(connection, request.customer_id)
    if customer.currency != request.currency:
        why = f"it is in {request.currency}, and customer {customer.customer_id} is billed in {customer.currency}"
        raise ChangeRefused(KIND, request.invoice_id, why)
    values = request.model_dump(exclude={"actor", "lines"})
    values |= {"request_hash": request.content_hash(), "created_by": request.actor}
    statement = insert(invoices).values(values).on_conflict_do_nothing(index_elements=["invoice_id"])
    with said_of(KIND, request.invoice_id):
        row = (await connection.execute(statement.returning(invoices.c.invoice_id))).first()
    if row is not None:
        numbered = [
            line.model_dump() | {"invoice_id": request.invoice_id, "line_number": number}
            for number, line in enumerate(request.lines, 1)
        ]
        await connection.execute(insert(invoice_lines).values(numbered))
    invoice = await known(connection, request.invoice_id)
    if invoice.request_hash != request.content_hash():
        raise IdConflict(KIND, request.invoice_id)
    return invoice, row is not None


async def finalize(connection: AsyncConnection, invoice_id: str, *, actor: str, series: str = SERIES) -> Invoice:
    """Number an invoice, issue it in the books, and let the customer's credit pay it; a second time changes nothing."""
    invoice = await _locked(connection, invoice_id)
    if invoice.finalized_at is not None:
        return invoice
    _require(invoice, Action.FINALIZE)
    changes: dict[str, Any] = {"series": series, "finalized_at": func.clock_timestamp(), "finalized_by": actor}
    invoice = await _change(connection, invoice_id, changes)
    issued = posting.issued(
        invoice, await lines_of(connection, invoice_id), event_at=cast("datetime", invoice.finalized_at), actor=actor
    )
    entries = [] if issued is None else [issued]
    entries += await applications.use_credit(connection, invoice, actor=actor)
    await journal.post(connection, entries)
    return await known(connection, invoice_id)


async def void(connection: AsyncConnection, invoice_id: str, *, actor: str, because: str) -> Invoice:
    """Call an invoice off, and undo its issue in the books; a second time changes nothing."""
    invoice = await _locked(connection, invoice_id)
    if invoice.state is InvoiceState.VOID:
        return invoice
    _require(invoice, Action.VOID)
    changes: dict[str, Any] = {"voided_at": func.clock_timestamp(), "voided_by": actor, "voided_because": because}
    invoice = await _change(connection, invoice_id, changes)
    if invoice.finalized_at is not None:
        lines = await lines_of(connection, invoice_id)
        undone = posting.voided(
            invoice, lines, event_at=cast("datetime", invoice.voided_at), actor=actor, because=because
        )
        await journal.post(connection, [] if undone is None else [undone])
    return invoice


async def write_off(connection: AsyncConnection, invoice_id: str, *, actor: str, because: str) -> Invoice:
    """Book what is still due as bad debt; what is paid later is recovered. A second time changes nothing."""
    invoice = await _locked(connection, invoice_id)
    if invoice.written_off_at is not None:
        return invoice
    _require(invoice, Action.WRITE_OFF)
    changes: dict[str, Any] = {
        "written_off_at": func.clock_timestamp(),
        "written_off_by": actor,
        "written_off_because": because,
    }
    invoice = await _change(connection, invoice_id, changes)
    lost = posting.written_off(invoice, event_at=cast("datetime", invoice.written_off_at), actor=actor, because=because)
    await journal.post(connection, [lost])
    return invoice


async def known(connection: AsyncConnection, invoice_id: str) -> Invoice:
    """Read an invoice that must exist; raises UnknownId."""
    row = (await connection.execute(_ONE.where(invoices.c.invoice_id == invoice_id))).mappings().first()
    if row is None:
        raise UnknownId(KIND, invoice_id)
    return _invoice(row)


async def lines_of(connection: AsyncConnection, invoice_id: str) -> Sequence[InvoiceLine]:
    """Read the lines of an invoice, in their order."""
    columns = [invoice_lines.c[name] for name in InvoiceLine.model_fields]
    statement = select(*columns).where(invoice_lines.c.invoice_id == invoice_id).order_by(invoice_lines.c.line_number)
    return [InvoiceLine.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


async def find(
    connection: AsyncConnection,
    *,
    customer_id: str | None = None,
    state: InvoiceState | None = None,
    limit: int = 100,
) -> Sequence[Invoice]:
    """List invoices, newest first; never more than 1,000."""
    order = invoices.c.created_at.desc(), invoices.c.invoice_id
    statement = _ONE.order_by(*order).limit(min(limit, MAX_LISTED))
    if customer_id is not None:
        statement = statement.where(invoices.c.customer_id == customer_id)
    if state is not None:
        statement = statement.where(invoices.c.state == state)
    return [_invoice(row) for row in (await connection.execute(statement)).mappings()]


async def open_of(connection: AsyncConnection, customer_id: str) -> Sequence[Invoice]:
    """List the open invoices of a customer, the one that is due longest first."""
    statement = _ONE.where(invoices.c.customer_id == customer_id, invoices.c.state == InvoiceState.OPEN)
    statement = statement.order_by(invoices.c.due_at, invoices.c.finalized_at, invoices.c.invoice_id)
    return [_invoice(row) for row in (await connection.execute(statement.limit(MAX_LISTED))).mappings()]


async def _locked(connection: AsyncConnection, invoice_id: str) -> Invoice:
    """Read an invoice after everybody who moves its customer's money, and before anybody else does."""
    invoice = await known(connection, invoice_id)
    await customers.known(connection, invoice.customer_id, lock=True)
    return await known(connection, invoice_id)


def _require(invoice: Invoice, action: Action) -> None:
    why = why_not(invoice, action)
    if why is not None:
        raise ChangeRefused(KIND, invoice.invoice_id, why)


async def _change(connection: AsyncConnection, invoice_id: str, changes: dict[str, Any]) -> Invoice:
    statement = update(invoices).where(invoices.c.invoice_id == invoice_id).values(changes).returning(invoices)
    with said_of(KIND, invoice_id):
        return _invoice((await connection.execute(statement)).mappings().one())


def _invoice(row: RowMapping) -> Invoice:
    return Invoice.model_validate(dict(row))
