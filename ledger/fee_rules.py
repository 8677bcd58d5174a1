"""Fee rules: what a gateway is expected to charge, as data. Editions by date; in each the first rule that matches decides.

An expectation: the books take the fee that the gateway reports, and `fees compare` shows the difference.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from ledger.editions import Moment, Version
from ledger.money import MAX_AMOUNT_MINOR, Chargeable, CurrencyCode
from ledger.prices import Percentage, Price
from ledger.record import Record
from ledger.rounding import Rounding

MAX_RULES = 500
MAX_EDITIONS = 50
MAX_STEPS = 20

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
Funding = Annotated[str, Field(pattern=r"^(credit|debit|prepaid)$")]
Plan = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
AmountMinor = Annotated[int, Field(ge=0, le=MAX_AMOUNT_MINOR)]
Amounts = Annotated[Mapping[CurrencyCode, AmountMinor], Field(min_length=1, max_length=200)]
"""Minor units by currency. Where it is given, it is given for each currency: in others the fee is not known."""


def _once_each(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) != len(items):
        raise ValueError("names the same thing twice: name it once")
    return items


class Ask(Record):
    """A purchase whose fee is asked for."""

    amount: Chargeable
    gateway: str
    card_brand: Word | None = None
    card_funding: Funding | None = None
    plan: str | None = None
    """The merchant's or the customer's plan, where fees depend on it."""
    volume_minor: int = Field(default=0, ge=0)
    """What this gateway took before in this currency and calendar month (UTC)."""


class Conditions(Record):
    """What has to hold of a purchase; None asks for nothing. What is not known of a card fulfils no condition on it."""

    gateway: Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_once_each)] | None = None
    card_brand: Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_once_each)] | None = None
    card_funding: Annotated[tuple[Funding, ...], Field(min_length=1), AfterValidator(_once_each)] | None = None
    currency: Annotated[tuple[CurrencyCode, ...], Field(min_length=1), AfterValidator(_once_each)] | None = None
    plan: Annotated[tuple[Plan, ...], Field(min_length=1), AfterValidator(_once_each)] | None = None

    def hold(self, ask: Ask) -> bool:
        """Whether the purchase fulfils them all."""
        known = {
            "gateway": ask.gateway,
            "card_brand": ask.card_brand,
            "card_funding": ask.card_funding,
            "currency": ask.amount.currency,
            "plan": ask.plan,
        }
        return all(known[name] in asked for name, asked in self if asked is not None)

    def include(self, other: "Conditions") -> bool:
        """Whether every purchase that fulfils the other conditions fulfils these."""
        theirs = dict(other)
        return all(
            asked is None or (theirs[name] is not None and set(theirs[name]) <= set(asked)) for name, asked in self
        )


class TiersBy(StrEnum):
    """What fills the tiers."""

    AMOUNT = "amount"
    """The purchase itself."""
    VOLUME = "volume"
    """All that the gateway took in the calendar month before it, and then the purchase."""


class Step(Record):
    """A tier: the percentage of the part that falls into it."""

    up_to_minor: Amounts | None = None
    """Where it ends; None for the last one, which has no end."""
    percentage: Percentage


class Tiers(Record):
    """Percentages that change as amounts grow. Each holds for the part in its tier, so that no fee jumps at a border."""

    by: TiersBy
    steps: tuple[Step, ...] = Field(min_length=2, max_length=MAX_STEPS)

    @model_validator(mode="after")
    def _contiguous(self) -> Self:
        *bounded, last = self.steps
        if last.up_to_minor is not None or any(step.up_to_minor is None for step in bounded):
            raise ValueError("needs up_to_minor in every step but the last, which has no end")
        for before, after in pairwise(bounded):
            lower, upper = before.up_to_minor or {}, after.up_to_minor or {}
            if lower.keys() != upper.keys():
                raise ValueError("names other currencies in one step than in another: name the same in each")
            if any(upper[currency] <= lower[currency] for currency in lower):
                raise ValueError("has a step that does not end above the one before it: order them")
        if any(not end for end in (bounded[0].up_to_minor or {}).values()):
            raise ValueError("has a first step that ends at zero: leave it out")
        return self


class TierPart(NamedTuple):
    """What of an amount falls into a tier."""

    number: int
    """Counted from 1; 0 where the rule has no tiers."""
    amount_minor: int
    percentage: Decimal


class Bearer(StrEnum):
    """Who pays the fee in the end."""

    MERCHANT = "merchant"
    CUSTOMER = "customer"
    """It comes on top of the price."""
    SHARED = "shared"
    """`customer_share` percent of it come on top of the price."""


class Basis(StrEnum):
    """Gross: with the part of the fee that the customer bears. Net: without it, the bare price."""

    GROSS = "gross"
    NET = "net"


class Settlement(StrEnum):
    """How the gateway gets its fee. Net: it pays out the rest. Gross: it pays out everything, and sends a bill."""

    GROSS = "gross"
    NET = "net"


class FeeRule(Price):
    """The fee of the purchases that the conditions hold of."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    when: Conditions = Conditions()
    tiers: Tiers | None = None
    """Instead of one percentage."""
    minimum_minor: Amounts | None = None
    maximum_minor: Amounts | None = None
    borne_by: Bearer = Bearer.MERCHANT
    customer_share: Annotated[Percentage, Field(gt=0, lt=100)] | None = None
    percentage_of: Basis = Basis.GROSS
    settled: Settlement = Settlement.NET
    rounding: Rounding = Rounding.HALF_UP
    """Of the percentages together, once."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.tiers is not None and "percentage" in self.model_fields_set:
            raise ValueError("has a percentage and tiers: give one of them")
        if any(not 0 <= fixed <= MAX_AMOUNT_MINOR for fixed in self.fixed_minor.values()):
            raise ValueError("has a fixed_minor below zero or too large: a fee is charged, not given")
        if (self.borne_by is Bearer.SHARED) != (self.customer_share is not None):
            raise ValueError("needs customer_share with borne_by: shared, and only with it")
        least, most = self.minimum_minor or {}, self.maximum_minor or {}
        if any(least[currency] > most[currency] for currency in least.keys() & most.keys()):
            raise ValueError("minimum_minor is over maximum_minor: exchange them")
        return self

    @property
    def share_of_customer(self) -> Decimal:
        """How many percent of the fee come on top of the price."""
        whole = {Bearer.MERCHANT: Decimal(0), Bearer.CUSTOMER: Decimal(100)}
        return whole.get(self.borne_by, self.customer_share or Decimal(0))

    def parts(self, amount_minor: int, currency: str, volume_minor: int) -> tuple[TierPart, ...] | None:
        """Split an amount by tiers; None where they are not known in the currency."""
        if self.tiers is None:
            return (TierPart(0, amount_minor, self.percentage),)
        if currency not in (self.tiers.steps[0].up_to_minor or {}):
            return None
        start = volume_minor if self.tiers.by is TiersBy.VOLUME else 0
        return tuple(_filled(self.tiers.steps, currency, start, start + amount_minor))


class FeeEdition(Record):
    """The rules from one date on."""

    version: Version
    effective_from: Moment
    rules: tuple[FeeRule, ...] = Field(min_length=1, max_length=MAX_RULES)

    def rule_for(self, ask: Ask) -> FeeRule | None:
        """Return the first rule whose conditions hold; None where there is none."""
        return next((rule for rule in self.rules if rule.when.hold(ask)), None)


class FeeRules(Record):
    """The editions of a file, the oldest first."""

    editions: tuple[FeeEdition, ...] = Field(min_length=1, max_length=MAX_EDITIONS)


def _filled(steps: tuple[Step, ...], currency: str, start: int, end: int) -> Iterator[TierPart]:
    begin = 0
    for number, step in enumerate(steps, start=1):
        border = end if step.up_to_minor is None else step.up_to_minor[currency]
        inside = min(end, border) - max(start, begin)
        if inside > 0:
            yield TierPart(number, inside, step.percentage)
        begin = border
