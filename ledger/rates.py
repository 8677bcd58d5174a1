"""Exchange rates: stated once for each pair and effective moment, never rewritten; which applied when, and which was known.

Functions take a connection and never commit: the caller's transaction is the step.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator
from sqlalchemy import ColumnElement, RowMapping, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.exchange_errors import NoRate, RateConflict
from ledger.money import MoneyError, UnitCode, minor_digits
from ledger.rate_tables import exchange_rates
from ledger.record import Record, Text

MAX_TERM = 999_999_999_999_999
"""The most that a rate's numerator or denominator can be: fifteen digits."""
MAX_LISTED = 1000
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
EXAMPLE = "write it like 1.0834, or 1/3"


def read_rate(text: str) -> Fraction:
    """Read a rate as `1.0834` or `1/3`, exactly; raises MoneyError with what to do."""
    numerator, _, denominator = text.strip().partition("/")
    try:
        rate = Fraction(_number(numerator)) / Fraction(_number(denominator) if "/" in text else 1)
    except (ValueError, ZeroDivisionError):
        raise MoneyError(f"rate {text[:40]!r} is no rate: {EXAMPLE}") from None
    if rate <= 0:
        raise MoneyError(f"rate {text[:40]} must be greater than zero: {EXAMPLE}")
    if max(rate.numerator, rate.denominator) > MAX_TERM:
        raise MoneyError(f"rate {text[:40]} has more than 15 digits: round it to fewer")
    return rate


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def shown(rate: Fraction) -> str:
    """Write a rate: `1.0834` where a decimal number says it exactly, else `1/3`."""
    rest = rate.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{rate.numerator}/{rate.denominator}"
    digits = next(count for count in range(64) if 10**count % rate.denominator == 0)
    # Read from text, a decimal keeps every digit; arithmetic on it keeps 28.
    return f"{Decimal(f'{rate.numerator * 10**digits // rate.denominator}E-{digits}'):f}"


def _as_fraction(value: Any) -> Any:
    return read_rate(value) if isinstance(value, str) else value


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must say where the rate is from, such as ECB")
    return text


def _bounded(rate: Fraction) -> Fraction:
    if not rate > 0 or max(rate.numerator, rate.denominator) > MAX_TERM:
        raise ValueError("must be greater than zero, in at most 15 digits")
    return rate


Rate = Annotated[Fraction, BeforeValidator(_as_fraction), AfterValidator(_bounded)]
Source = Annotated[Text, Field(max_length=200), AfterValidator(_said)]


class NewRate(Record):
    """What is stated: one `from_unit` is `rate` of `to_unit`, in major units, from `effective_from` on."""

    from_unit: UnitCode
    to_unit: UnitCode
    rate: Rate
    effective_from: AwareDatetime
    source: Source
    """Who published it, such as `ECB`."""
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _of_two_units(self) -> "NewRate":
        if self.from_unit == self.to_unit:
            raise ValueError(f"{self.from_unit} is always 1 {self.to_unit}: give two units")
        return self


def order(new: NewRate) -> tuple[str, str, datetime]:
    """Sort rates so that two transactions that state the same ones wait for each other in one direction."""
    return new.from_unit, new.to_unit, new.effective_from


class StatedRate(NewRate):
    """A rate as it was written down."""

    rate_id: int
    recorded_at: datetime
    """Since when we know it."""


class AppliedRate(Record):
    """The rate that applies from one unit to another, and what it was read from."""

    from_unit: str
    to_unit: str
    rate: Rate
    stated: StatedRate
    is_inverse: bool
    """Whether it is the exact inverse of what was stated, since nothing was stated in this direction."""

    def __str__(self) -> str:
        of = "inverse of " if self.is_inverse else ""
        stated = shown(self.stated.rate)
        return f"{of}{stated} of {self.stated.effective_from:%Y-%m-%d %H:%M} UTC ({self.stated.source})"


_INSERT = insert(exchange_rates).on_conflict_do_nothing().returning(exchange_rates)
_SAME = select(exchange_rates).where(
    exchange_rates.c.from_unit == bindparam("from_unit"),
    exchange_rates.c.to_unit == bindparam("to_unit"),
    exchange_rates.c.effective_from == bindparam("effective_from"),
)


async def add(connection: AsyncConnection, new: NewRate) -> tuple[StatedRate, bool]:
    """State a rate; returns it as it stands, and whether it is new. Raises RateConflict where another was stated."""
    values = new.model_dump(exclude={"rate"})
    terms = {"numerator": new.rate.numerator, "denominator": new.rate.denominator}
    row = (await connection.execute(_INSERT, values | terms)).mappings().first()
    if row is not None:
        return _stated(row), True
    present = _stated((await connection.execute(_SAME, values)).mappings().one())
    if present.rate != new.rate:
        raise RateConflict(present.from_unit, present.to_unit, present.effective_from, shown(present.rate))
    return present, False


async def at(
    connection: AsyncConnection, from_unit: str, to_unit: str, moment: datetime, known_at: datetime | None = None
) -> AppliedRate:
    """Return the rate that applied at a moment, by what was known at another (None: by all that is known now).

    Of the rates in this direction the last that was effective; without any, the exact inverse of the other direction.
    Raises NoRate.
    """
    for one, other in ((from_unit, to_unit), (to_unit, from_unit)):
        conditions = _of_pair(one, other)
        conditions.append(exchange_rates.c.effective_from <= moment)
        if known_at is not None:
            conditions.append(exchange_rates.c.recorded_at <= known_at)
        statement = select(exchange_rates).where(*conditions).order_by(exchange_rates.c.effective_from.desc()).limit(1)
        row = (await connection.execute(statement)).mappings().first()
        if row is not None:
            return _applied(_stated(row), from_unit, to_unit)
    raise NoRate(from_unit, to_unit, moment, known_at)


async def stated(
    connection: AsyncConnection, from_unit: str | None = None, to_unit: str | None = None, limit: int = MAX_LISTED
) -> Sequence[StatedRate]:
    """List rates, the last effective one first."""
    statement = (
        select(exchange_rates)
        .where(*_of_pair(from_unit, to_unit))
        .order_by(exchange_rates.c.effective_from.desc(), exchange_rates.c.rate_id.desc())
        .limit(min(limit, MAX_LISTED))
    )
    return [_stated(row) for row in (await connection.execute(statement)).mappings()]


def _of_pair(from_unit: str | None, to_unit: str | None) -> list[ColumnElement[bool]]:
    given = ((exchange_rates.c.from_unit, from_unit), (exchange_rates.c.to_unit, to_unit))
    return [column == unit for column, unit in given if unit is not None]


def _stated(row: RowMapping) -> StatedRate:
    values = dict(row)
    rate = Fraction(values.pop("numerator"), values.pop("denominator"))
    return StatedRate(**values, rate=rate)


def _applied(found: StatedRate, from_unit: str, to_unit: str) -> AppliedRate:
    is_inverse = found.from_unit != from_unit
    rate = 1 / found.rate if is_inverse else found.rate
    return AppliedRate(from_unit=from_unit, to_unit=to_unit, rate=rate, stated=found, is_inverse=is_inverse)


def minor_rate(rate: Fraction, from_unit: str, to_unit: str) -> Fraction:
    """Return a rate between minor units: cents for a cent, where `rate` is dollars for a euro."""
    return rate * Fraction(10) ** (minor_digits(to_unit) - minor_digits(from_unit))
