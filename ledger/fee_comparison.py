"""Expected against reported: each capture's fee by the rules of its day and as the gateway reported it, and the sums by rule. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ledger import fees
from ledger.captured_fees import ReportedFee
from ledger.exchange_errors import FeeUnknown
from ledger.fee_rules import FeeRules
from ledger.fees import Fees


class ComparedFee(NamedTuple):
    """One capture."""

    reported: ReportedFee
    fees: Fees | None
    """With the reported fee, which won, and the expected one; None where they cannot be compared."""
    why_not: str | None
    """Why they cannot."""


class RuleSum(NamedTuple):
    """All captures of one rule in one currency; in minor units."""

    version: str
    rule: str
    currency: str
    captures: int
    differing: int
    expected_minor: int
    reported_minor: int


class Comparison(NamedTuple):
    """The fees of many captures."""

    compared: Sequence[ComparedFee]
    sums: Sequence[RuleSum]

    @property
    def differing(self) -> Sequence[ComparedFee]:
        """Those that were reported otherwise than expected, or cannot be compared."""
        return [one for one in self.compared if one.fees is None or differs(one.fees)]


def differs(found: Fees) -> bool:
    """Whether the gateway reported another fee than was expected."""
    return found.difference is not None and found.difference.amount_minor != 0


def compare(rules: FeeRules, reported: Sequence[ReportedFee]) -> Comparison:
    """Hold what gateways reported against the rules."""
    compared = [compared_with(rules, one) for one in reported]
    by_rule: defaultdict[tuple[str, str, str], list[Fees]] = defaultdict(list)
    for one in compared:
        if one.fees is not None:
            by_rule[str(one.fees.version), str(one.fees.rule), one.fees.gross.currency].append(one.fees)
    return Comparison(compared, [_sum(*key, found) for key, found in sorted(by_rule.items())])


def compared_with(rules: FeeRules, reported: ReportedFee) -> ComparedFee:
    """Hold one fee against the rule of its day."""
    try:
        edition, rule = fees.rule_at(rules, reported.decided_at, reported.ask)
        return ComparedFee(reported, fees.of_capture(edition, rule, reported.ask).reported(reported.fee), None)
    except FeeUnknown as error:
        return ComparedFee(reported, None, str(error))


def _sum(version: str, rule: str, currency: str, found: Sequence[Fees]) -> RuleSum:
    return RuleSum(
        version=version,
        rule=rule,
        currency=currency,
        captures=len(found),
        differing=sum(differs(one) for one in found),
        expected_minor=sum(one.expected.amount_minor for one in found if one.expected is not None),
        reported_minor=sum(one.fee.amount_minor for one in found),
    )
