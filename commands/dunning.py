"""`dunning`: how unpaid invoices are recovered, and what a policy would do."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from commands import dunning_desk_options, dunning_options, options, outages, output
from commands.errors import WrongUse

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.dunning_documents import DunningEditionDocument, PreviewDocument

app = typer.Typer(help="How unpaid invoices are recovered, and what a policy would do.")
policy_app = typer.Typer(help="The policies of dunning.")
app.add_typer(policy_app, name="policy")
app.command()(outages.outages)


@policy_app.command()
def check(file: dunning_options.PolicyFile, *, as_json: options.AsJson = False) -> None:
    """Read a dunning policy, and say what is wrong with it, with the line."""
    from billing.dunning.errors import DunningPolicyFault
    from commands import dunning_documents, dunning_policies

    try:
        editions = dunning_documents.of_policies(dunning_policies.read(file), datetime.now(UTC))
    except DunningPolicyFault as error:
        raise WrongUse(*(f"{file}: {line}" for line in error.lines)) from None
    if as_json:
        output.document({"editions": [edition.plain() for edition in editions]})
    else:
        _show_editions(file, editions)


@app.command()
def preview(
    *,
    invoice: dunning_desk_options.PreviewedInvoice = None,
    decline: dunning_options.Decline = None,
    policy: dunning_options.Policy = None,
    advice: dunning_options.Advice = None,
    gateway: dunning_options.Gateway = "stripe",
    network: dunning_options.Network = None,
    card_country: dunning_options.CardCountry = None,
    customer_zone: dunning_options.CustomerZone = None,
    customer_country: dunning_options.CustomerCountry = None,
    customer_type: dunning_options.CustomerType = None,
    plan: dunning_options.Plan = None,
    customer_days: dunning_options.CustomerDays = None,
    amount: dunning_options.Amount = "49.99",
    currency: dunning_options.Currency = "USD",
    at: dunning_options.At = None,
    invoice_id: dunning_options.InvoiceId = "hypothetical",
    as_json: options.AsJson = False,
) -> None:
    """Show the calendar of an invoice whose every try is declined with a code: tries, notices, access, end, and why.

    With --invoice, what is left of a real one if its newest decline repeats; with --policy, by another policy.
    """
    from commands import arguments, dunning_policies, dunning_preview

    supposed: dict[str, object] = {
        "decline": decline,
        "advice": advice,
        "gateway": gateway,
        "network": network,
        "card_country": card_country,
        "customer_zone": customer_zone,
        "customer_country": customer_country,
        "customer_type": customer_type,
        "plan": plan,
        "customer_days": customer_days,
        "invoice_id": invoice_id,
    }
    if invoice is not None:
        dunning_preview.require_nothing_supposed(supposed | {"amount": amount, "currency": currency, "at": at})
        return _show(_real(invoice, policy), as_json=as_json)
    if decline is None:
        raise WrongUse("give --invoice for a real one, or --decline with a code for a supposed one")
    failed_at = arguments.point_in_time("--at", at) or datetime.now(UTC)
    money = arguments.money(amount, currency)
    failure = dunning_preview.Failure.model_validate(supposed | {"amount": money, "failed_at": failed_at})
    edition = dunning_policies.edition_at(dunning_policies.read(policy), failed_at)
    return _show(dunning_preview.preview(edition, failure), as_json=as_json)


def _real(invoice_id: str, policy: str | None) -> "PreviewDocument":
    from commands import arguments, billing_steps, dunning_policies, dunning_rows

    arguments.identifier("--invoice", invoice_id)
    now = datetime.now(UTC)
    edition = dunning_policies.edition_at(dunning_policies.read(policy), now) if policy is not None else None

    async def foreseen(books: "Books") -> "PreviewDocument":
        return await dunning_rows.preview(books, invoice_id, edition, now)

    return billing_steps.read(foreseen)


def _show(shown: "PreviewDocument", *, as_json: bool) -> None:
    if as_json:
        output.document(shown.plain())
    else:
        _show_preview(shown)


def _show_editions(file: str, editions: "list[DunningEditionDocument]") -> None:
    for edition in editions:
        begin = f"{edition.effective_from:%Y-%m-%d %H:%M} UTC"
        is_over = not edition.in_force and edition.effective_from <= datetime.now(UTC)
        state = "in force" if edition.in_force else "no longer in force" if is_over else f"in force from {begin}"
        output.line(f"edition {edition.version}, {state}: {', '.join(edition.policies)}")
    output.line(f"{file} is in order")


def _show_preview(shown: "PreviewDocument") -> None:
    output.line(f"policy {shown.policy_version}/{shown.policy}, times of {shown.zone}")
    if shown.decline is not None:
        output.line(f"class {shown.decline.decline_class}: {shown.decline.why}")
    rows = [(f"day {entry.day}", entry.local, entry.clock, entry.what, entry.why) for entry in shown.entries]
    output.table(("day", "when", "clock", "what", "why"), rows, numbers=("day",))
