"""The documents of the `fees` commands with `--json`."""

from collections.abc import Iterator
from datetime import datetime

from commands.documents import Document
from commands.ledger_documents import LineDocument
from ledger import editions
from ledger.entries import Line
from ledger.fee_comparison import ComparedFee, Comparison, RuleSum
from ledger.fee_rules import FeeEdition, FeeRules
from ledger.fees import Fees


class FeeEditionDocument(Document):
    """An edition of the fee rules."""

    version: str
    effective_from: datetime
    in_force: bool
    rules: list[str]


class TierDocument(Document):
    """What of an amount falls into a tier."""

    tier: int
    amount_minor: int
    percentage: str


class FeesDocument(Document):
    """A purchase with its fee."""

    gateway: str
    version: str | None
    rule: str | None
    currency: str
    price_minor: int
    gross_minor: int
    fee_minor: int
    net_minor: int
    of_customer_minor: int
    of_merchant_minor: int
    settled: str
    tiers: list[TierDocument]
    fixed_minor: int | None
    bound: str | None
    lines: list[LineDocument]


class ComparedFeeDocument(Document):
    """A capture's fee, expected against reported."""

    operation_id: str
    charge_id: str
    gateway: str
    version: str | None
    rule: str | None
    amount_minor: int
    currency: str
    expected_fee_minor: int | None
    reported_fee_minor: int
    fee_currency: str
    difference_minor: int | None
    why_not: str | None


class RuleSumDocument(Document):
    """The captures of a rule in a currency."""

    version: str
    rule: str
    currency: str
    captures: int
    differing: int
    expected_fee_minor: int
    reported_fee_minor: int
    difference_minor: int


def of_rules(rules: FeeRules, now: datetime) -> list[FeeEditionDocument]:
    """Show the editions of a file."""
    return [_of_edition(edition, editions.in_force(rules.editions, now)) for edition in rules.editions]


def _of_edition(edition: FeeEdition, current: FeeEdition | None) -> FeeEditionDocument:
    return FeeEditionDocument(
        version=edition.version,
        effective_from=edition.effective_from,
        in_force=current is not None and edition.version == current.version,
        rules=[rule.name for rule in edition.rules],
    )


def of_fees(fees: Fees, lines: tuple[Line, ...]) -> FeesDocument:
    """Show a purchase with its fee and the lines that it would have."""
    return FeesDocument(
        gateway=fees.gateway,
        version=fees.version,
        rule=fees.rule,
        currency=fees.gross.currency,
        price_minor=fees.price.amount_minor,
        gross_minor=fees.gross.amount_minor,
        fee_minor=fees.fee.amount_minor,
        net_minor=fees.net.amount_minor,
        of_customer_minor=fees.of_customer.amount_minor,
        of_merchant_minor=fees.of_merchant.amount_minor,
        settled=fees.settled,
        tiers=[
            TierDocument(tier=part.number, amount_minor=part.amount_minor, percentage=f"{part.percentage:f}")
            for part in fees.parts
        ],
        fixed_minor=None if fees.fixed is None else fees.fixed.amount_minor,
        bound=fees.bound,
        lines=list(_of_lines(lines)),
    )


def _of_lines(lines: tuple[Line, ...]) -> Iterator[LineDocument]:
    for line in lines:
        money = line.money
        yield LineDocument(
            account=line.account.code, side=line.side, amount_minor=money.amount_minor, currency=money.currency
        )


def of_compared(one: ComparedFee) -> ComparedFeeDocument:
    """Show a capture."""
    reported, found = one.reported, one.fees
    expected = None if found is None or found.expected is None else found.expected.amount_minor
    return ComparedFeeDocument(
        operation_id=reported.operation_id,
        charge_id=reported.charge_id,
        gateway=reported.ask.gateway,
        version=None if found is None else found.version,
        rule=None if found is None else found.rule,
        amount_minor=reported.ask.amount.amount_minor,
        currency=reported.ask.amount.currency,
        expected_fee_minor=expected,
        reported_fee_minor=reported.fee.amount_minor,
        fee_currency=reported.fee.currency,
        difference_minor=None if expected is None else reported.fee.amount_minor - expected,
        why_not=one.why_not,
    )


def of_sum(row: RuleSum) -> RuleSumDocument:
    """Show the sums of a rule."""
    return RuleSumDocument(
        version=row.version,
        rule=row.rule,
        currency=row.currency,
        captures=row.captures,
        differing=row.differing,
        expected_fee_minor=row.expected_minor,
        reported_fee_minor=row.reported_minor,
        difference_minor=row.reported_minor - row.expected_minor,
    )


def of_comparison(comparison: Comparison) -> dict[str, object]:
    """Show a comparison whole."""
    return {
        "captures": len(comparison.compared),
        "rules": [of_sum(row).plain() for row in comparison.sums],
        "compared": [of_compared(one).plain() for one in comparison.compared],
    }
