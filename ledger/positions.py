"""What the exchange holds of each unit and at which cost, and what a conversion changes of it: moving average cost. Pure.

Why the average, and what is realised when: docs/decisions/0013-conversions-realise-against-average-cost.md.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from pydantic import model_validator

from ledger.accounts import Account, exchange, exchange_gains, exchange_losses
from ledger.entries import Line, credit, debit
from ledger.exchange_errors import ConversionRefused
from ledger.money import Money
from ledger.record import Record
from ledger.rounding import Rounding, rounded


class Position(Record):
    """What conversions left of a unit: above zero it was gained, below zero given more than there was; in minor units."""

    held_minor: int = 0
    cost_minor: int = 0
    """What it cost, in the functional currency, with the sign of what is held."""

    @model_validator(mode="after")
    def _agrees(self) -> "Position":
        if self.held_minor * self.cost_minor < 0 or (self.cost_minor and not self.held_minor):
            raise ValueError(f"{self.held_minor} held at a cost of {self.cost_minor} is no position")
        return self

    def after(self, quantity_minor: int, value_minor: int) -> tuple["Position", int]:
        """Return what it becomes when so much is gained (below zero: given) at this value, and the gain that this realises.

        What closes a part of the position takes that part's average cost with it; what opens one, or adds to it, comes
        in at its value. What goes through zero does the one and then the other.
        """
        closing = 0
        if self.held_minor * quantity_minor < 0:
            closing = min(abs(self.held_minor), abs(quantity_minor))
        released = _part(self.cost_minor, closing, abs(self.held_minor))
        closing_value = _part(value_minor, closing, abs(quantity_minor))
        cost_change = value_minor - closing_value - released
        left = Position(held_minor=self.held_minor + quantity_minor, cost_minor=self.cost_minor + cost_change)
        return left, cost_change - value_minor


Positions = Mapping[str, Position]
"""By unit; a unit that is not there is not held."""


def exchanged(
    incoming: Money, outgoing: Money, value_minor: int, positions: Positions, functional: str
) -> tuple[tuple[Line, ...], Positions]:
    """Return the lines of the exchange accounts as they take one amount and give another, and the positions afterwards.

    `value_minor` is what both are worth, in minor units of the functional currency. Of the lines, credits exceed debits by
    `incoming` and debits exceed credits by `outgoing`: the caller's lines are the other sides.
    """
    if incoming.currency == outgoing.currency:
        raise ConversionRefused(f"{incoming.currency} cannot be converted to itself: give another currency or unit")
    worth = {functional: value_minor}
    for money in (incoming, outgoing):
        if worth.get(money.currency, money.amount_minor) != money.amount_minor:
            raise ConversionRefused(f"{money} is worth itself, not {value_minor} minor units of {functional}")
    lines: list[Line] = []
    after = dict(positions)
    for money, sign in ((incoming, 1), (outgoing, -1)):
        if money.currency != functional:
            account = exchange(money.currency)
            lines.append((credit if sign > 0 else debit)(account, money))
            before = after.get(money.currency, Position())
            left, gain = before.after(sign * money.amount_minor, sign * value_minor)
            lines += _cost(account, left.cost_minor - before.cost_minor, gain, functional)
            after[money.currency] = left
    return tuple(lines), after


def _cost(account: Account, cost_change: int, gain: int, functional: str) -> Iterator[Line]:
    if cost_change:
        money = Money(amount_minor=abs(cost_change), currency=functional)
        yield (debit if cost_change > 0 else credit)(account, money)
    if gain > 0:
        yield credit(exchange_gains(), Money(amount_minor=gain, currency=functional))
    if gain < 0:
        yield debit(exchange_losses(), Money(amount_minor=-gain, currency=functional))


def _part(amount: int, part: int, whole: int) -> int:
    """Return the part of an amount, half even; all of it where the part is the whole."""
    return rounded(Fraction(amount * part, whole), Rounding.HALF_EVEN) if part else 0
