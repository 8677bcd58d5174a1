"""When a rule or a surcharge applies: conditions that all have to hold, and whether one set of them includes another."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from gateways.routing.ask import Method, RoutingAsk
from gateways.routing.value import Value
from ledger.money import MAX_AMOUNT_MINOR, CurrencyCode

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Brand = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
Funding = Annotated[str, Field(pattern=r"^(credit|debit|prepaid)$")]


def _once_each(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) != len(items):
        raise ValueError("names the same thing twice: name it once")
    return items


Currencies = Annotated[tuple[CurrencyCode, ...], Field(min_length=1, max_length=200), AfterValidator(_once_each)]
Countries = Annotated[tuple[Country, ...], Field(min_length=1, max_length=250), AfterValidator(_once_each)]
Brands = Annotated[tuple[Brand, ...], Field(min_length=1, max_length=50), AfterValidator(_once_each)]
Fundings = Annotated[tuple[Funding, ...], Field(min_length=1, max_length=3), AfterValidator(_once_each)]


class AmountRange(Value):
    """Amounts from `min_minor` to `max_minor`, both included, in minor units."""

    min_minor: int = Field(default=1, ge=1, le=MAX_AMOUNT_MINOR)
    max_minor: int = Field(default=MAX_AMOUNT_MINOR, ge=1, le=MAX_AMOUNT_MINOR)

    @model_validator(mode="after")
    def _holds_an_amount(self) -> "AmountRange":
        if self.min_minor > self.max_minor:
            raise ValueError("min_minor is over max_minor, so no amount is in the range: exchange them")
        return self

    def includes(self, other: "AmountRange") -> bool:
        """Whether every amount of the other range is in this one."""
        return self.min_minor <= other.min_minor and other.max_minor <= self.max_minor


class Conditions(Value):
    """What has to hold of a charge; None and empty ask for nothing.

    Those on the card (brand, country, funding) have to hold of one and the same payment method. What is not known of a
    card fulfils no condition on it.
    """

    currency: Currencies | None = None
    amount: Mapping[CurrencyCode, AmountRange] | None = Field(default=None, min_length=1, max_length=200)
    """By currency; a charge in another currency does not fulfil it."""
    customer_country: Countries | None = None
    card_brand: Brands | None = None
    card_country: Countries | None = None
    card_country_not: Countries | None = None
    card_funding: Fundings | None = None
    metadata: Mapping[str, str] | None = Field(default=None, min_length=1, max_length=20)

    @model_validator(mode="after")
    def _can_be_fulfilled(self) -> "Conditions":
        stray = sorted(set(self.amount or ()) - set(self.currency or self.amount or ()))
        if stray:
            raise ValueError(f"amount speaks of {stray[0]}, which currency rules out: add it there, or remove it here")
        if self.card_country and self.card_country_not and set(self.card_country) <= set(self.card_country_not):
            raise ValueError("card_country_not rules out each card_country: nothing is left, so remove one of them")
        return self

    @property
    def asks_for_the_card(self) -> bool:
        """Whether there are conditions on the payment method."""
        return bool(self.card_brand or self.card_country or self.card_country_not or self.card_funding)

    def hold(self, ask: RoutingAsk) -> bool:
        """Whether the charge fulfils them, with any of its payment methods."""
        if not self.hold_of_charge(ask):
            return False
        return not self.asks_for_the_card or any(self.hold_of_card(method) for method in ask.methods)

    def hold_of_charge(self, ask: RoutingAsk) -> bool:
        """Whether the conditions that are not on the card hold."""
        currency = ask.amount.currency
        if self.currency is not None and currency not in self.currency:
            return False
        if self.amount is not None:
            within = self.amount.get(currency)
            if within is None or not within.min_minor <= ask.amount.amount_minor <= within.max_minor:
                return False
        if self.customer_country is not None and ask.customer_country not in self.customer_country:
            return False
        return self.metadata is None or self.metadata.items() <= ask.metadata.items()

    def hold_of_card(self, method: Method) -> bool:
        """Whether the conditions on the card hold of this payment method."""
        if self.card_brand is not None and method.brand not in self.card_brand:
            return False
        if self.card_country is not None and method.country not in self.card_country:
            return False
        if self.card_country_not is not None and (method.country is None or method.country in self.card_country_not):
            return False
        return self.card_funding is None or method.funding in self.card_funding

    def include(self, other: "Conditions") -> bool:
        """Whether every charge that fulfils the other conditions fulfils these."""
        return (
            _includes(self.customer_country, other.customer_country)
            and _includes(self.card_brand, other.card_brand)
            and _includes(self.card_funding, other.card_funding)
            and (self.metadata or {}).items() <= (other.metadata or {}).items()
            and self._include_amounts(other)
            and self._include_card_countries(other)
        )

    def _include_amounts(self, other: "Conditions") -> bool:
        theirs = set(other.amount or other.currency or ())
        if self.currency is not None and not (theirs and theirs <= set(self.currency)):
            return False
        if self.amount is None:
            return True
        if not theirs:
            return False
        ranges = other.amount or {}
        whole = AmountRange()
        return all(
            currency in self.amount and self.amount[currency].includes(ranges.get(currency, whole))
            for currency in theirs
        )

    def _include_card_countries(self, other: "Conditions") -> bool:
        ours_out, theirs_out = set(self.card_country_not or ()), set(other.card_country_not or ())
        if other.card_country is None:
            return self.card_country is None and ours_out <= theirs_out
        theirs = set(other.card_country) - theirs_out
        return theirs <= (set(self.card_country) if self.card_country is not None else theirs) - ours_out


def _includes(ours: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> bool:
    return ours is None or (theirs is not None and set(theirs) <= set(ours))
