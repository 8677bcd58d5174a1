"""What a purchase comes to by a fee rule: price, gross, fee and net; and what it comes to once the gateway has reported. Pure.

Always gross = net + fee, and gross = price + what the customer bears of the fee.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from ledger import editions
from ledger.exchange_errors import FeeUnknown
from ledger.fee_rules import Ask, Basis, FeeEdition, FeeRule, FeeRules, Settlement, TierPart
from ledger.money import MAX_AMOUNT_MINOR, Money
from ledger.prices import share
from ledger.record import Record
from ledger.rounding import Rounding, rounded


class Bound(StrEnum):
    """A limit of a rule that decided the fee."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"


class Fees(Record):
    """A purchase with its fee."""

    gateway: str
    price: Money
    """What is bought costs this."""
    gross: Money
    """What is taken from the customer."""
    fee: Money
    """What the gateway keeps, or sends a bill for; below zero where it gave some back."""
    settled: Settlement
    version: str | None = None
    """The edition, and ..."""
    rule: str | None = None
    """... the rule that the fee was expected by; None where there is no rule, and the fee is the reported one."""
    parts: tuple[TierPart, ...] = ()
    """How the amount fell into the tiers."""
    fixed: Money | None = None
    bound: Bound | None = None
    """What the fee was raised or lowered to."""
    expected: Money | None = None
    """What the rule expected, where `fee` is what the gateway reported."""

    @property
    def net(self) -> Money:
        """What is left of the gross."""
        return self.gross - self.fee

    @property
    def of_customer(self) -> Money:
        """What the customer bears of the fee."""
        return self.gross - self.price

    @property
    def of_merchant(self) -> Money:
        """What is left of the fee to us."""
        return self.fee - self.of_customer

    @property
    def difference(self) -> Money | None:
        """What the gateway reported more than was expected; None until it has reported."""
        return None if self.expected is None else self.fee - self.expected

    def reported(self, fee: Money) -> "Fees":
        """Return the same purchase with the fee that the gateway reported, which wins; what the customer paid stays."""
        if fee.currency != self.fee.currency:
            raise FeeUnknown(f"the fee of {fee} is in another currency than {self.gross}: book it by itself")
        return self.model_copy(update={"fee": fee, "expected": self.expected or self.fee})


def rule_at(rules: FeeRules, moment: datetime, ask: Ask) -> tuple[FeeEdition, FeeRule]:
    """Return the rule that applies to a purchase at a moment; raises FeeUnknown."""
    edition = editions.in_force(rules.editions, moment)
    if edition is None:
        begin = rules.editions[0].effective_from
        raise FeeUnknown(
            f"no edition of the fee rules is in force at {moment:%Y-%m-%d}: the first begins at {begin:%Y-%m-%d}"
        )
    rule = edition.rule_for(ask)
    if rule is None:
        raise FeeUnknown(f"no fee rule of edition {edition.version} is for such a purchase at {ask.gateway}: add one")
    return edition, rule


def of_purchase(edition: FeeEdition, rule: FeeRule, ask: Ask) -> Fees:
    """Return what a purchase comes to; `ask.amount` is its price. Raises FeeUnknown."""
    price, currency = ask.amount.amount_minor, ask.amount.currency

    def borne(base: int) -> int:
        return _of_customer(rule, computed(rule, base, currency, ask.volume_minor).fee_minor)

    if rule.percentage_of is Basis.NET:
        base, gross = price, price + borne(price)
    else:
        # The least amount that leaves the price once the customer's part is taken off it: the two differ by that exactly.
        base = gross = _least(lambda amount: amount - borne(amount) >= price, price)
    if not 0 < gross <= MAX_AMOUNT_MINOR:
        raise FeeUnknown(f"rule {rule.name} leaves no amount from which {ask.amount} remains: lower its percentage")
    return _fees(edition, rule, ask, price=price, gross=gross, base=base)


def of_capture(edition: FeeEdition, rule: FeeRule, ask: Ask) -> Fees:
    """Return what an amount that was taken comes to; `ask.amount` is the gross. Raises FeeUnknown."""
    gross, currency = ask.amount.amount_minor, ask.amount.currency

    def borne(base: int) -> int:
        return _of_customer(rule, computed(rule, base, currency, ask.volume_minor).fee_minor)

    if rule.percentage_of is Basis.GROSS:
        return _fees(edition, rule, ask, price=gross - borne(gross), gross=gross, base=gross)
    # The largest price that comes to this at most.
    price = max(0, _least(lambda base: base + borne(base) > gross, 0) - 1)
    return _fees(edition, rule, ask, price=gross - borne(price), gross=gross, base=price)


class Computed(NamedTuple):
    """A fee, in minor units, and what it is made of."""

    fee_minor: int
    parts: tuple[TierPart, ...]
    fixed_minor: int
    bound: Bound | None


def computed(rule: FeeRule, base_minor: int, currency: str, volume_minor: int = 0) -> Computed:
    """Return the fee of an amount in minor units; raises FeeUnknown where the rule has no price in the currency."""
    parts = rule.parts(base_minor, currency, volume_minor)
    fixed = rule.fixed_in(currency)
    least, most = ((bounds or {}).get(currency) for bounds in (rule.minimum_minor, rule.maximum_minor))
    if (
        parts is None
        or fixed is None
        or (rule.minimum_minor is not None and least is None)
        or (rule.maximum_minor is not None and most is None)
    ):
        raise FeeUnknown(f"rule {rule.name} has no price in {currency}: add it")
    fee = (
        rounded(sum((share(part.amount_minor, part.percentage) for part in parts), Fraction(0)), rule.rounding) + fixed
    )
    if least is not None and fee < least:
        return Computed(least, parts, fixed, Bound.MINIMUM)
    if most is not None and fee > most:
        return Computed(most, parts, fixed, Bound.MAXIMUM)
    return Computed(fee, parts, fixed, None)


def _of_customer(rule: FeeRule, fee: int) -> int:
    return rounded(share(fee, rule.share_of_customer), Rounding.HALF_EVEN)


def _fees(edition: FeeEdition, rule: FeeRule, ask: Ask, *, price: int, gross: int, base: int) -> Fees:
    def money(minor: int) -> Money:
        return Money(amount_minor=minor, currency=ask.amount.currency)

    found = computed(rule, base, ask.amount.currency, ask.volume_minor)
    return Fees(
        gateway=ask.gateway,
        price=money(price),
        gross=money(gross),
        fee=money(found.fee_minor),
        settled=rule.settled,
        version=edition.version,
        rule=rule.name,
        parts=found.parts,
        fixed=money(found.fixed_minor),
        bound=found.bound,
    )


def _least(holds: Callable[[int], bool], start: int) -> int:
    """Return the least amount from `start` on of which it holds, and from there on; one above the largest if of none."""
    low, high = start, MAX_AMOUNT_MINOR + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
