"""`dunning`: how unpaid invoices are recovered, and what a policy would do."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import dunning_options, options, outages, output
from commands.errors import WrongUse

if TYPE_CHECKING:
    from billing.dunning.policy import Edition, Policies
    from commands.dunning_documents import DunningEditionDocument, PreviewDocument

app = typer.Typer(help="How unpaid invoices are recovered, and what a policy would do.")
policy_app = typer.Typer(help="The policies of dunning.")
app.add_typer(policy_app, name="policy")
app.command()(outages.outages)


@policy_app.command()
def check(file: dunning_options.PolicyFile, *, as_json: options.AsJson = False) -> None:
    """Read a dunning policy, and say what is wrong with it, with the line."""
    from billing.dunning.errors import DunningPolicyFault
    from commands import dunning_documents

    try:
        editions = dunning_documents.of_policies(_policies(file), datetime.now(UTC))
    except DunningPolicyFault as error:
        raise WrongUse(*(f"{file}: {line}" for line in error.lines)) from None
    if as_json:
        output.document({"editions": [edition.plain() for edition in editions]})
    else:
        _show_editions(file, editions)


@app.command()
def preview(
    *,
    decline: dunning_options.Decline,
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
    """Show the calendar of an invoice whose every try is declined with a code: tries, notices, access, end, and why."""
    from commands import arguments, dunning_preview

    failed_at = arguments.point_in_time("--at", at) or datetime.now(UTC)
    failure = dunning_preview.Failure(
        invoice_id=invoice_id,
        amount=arguments.money(amount, currency),
        failed_at=failed_at,
        decline=decline,
        advice=advice,
        gateway=gateway,
        network=network,
        card_country=card_country,
        customer_zone=customer_zone,
        customer_country=customer_country,
        customer_type=customer_type,
        plan=plan,
        customer_days=customer_days,
    )
    shown = dunning_preview.preview(_edition(_policies(policy), failed_at), failure)
    if as_json:
        output.document(shown.plain())
    else:
        _show_preview(shown)


def _policies(file: str | None) -> "Policies":
    from billing.dunning import policy_file
    from billing.dunning.errors import DunningPolicyFault

    try:
        return policy_file.read(Path(file)) if file else policy_file.read()
    except DunningPolicyFault as error:
        raise WrongUse(*error.lines) from None


def _edition(policies: "Policies", moment: datetime) -> "Edition":
    from billing.dunning.errors import DunningPolicyFault

    try:
        return policies.at(moment)
    except DunningPolicyFault as error:
        raise WrongUse(*error.lines) from None


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
