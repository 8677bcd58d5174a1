"""The posting rules of credits: a purchase, and what is spent. Pure; wallets are kept from falling below zero by the database.

What was paid for credits is deferred revenue, in the functional currency at the rate of its day; as they are spent it is
earned, at their average price. Credits are ours to issue, so that no exchange position in them is left.
"""

from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from ledger import units
from ledger.accounts import credits_issued, deferred_revenue, revenue_credits, wallet
from ledger.entries import Entry, Name, credit, debit
from ledger.exchange_errors import ConversionRefused
from ledger.fee_posting import invoiced_lines_of, lines_of
from ledger.fees import Fees
from ledger.money import Money
from ledger.positions import Positions, exchanged
from ledger.rates import AppliedRate, minor_rate
from ledger.record import Identifier, Record
from ledger.rounding import Rounding, rounded


def _of_ours(money: Money) -> Money:
    if units.is_iso(money.currency):
        raise ValueError(f"{money.currency} is money, which is not ours to issue: give a unit such as CREDIT")
    return money


Credits = Annotated[Money, AfterValidator(_of_ours)]
"""An amount of a unit of ours."""


class Purchase(Record):
    """A customer bought credits for money; the amounts say the price of a credit."""

    purchase_id: Identifier
    customer: Identifier
    credits: Credits
    fees: Fees
    """What was paid, and the gateway's fee: as expected, or as it was reported."""
    event_at: AwareDatetime
    actor: Name
    invoiced: bool = False
    """Whether a charge with an invoice collected it: its entries have what the gateway owes us, and the fee."""
    charge_id: str | None = None
    operation_id: str | None = None

    @model_validator(mode="after")
    def _of_something(self) -> "Purchase":
        for money in (self.credits, self.fees.price):
            if money.amount_minor <= 0:
                raise ValueError(f"{money} cannot be bought or paid: give a positive amount")
        return self


class Outstanding(Record):
    """All credits of a unit that are in wallets, and what was paid for them and is not earned yet; minor units."""

    issued_minor: int = Field(ge=0)
    deferred_minor: int = Field(ge=0)
    """In the functional currency."""


class Spending(Record):
    """A customer spent credits."""

    spending_id: Identifier
    customer: Identifier
    credits: Credits
    event_at: AwareDatetime
    actor: Name

    @property
    def reference(self) -> str:
        """The reference of its entry."""
        return f"spending:{self.spending_id}"


def bought(purchase: Purchase, positions: Positions, functional: str, value: AppliedRate | None = None) -> Entry:
    """Book a purchase of credits; reference `purchase:{purchase_id}`. Raises ConversionRefused.

    The price goes through the exchange account into credits, which are issued against deferred revenue. `value` is the
    rate of the price to the functional currency, where it was not paid in that.
    """
    price, credits_ = purchase.fees.price, purchase.credits
    worth = _worth(price, functional, value)
    sold, after = exchanged(price, credits_, worth.amount_minor, positions, functional)
    issued, _ = exchanged(credits_, worth, worth.amount_minor, after, functional)
    paid = invoiced_lines_of(purchase.fees, purchase.customer) if purchase.invoiced else lines_of(purchase.fees)
    lines = (
        *paid,
        *sold,
        credit(wallet(purchase.customer), credits_),
        debit(credits_issued(), credits_),
        *issued,
        credit(deferred_revenue(credits_.currency), worth),
    )
    return Entry(
        reference=f"purchase:{purchase.purchase_id}",
        rule="credits_bought",
        description=f"bought {credits_} for {purchase.fees.gross} at {purchase.fees.gateway}",
        event_at=purchase.event_at,
        actor=purchase.actor,
        charge_id=purchase.charge_id,
        operation_id=purchase.operation_id,
        lines=lines,
    )


def spent(spending: Spending, outstanding: Outstanding, functional: str) -> Entry:
    """Book credits that were spent; reference `spending:{spending_id}`. Raises ConversionRefused.

    What is earned is their part of the deferred revenue: the last credit takes the last cent with it.
    """
    credits_ = spending.credits
    if not 0 < credits_.amount_minor <= outstanding.issued_minor:
        issued = Money(amount_minor=outstanding.issued_minor, currency=credits_.currency)
        raise ConversionRefused(f"{credits_} cannot be spent, since {issued} are in wallets: give 1 up to that")
    part = Fraction(outstanding.deferred_minor * credits_.amount_minor, outstanding.issued_minor)
    earned = Money(amount_minor=rounded(part, Rounding.HALF_EVEN), currency=functional)
    lines = [debit(wallet(spending.customer), credits_), credit(credits_issued(), credits_)]
    if earned.amount_minor:
        lines += [debit(deferred_revenue(credits_.currency), earned), credit(revenue_credits(), earned)]
    return Entry(
        reference=spending.reference,
        rule="credits_spent",
        description=f"spent {credits_}, earned {earned}",
        event_at=spending.event_at,
        actor=spending.actor,
        lines=tuple(lines),
    )


def _worth(price: Money, functional: str, value: AppliedRate | None) -> Money:
    if price.currency == functional:
        return price
    if value is None or (value.from_unit, value.to_unit) != (price.currency, functional):
        raise ConversionRefused(f"the value of {price} in {functional} is not known: give the rate of that pair")
    minor = rounded(price.amount_minor * minor_rate(value.rate, price.currency, functional), Rounding.HALF_EVEN)
    if minor == 0:
        raise ConversionRefused(f"{price} is worth nothing in {functional}: sell credits for more")
    return Money(amount_minor=minor, currency=functional)
