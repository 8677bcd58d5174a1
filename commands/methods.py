"""`methods`: what a customer pays with: tokens of gateways, in an order of preference."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import billing_options, options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.methods import Method
    from commands.connections import Books
    from commands.customer_documents import MethodDocument

app = typer.Typer(help="Payment methods of customers: tokens at gateways, in an order of preference.")


@app.command()
def add(
    method_id: billing_options.MethodId,
    *,
    customer: options.Customer,
    gateway: billing_options.Gateway,
    token: billing_options.Token,
    gateway_customer: billing_options.GatewayCustomer = None,
    brand: billing_options.Brand = None,
    country: billing_options.Country = None,
    funding: billing_options.Funding = None,
    expires: billing_options.Expires = None,
    fingerprint: billing_options.Fingerprint = None,
    mandate: billing_options.Mandate = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Add a payment method behind the customer's others; the same id is the same method."""
    from billing import methods
    from billing.methods import MethodRequest
    from commands import arguments, billing_arguments, billing_steps, connections, gateway_choice

    content = {
        "method_id": method_id,
        "customer_id": customer,
        "gateway": arguments.known_gateway("--gateway", gateway, gateway_choice.names(connections.load_settings())),
        "token": token,
        "gateway_customer": gateway_customer,
        "brand": brand,
        "country": country,
        "funding": funding,
        "expires_on": billing_arguments.last_day("--expires", expires),
        "fingerprint": fingerprint,
        "mandate_reference": mandate,
        "actor": billing_arguments.actor(by),
    }
    request = billing_arguments.checked(MethodRequest, content)
    method, is_new = billing_steps.write(lambda books: methods.add(books, request))
    _answer(method, "is added" if is_new else "was there before", as_json=as_json)


@app.command(name="list")
def list_methods(
    *, customer: options.Customer, gone: billing_options.Gone = False, as_json: options.AsJson = False
) -> None:
    """List a customer's payment methods, the preferred one first."""
    from billing import methods
    from commands import arguments, billing_steps, customer_documents

    arguments.identifier("--customer", customer)

    async def listed(books: "Books") -> "Sequence[Method]":
        return await methods.of_customer(books, customer, gone=gone)

    found = [customer_documents.of_method(each) for each in billing_steps.read(listed)]
    if as_json:
        return output.document({"methods": [each.plain() for each in found]})
    columns = ("method", "gateway", "brand", "country", "funding", "good until", "what is known")
    rows = [_row(each) for each in found]
    return output.table(columns, rows) if rows else output.line(f"customer {customer} has no payment method")


@app.command()
def remove(
    method_id: billing_options.MethodId, *, by: billing_options.By = None, as_json: options.AsJson = False
) -> None:
    """Take a payment method away, so that nothing is ever charged to it again."""
    from billing import methods
    from commands import arguments, billing_arguments, billing_steps

    arguments.identifier("METHOD_ID", method_id)
    actor = billing_arguments.actor(by)
    _answer(
        billing_steps.write(lambda books: methods.remove(books, method_id, actor=actor)), "is removed", as_json=as_json
    )


@app.command()
def refresh(
    method_id: billing_options.MethodId, *, by: billing_options.By = None, as_json: options.AsJson = False
) -> None:
    """Read a payment method again at its gateway: its network may have renewed the card, or the gateway has it no more."""
    from commands import arguments, billing_arguments, method_refresh

    arguments.identifier("METHOD_ID", method_id)
    method, what = method_refresh.refresh(method_id, billing_arguments.actor(by))
    _answer(method, what, as_json=as_json)


@app.command()
def prefer(method_id: billing_options.MethodId, *, as_json: options.AsJson = False) -> None:
    """Put a payment method before the customer's others."""
    from billing import methods
    from commands import arguments, billing_steps

    arguments.identifier("METHOD_ID", method_id)
    _answer(billing_steps.write(lambda books: methods.prefer(books, method_id)), "is tried first", as_json=as_json)


def _answer(method: "Method", what: str, *, as_json: bool) -> None:
    from commands import customer_documents

    if as_json:
        output.document(customer_documents.of_method(method).plain())
    else:
        output.line(f"payment method {method.method_id} of customer {method.customer_id} {what}")


def _row(method: "MethodDocument") -> tuple[str, ...]:
    known = ""
    if method.removed_at is not None:
        why = f": {method.removed_because}" if method.removed_because else ""
        known = f"removed {method.removed_at:%Y-%m-%d} by {method.removed_by}{why}"
    elif method.replaced_at is not None:
        known = f"replaced {method.replaced_at:%Y-%m-%d} by {method.replaced_by}"
    elif not method.is_usable:
        known = f"never again: {method.never_because}"
    elif method.renewed_at is not None:
        known = f"renewed {method.renewed_at:%Y-%m-%d}"
    until = f"{method.expires_on:%Y-%m}" if method.expires_on else ""
    card = (method.brand or "", method.country or "", method.funding or "")
    return method.method_id, method.gateway, *card, until, known
