"""`fees`: what gateways are expected to charge by the fee rules, and what they reported instead."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import fee_options, options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from ledger.entries import Line
    from ledger.fee_comparison import Comparison
    from ledger.fee_rules import FeeRules
    from ledger.fees import Fees
    from settings import Settings

app = typer.Typer(help="What gateways are expected to charge by the fee rules, and what they reported instead.")


@app.command()
def check(file: fee_options.RulesFile, *, as_json: options.AsJson = False) -> None:
    """Read a file of fee rules, and say what is wrong with it, with the line."""
    from commands import fee_documents

    editions = fee_documents.of_rules(_rules(file), datetime.now(UTC))
    if as_json:
        output.document({"editions": [edition.plain() for edition in editions]})
        return
    for edition in editions:
        begin = f"from {edition.effective_from:%Y-%m-%d %H:%M} UTC on"
        over = not edition.in_force and edition.effective_from <= datetime.now(UTC)
        state = "in force" if edition.in_force else "no longer in force" if over else begin
        output.line(f"edition {edition.version}, {state}: {', '.join(edition.rules)}")
    output.line(f"{file} is in order")


@app.command()
def explain(
    *,
    amount: options.Amount,
    currency: options.Currency = "USD",
    gateway: fee_options.Gateway,
    brand: fee_options.Brand = None,
    funding: fee_options.Funding = None,
    plan: fee_options.Plan = None,
    volume: fee_options.Volume = None,
    at: fee_options.At = None,
    rules: fee_options.Rules = None,
    as_json: options.AsJson = False,
) -> None:
    """Say what a purchase at this price comes to: by which rule and tier, and with which lines."""
    from commands import arguments, fee_documents, gateway_choice
    from ledger import fee_posting, fees
    from ledger.accounts import revenue_sales
    from ledger.entries import credit
    from ledger.exchange_errors import FeeUnknown
    from ledger.fee_rules import Ask

    content = {
        "amount": arguments.money(amount, currency),
        "gateway": arguments.known_gateway("--gateway", gateway, list(gateway_choice.KNOWN)),
        "card_brand": brand,
        "card_funding": funding,
        "plan": plan,
        "volume_minor": arguments.money(volume, currency).amount_minor if volume else 0,
    }
    ask = arguments.checked(Ask, content)
    moment = arguments.point_in_time("--at", at) or datetime.now(UTC)
    try:
        found = fees.of_purchase(*fees.rule_at(_rules(rules), moment, ask), ask)
    except FeeUnknown as error:
        raise AnswerIsNo(str(error)) from None
    lines = (*fee_posting.lines_of(found), credit(revenue_sales(), found.price))
    if as_json:
        output.document(fee_documents.of_fees(found, lines).plain())
    else:
        _show_fees(found, lines)


@app.command()
def compare(
    *,
    since: options.Since = None,
    rules: fee_options.Rules = None,
    limit: fee_options.ManyCaptures = 10_000,
    as_json: options.AsJson = False,
) -> None:
    """Hold the fees that gateways reported against the rules, capture by capture and rule by rule."""
    from commands import arguments, connections, fee_documents
    from ledger import captured_fees, fee_comparison

    begin = arguments.point_in_time("--since", since) or datetime(1970, 1, 1, tzinfo=UTC)
    read_rules = _rules(rules)

    async def read(settings: "Settings") -> "Comparison":
        async with connections.books(settings) as books:
            return fee_comparison.compare(read_rules, await captured_fees.since(books, begin, limit))

    comparison = connections.run(read)
    if as_json:
        output.document(fee_documents.of_comparison(comparison))
    else:
        _show_comparison(comparison)


def _rules(file: str | None) -> "FeeRules":
    """Read the fee rules of this file, or those of the settings; raises WrongUse with a line for each fault."""
    from commands import connections, gateway_choice
    from ledger import fee_rule_file
    from ledger.lined_yaml import FileFault

    path = file or connections.load_settings().fee_rules
    if not path:
        raise WrongUse("there are no fee rules: give --rules FILE, or set FEE_RULES")
    try:
        return fee_rule_file.read(Path(path), list(gateway_choice.KNOWN))
    except FileFault as error:
        raise WrongUse(*error.lines) from None


def _show_fees(found: "Fees", lines: "tuple[Line, ...]") -> None:
    output.line(f"rule {found.rule} of edition {found.version}, settled {found.settled}")
    for part in found.parts:
        tier = f"tier {part.number}: " if part.number else ""
        output.line(f"{tier}{part.percentage:f} % of {_money(part.amount_minor, found.gross.currency)}")
    output.line(f"fixed part: {found.fixed}")
    if found.bound is not None:
        output.line(f"the fee is the {found.bound} of the rule")
    amounts = {
        "price": found.price,
        "gross": found.gross,
        "fee": found.fee,
        "net": found.net,
        "of the fee, customer": found.of_customer,
        "of the fee, merchant": found.of_merchant,
    }
    for name, amount in amounts.items():
        output.line(f"{name}: {amount}")
    for line in lines:
        output.line(f"{line.side} {line.account.code} {line.money}")


def _show_comparison(comparison: "Comparison") -> None:
    from commands import fee_documents

    if not comparison.compared:
        output.line("there are no captures with a reported fee in that time")
        return
    columns = ("rule", "captures", "differing", "expected", "reported", "difference")
    sums = [fee_documents.of_sum(row) for row in comparison.sums]
    rows = [
        (
            f"{row.rule} ({row.version})",
            str(row.captures),
            str(row.differing),
            *(
                _money(minor, row.currency)
                for minor in (row.expected_fee_minor, row.reported_fee_minor, row.difference_minor)
            ),
        )
        for row in sums
    ]
    output.table(columns, rows, numbers=columns[1:])
    output.line("")
    differing = [fee_documents.of_compared(one) for one in comparison.differing]
    cells = [
        (
            one.operation_id,
            one.rule or "",
            _money(one.amount_minor, one.currency),
            "" if one.expected_fee_minor is None else _money(one.expected_fee_minor, one.currency),
            _money(one.reported_fee_minor, one.fee_currency),
            one.why_not or _money(one.difference_minor or 0, one.currency),
        )
        for one in differing
    ]
    if cells:
        output.table(("capture", "rule", "amount", "expected", "reported", "difference"), cells)
    else:
        output.line("every fee was reported as it was expected")


def _money(amount_minor: int, currency: str) -> str:
    from ledger.money import Money

    return str(Money(amount_minor=amount_minor, currency=currency))
