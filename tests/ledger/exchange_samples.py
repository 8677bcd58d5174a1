"""Rates, conversions and sums that tests of units start from."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction

from ledger.accounts import Account, Side, wallet
from ledger.conversion import Conversion
from ledger.entries import Line, debit
from ledger.money import Money
from ledger.rates import AppliedRate, NewRate, StatedRate

DAY = datetime(2026, 11, 2, tzinfo=UTC)


def money(text: str, unit: str) -> Money:
    """An amount in major units."""
    return Money.parse(text, unit)


def new_rate(from_unit: str, to_unit: str, rate: str, effective_from: datetime = DAY) -> NewRate:
    """A rate that is to be stated."""
    return NewRate(
        from_unit=from_unit,
        to_unit=to_unit,
        rate=rate,
        effective_from=effective_from,
        source="ECB",
        actor="person:alice",
    )


def applied(from_unit: str, to_unit: str, rate: str | Fraction) -> AppliedRate:
    """A rate that applies."""
    stated = StatedRate(
        from_unit=from_unit,
        to_unit=to_unit,
        rate=Fraction(rate),
        effective_from=DAY,
        source="ECB",
        actor="person:alice",
        rate_id=1,
        recorded_at=DAY,
    )
    return AppliedRate(from_unit=from_unit, to_unit=to_unit, rate=stated.rate, stated=stated, is_inverse=False)


def conversion(
    given: Money, unit: str, *, line: Line | None = None, receiver: Account | None = None, name: str = "1"
) -> Conversion:
    """A wish to convert what is in a customer's wallet."""
    return Conversion(
        conversion_id=name,
        given=line or debit(wallet("cus_1"), given),
        receiver=receiver or wallet("cus_1"),
        unit=unit,
        event_at=DAY,
        actor="person:alice",
    )


def balances(lines: Iterable[Line]) -> Counter[tuple[str, str]]:
    """Debits less credits by account and unit, without what came out even."""
    total: Counter[tuple[str, str]] = Counter()
    for line in lines:
        sign = 1 if line.side is Side.DEBIT else -1
        total[line.account.code, line.money.currency] += sign * line.money.amount_minor
    return Counter({key: amount for key, amount in total.items() if amount})


def surplus(lines: Iterable[Line]) -> Counter[str]:
    """Debits less credits by unit, without what balances."""
    total: Counter[str] = Counter()
    for (_, unit), amount in balances(lines).items():
        total[unit] += amount
    return Counter({unit: amount for unit, amount in total.items() if amount})
