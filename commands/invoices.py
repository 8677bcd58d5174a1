"""`invoices`: what customers are asked to pay: draft, finalise, void, write off, and look at them."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import billing_options, options, output

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from billing.invoices import Invoice
    from commands.connections import Books
    from commands.invoice_documents import InvoiceSheetDocument

app = typer.Typer(help="Invoices, and the payments that close them.")


@app.command(name="list")
def list_invoices(
    *,
    customer: options.CustomerFilter = None,
    state: billing_options.StateFilter = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List invoices, the newest first."""
    from billing import invoice_books
    from billing.invoices import InvoiceState
    from commands import billing_arguments, billing_steps, invoice_documents

    wanted = billing_arguments.state(InvoiceState, state)

    async def listed(books: "Books") -> "Sequence[Invoice]":
        return await invoice_books.find(books, customer_id=customer, state=wanted, limit=limit)

    found = billing_steps.read(listed)
    if as_json:
        return output.document({"invoices": [invoice_documents.of_invoice(each).plain() for each in found]})
    columns = ("invoice", "number", "state", "customer", "total", "due", "due at")
    rows = [
        (
            each.invoice_id,
            each.number or "",
            str(each.state),
            each.customer_id,
            str(each.total),
            str(each.due),
            f"{each.due_at:%Y-%m-%d %H:%M}" if each.due_at else "",
        )
        for each in found
    ]
    return output.table(columns, rows, numbers=("total", "due")) if rows else output.line("there is no such invoice")


@app.command()
def show(invoice_id: billing_options.InvoiceId, *, as_json: options.AsJson = False) -> None:
    """Show an invoice: its lines, what was paid of it by which payment, and what became of it."""
    from billing import applications, invoice_books
    from commands import arguments, billing_arguments, billing_steps, invoice_documents

    arguments.identifier("INVOICE_ID", invoice_id)

    async def whole(books: "Books") -> "InvoiceSheetDocument":
        invoice = await invoice_books.known(books, invoice_id)
        lines = await invoice_books.lines_of(books, invoice_id)
        return invoice_documents.of_sheet(invoice, lines, await applications.of_invoice(books, invoice_id))

    found = billing_steps.read(whole)
    if as_json:
        return output.document(found.plain())
    total, due = (billing_arguments.shown(minor, found.currency) for minor in (found.total_minor, found.due_minor))
    number = f" ({found.number})" if found.number else ""
    output.line(
        f"invoice {found.invoice_id}{number} is {found.state}: {total} of customer {found.customer_id}, {due} due"
    )
    for line in found.lines:
        days = f", {line.begins} to {line.ends}" if line.begins else ""
        amount = billing_arguments.shown(line.amount_minor, found.currency)
        output.line(f"  {amount:>16}  {line.description}{days}  -> {line.earns_to}")
    for applied in found.applications:
        amount = billing_arguments.shown(applied.amount_minor, found.currency)
        output.line(f"{applied.applied_at:%Y-%m-%d %H:%M:%S} {amount} of payment {applied.payment_id}")
    if found.voided_at:
        output.line(f"{found.voided_at:%Y-%m-%d %H:%M:%S} void, by {found.voided_by}: {found.voided_because}")
    if found.written_off_at:
        by = f"by {found.written_off_by}: {found.written_off_because}"
        output.line(f"{found.written_off_at:%Y-%m-%d %H:%M:%S} written off, {by}")
    return None


@app.command()
def draft(
    invoice_id: billing_options.InvoiceId,
    *,
    customer: options.Customer,
    currency: options.Currency,
    lines: billing_options.InvoiceLines,
    due: billing_options.Due = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Write an invoice down; nothing is owed, and it has no number, before it is finalised. The same id is the same invoice."""
    from billing import invoice_books
    from billing.invoices import InvoiceRequest
    from commands import arguments, billing_arguments

    unit = arguments.unit("--currency", currency)
    content = {
        "invoice_id": invoice_id,
        "customer_id": customer,
        "currency": unit,
        "lines": [billing_arguments.invoice_line(line, unit) for line in lines],
        "due_at": billing_arguments.instant("--due", due),
        "actor": billing_arguments.actor(by),
    }
    request = billing_arguments.checked(InvoiceRequest, content)

    async def drafted(books: "Books") -> "Invoice":
        return (await invoice_books.draft(books, request))[0]

    _write(drafted, as_json=as_json)


@app.command()
def finalize(
    invoice_id: billing_options.InvoiceId,
    *,
    series: billing_options.Series = "INV",
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Number an invoice and book that it is owed; the customer's credit pays it at once."""
    from billing import invoice_books
    from commands import arguments, billing_arguments

    arguments.identifier("INVOICE_ID", invoice_id)
    actor, code = billing_arguments.actor(by), billing_arguments.series(series)
    _write(lambda books: invoice_books.finalize(books, invoice_id, actor=actor, series=code), as_json=as_json)


@app.command()
def void(
    invoice_id: billing_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Call an invoice off: nothing is owed of it any more. Refused where a part of it is paid."""
    from billing import invoice_books
    from commands import arguments, billing_arguments

    arguments.identifier("INVOICE_ID", invoice_id)
    actor, why = billing_arguments.actor(by), billing_arguments.because(because)
    _write(lambda books: invoice_books.void(books, invoice_id, actor=actor, because=why), as_json=as_json)


@app.command(name="write-off")
def write_off(
    invoice_id: billing_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Book what is still due of an invoice as bad debt; what is paid of it later is recovered."""
    from billing import invoice_books
    from commands import arguments, billing_arguments

    arguments.identifier("INVOICE_ID", invoice_id)
    actor, why = billing_arguments.actor(by), billing_arguments.because(because)
    _write(lambda books: invoice_books.write_off(books, invoice_id, actor=actor, because=why), as_json=as_json)


@app.command()
def link(
    invoice_id: billing_options.InvoiceId,
    *,
    valid_for: billing_options.LinkLife = "14d",
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a link by which the customer pays an open invoice, or gives another payment method: once, until it lapses."""
    from datetime import UTC, datetime

    from billing import links
    from commands import arguments, billing_arguments, billing_steps, invoice_documents

    arguments.identifier("INVOICE_ID", invoice_id)
    addresses = billing_arguments.link_addresses()
    actor, life = billing_arguments.actor(by), billing_arguments.link_life("--valid-for", valid_for)
    now = datetime.now(UTC)
    made = billing_steps.write(lambda books: links.issue(books, invoice_id, now=now, actor=actor, life=life))
    found = invoice_documents.of_link(made, addresses.of(made.link_id))
    return output.document(found.plain()) if as_json else output.line(found.address)


def _write(step: "Callable[[Books], Awaitable[Invoice]]", *, as_json: bool) -> None:
    from commands import billing_steps, invoice_documents

    found = billing_steps.write(step)
    if as_json:
        return output.document(invoice_documents.of_invoice(found).plain())
    number = f" ({found.number})" if found.number else ""
    return output.line(f"invoice {found.invoice_id}{number} is {found.state}: {found.total}, {found.due} due")
