"""The posting rule of a conversion: one unit for another at the rate of its day, through the exchange accounts. Pure.

What the other unit's whole minor units cannot express is left over in the first one, and booked as rounding.
"""

from datetime import datetime
from fractions import Fraction

from pydantic import AwareDatetime, model_validator

from ledger.accounts import Account, Side, conversion_rounding
from ledger.entries import Entry, Line, Name
from ledger.exchange_errors import ConversionRefused
from ledger.money import Money, UnitCode
from ledger.positions import Positions, exchanged
from ledger.rates import AppliedRate, minor_rate
from ledger.record import Identifier, Record
from ledger.rounding import Rounding, rounded


class Conversion(Record):
    """The wish to convert an amount once: the line that gives it, and the account that receives what it is worth."""

    conversion_id: Identifier
    given: Line
    """A debit where it comes to us, as from a wallet; a credit where it leaves us, as from what a gateway owes us."""
    receiver: Account
    unit: UnitCode
    """What the receiver gets."""
    event_at: AwareDatetime
    """Whose rate applies."""
    actor: Name
    rounding: Rounding = Rounding.HALF_EVEN
    """Of what is received; `down` where nobody may gain by converting often, as into a unit that is worth much."""

    @model_validator(mode="after")
    def _of_two_units(self) -> "Conversion":
        if self.unit == self.given.money.currency:
            raise ValueError(f"{self.unit} cannot be converted to itself: give another currency or unit")
        if self.given.money.amount_minor <= 0:
            raise ValueError(f"{self.given.money} cannot be converted: give a positive amount")
        return self

    @property
    def reference(self) -> str:
        """The reference of its entry."""
        return f"conversion:{self.conversion_id}"


class Quote(Record):
    """The rates of a conversion."""

    rate: AppliedRate
    """From what is given to what is received."""
    value: AppliedRate | None = None
    """From what is given to the functional currency, where neither of the two is that."""


def converted(wish: Conversion, quote: Quote, positions: Positions, functional: str) -> Entry:
    """Book a conversion; reference `conversion:{conversion_id}`. Raises ConversionRefused.

    `positions` are those before it, of both units.
    """
    received, used = _amounts(wish, quote.rate)
    value = _value(used, received, quote, functional)
    takes, gives = (used, received) if wish.given.side is Side.DEBIT else (received, used)
    through, _ = exchanged(takes, gives, value, positions, functional)
    rest = wish.given.money - used
    lines = [wish.given, *through, *_rounding(wish.given, rest)]
    lines.append(Line(account=wish.receiver, side=wish.given.side.other, money=received))
    event_at: datetime = wish.event_at
    return Entry(
        reference=wish.reference,
        rule="converted",
        description=f"converted {wish.given.money} to {received} at {quote.rate}",
        event_at=event_at,
        actor=wish.actor,
        lines=tuple(lines),
    )


def _amounts(wish: Conversion, rate: AppliedRate) -> tuple[Money, Money]:
    """Return what is received, and what of the given amount that is worth."""
    given = wish.given.money
    if (rate.from_unit, rate.to_unit) != (given.currency, wish.unit):
        raise ConversionRefused(
            f"a rate from {rate.from_unit} to {rate.to_unit} does not convert {given} to {wish.unit}"
        )
    minor = minor_rate(rate.rate, given.currency, wish.unit)
    received = rounded(given.amount_minor * minor, wish.rounding)
    used = rounded(Fraction(received) / minor, Rounding.HALF_EVEN)
    if received == 0 or used == 0:
        raise ConversionRefused(
            f"{given} is worth less than the smallest amount of {wish.unit} at {rate}: convert more"
        )
    return Money(amount_minor=received, currency=wish.unit), Money(amount_minor=used, currency=given.currency)


def _value(used: Money, received: Money, quote: Quote, functional: str) -> int:
    for money in (used, received):
        if money.currency == functional:
            return money.amount_minor
    value = quote.value
    if value is None or (value.from_unit, value.to_unit) != (used.currency, functional):
        raise ConversionRefused(f"the value of {used} in {functional} is not known: give the rate of that pair too")
    return rounded(used.amount_minor * minor_rate(value.rate, used.currency, functional), Rounding.HALF_EVEN)


def _rounding(given: Line, rest: Money) -> list[Line]:
    """Book what is left over: on the other side of what was given, or on the same where it was less than it is worth."""
    if not rest.amount_minor:
        return []
    side = given.side.other if rest.amount_minor > 0 else given.side
    money = Money(amount_minor=abs(rest.amount_minor), currency=rest.currency)
    return [Line(account=conversion_rounding(), side=side, money=money)]
