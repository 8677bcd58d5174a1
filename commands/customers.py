"""`customers`: who is billed, in which currency and time zone; and how they are reached, which may be erased."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import billing_options, options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.customers import Customer
    from commands.connections import Books
    from commands.customer_documents import CustomerSheetDocument

app = typer.Typer(help="Customers: opaque ids, and contacts that may be erased.")


@app.command()
def add(
    customer_id: billing_options.CustomerId,
    *,
    currency: options.Currency,
    time_zone: billing_options.TimeZone = "UTC",
    locale: billing_options.Locale = "en",
    customer_type: billing_options.CustomerType = "person",
    country: billing_options.Country = None,
    name: billing_options.Name = None,
    email: billing_options.Email = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a customer down; the same id is the same customer."""
    from billing import customers
    from billing.customers import Contact, CustomerRequest
    from commands import arguments, billing_arguments, billing_steps, customer_documents

    content = {
        "customer_id": customer_id,
        "currency": arguments.currency_code(currency),
        "time_zone": time_zone,
        "locale": locale,
        "type": customer_type,
        "country": country,
        "actor": billing_arguments.actor(by),
    }
    request = billing_arguments.checked(CustomerRequest, content, customer_id="CUSTOMER_ID")
    contact = billing_arguments.checked(Contact, {"name": name, "email": email})
    given = contact if name or email else None
    customer, is_new = billing_steps.write(lambda books: customers.add(books, request, given))
    if as_json:
        output.document(customer_documents.of_customer(customer).plain())
    else:
        output.line(f"customer {customer.customer_id} {'is added' if is_new else 'was there before'}")


@app.command()
def show(customer_id: billing_options.CustomerId, *, as_json: options.AsJson = False) -> None:
    """Show a customer: how it is reached, what it owes, and what it has as credit."""
    from billing import customers, invoice_books, payment_books
    from commands import arguments, billing_arguments, billing_steps, customer_documents

    arguments.identifier("CUSTOMER_ID", customer_id)

    async def whole(books: "Books") -> "CustomerSheetDocument":
        customer = await customers.known(books, customer_id)
        contact = await customers.contact_of(books, customer_id)
        owed = sum(invoice.due_minor for invoice in await invoice_books.open_of(books, customer_id))
        free = sum(payment.free_minor for payment in await payment_books.of_customer(books, customer_id))
        return customer_documents.of_sheet(customer, contact, owed_minor=owed, credit_minor=free)

    found = billing_steps.read(whole)
    if as_json:
        return output.document(found.plain())
    kind = f"{found.type}, {found.country}" if found.country else str(found.type)
    output.line(f"customer {found.customer_id}: {kind}, {found.locale}, {found.time_zone}, billed in {found.currency}")
    for title, text in (("name", found.name), ("e-mail", found.email)):
        if text:
            output.line(f"  {title:<10} {text}")
    output.line(f"  {'owed':<10} {billing_arguments.shown(found.owed_minor, found.currency)}")
    if found.credit_minor:
        output.line(f"  {'credit':<10} {billing_arguments.shown(found.credit_minor, found.currency)}")
    return None


@app.command(name="list")
def list_customers(*, limit: options.Limit = 50, as_json: options.AsJson = False) -> None:
    """List customers, the newest first; no names."""
    from billing import customers
    from commands import billing_steps, customer_documents

    async def listed(books: "Books") -> "Sequence[Customer]":
        return await customers.find(books, limit=limit)

    found = [customer_documents.of_customer(each) for each in billing_steps.read(listed)]
    if as_json:
        return output.document({"customers": [each.plain() for each in found]})
    columns = ("customer", "type", "country", "currency", "time zone", "locale", "since")
    rows = [
        (
            each.customer_id,
            str(each.type),
            each.country or "",
            each.currency,
            each.time_zone,
            each.locale,
            f"{each.created_at:%Y-%m-%d %H:%M}",
        )
        for each in found
    ]
    return output.table(columns, rows) if rows else output.line("there is no customer")


@app.command(name="erase-contact")
def erase_contact(
    customer_id: billing_options.CustomerId, *, by: billing_options.By = None, as_json: options.AsJson = False
) -> None:
    """Forget a customer's name and address for good; everything else stays, since it names nobody."""
    from billing import customers
    from commands import arguments, billing_arguments, billing_steps

    arguments.identifier("CUSTOMER_ID", customer_id)
    actor = billing_arguments.actor(by)
    is_new = billing_steps.write(lambda books: customers.erase_contact(books, customer_id, actor=actor))
    if as_json:
        output.document({"customer_id": customer_id, "erased": True})
    else:
        output.line(
            f"the contact of customer {customer_id} {'is' if is_new else 'was'} erased{'' if is_new else ' before'}"
        )
