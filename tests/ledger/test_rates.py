"""Exchange rates in the books: stated once, and read by when they were effective and by when they were known."""

import asyncio
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import rates
from ledger.exchange_errors import NoRate, RateConflict
from ledger.money import MoneyError
from ledger.rates import minor_rate, read_rate, shown
from tests.ledger.exchange_samples import DAY, new_rate

NEXT_DAY = DAY + timedelta(days=1)


async def test_a_rate_applies_from_its_moment_on(connection: AsyncConnection) -> None:
    """Before it there is none, at its moment it holds, and from the next one's moment on the next one holds."""
    await rates.add(connection, new_rate("EUR", "USD", "1.08"))
    await rates.add(connection, new_rate("EUR", "USD", "1.09", NEXT_DAY))
    with pytest.raises(NoRate, match="no rate from EUR to USD at 2026-11-01 23:59:59 UTC: state one with `rates add`"):
        await rates.at(connection, "EUR", "USD", DAY - timedelta(seconds=1))
    for moment, rate in ((DAY, "1.08"), (NEXT_DAY - timedelta(microseconds=1), "1.08"), (NEXT_DAY, "1.09")):
        assert (await rates.at(connection, "EUR", "USD", moment)).rate == Fraction(rate)


async def test_the_rate_of_a_past_day_stays_after_a_later_one(connection: AsyncConnection) -> None:
    """History is read at the rate of its day, whatever is stated afterwards, and as often as it is read."""
    await rates.add(connection, new_rate("EUR", "USD", "1.08"))
    before = await rates.at(connection, "EUR", "USD", DAY)
    for days in range(1, 6):
        await rates.add(connection, new_rate("EUR", "USD", f"1.{days}", DAY + timedelta(days=days)))
    assert await rates.at(connection, "EUR", "USD", DAY) == before


async def test_what_was_known_then_is_read_without_what_came_later(connection: AsyncConnection) -> None:
    """A rate that is told late applies to its day from when it is told, and does not change what was known before."""
    first, _ = await rates.add(connection, new_rate("EUR", "USD", "1.08"))
    await connection.commit()
    late, _ = await rates.add(connection, new_rate("EUR", "USD", "1.07", DAY + timedelta(hours=1)))
    await connection.commit()
    assert first.recorded_at < late.recorded_at
    moment = DAY + timedelta(hours=2)
    assert (await rates.at(connection, "EUR", "USD", moment)).rate == Fraction("1.07")
    assert (await rates.at(connection, "EUR", "USD", moment, first.recorded_at)).rate == Fraction("1.08")
    with pytest.raises(NoRate, match="by what was known at"):
        await rates.at(connection, "EUR", "USD", moment, first.recorded_at - timedelta(microseconds=1))


async def test_the_other_direction_is_the_exact_inverse_unless_it_was_stated(connection: AsyncConnection) -> None:
    """One rate serves both ways without a loss; where both were stated, each is what was stated."""
    await rates.add(connection, new_rate("USD", "CREDIT", "3"))
    inverse = await rates.at(connection, "CREDIT", "USD", DAY)
    assert (inverse.rate, inverse.is_inverse) == (Fraction(1, 3), True)
    assert str(inverse) == "inverse of 3 of 2026-11-02 00:00 UTC (ECB)"
    await rates.add(connection, new_rate("CREDIT", "USD", "0.3"))
    direct = await rates.at(connection, "CREDIT", "USD", DAY)
    assert (direct.rate, direct.is_inverse) == (Fraction(3, 10), False)


async def test_the_same_rate_again_is_the_one_that_stands(connection: AsyncConnection) -> None:
    """A file can be loaded twice; a rate is the same however it is written."""
    first, is_new = await rates.add(connection, new_rate("EUR", "USD", "1.50"))
    again, is_new_again = await rates.add(connection, new_rate("EUR", "USD", "3/2"))
    assert (is_new, is_new_again, again) == (True, False, first)


async def test_another_rate_for_the_same_moment_is_refused(connection: AsyncConnection) -> None:
    """A rate is never rewritten; the line says what stands and what to do."""
    await rates.add(connection, new_rate("EUR", "USD", "1.08"))
    message = (
        r"EUR to USD from 2026-11-02 00:00:00 UTC on was stated as 1\.08, and a rate is never rewritten: "
        "give one that is effective later"
    )
    with pytest.raises(RateConflict, match=message):
        await rates.add(connection, new_rate("EUR", "USD", "1.09"))


async def test_of_many_who_state_a_rate_at_once_one_is_heard(engine: AsyncEngine) -> None:
    """Under any race there is one rate, and each of the others is told which."""

    async def state(number: int) -> bool:
        async with engine.begin() as connection:
            try:
                return (await rates.add(connection, new_rate("EUR", "USD", f"1.{number}")))[1]
            except RateConflict:
                return False

    told = await asyncio.gather(*(state(number) for number in range(1, 21)))
    assert sum(told) == 1
    async with engine.connect() as connection:
        assert len(await rates.stated(connection)) == 1


async def test_rates_are_listed_with_the_last_effective_first(connection: AsyncConnection) -> None:
    """Whoever looks for today's rate finds it at the top."""
    await rates.add(connection, new_rate("EUR", "USD", "1.09", NEXT_DAY))
    await rates.add(connection, new_rate("EUR", "USD", "1.08"))
    await rates.add(connection, new_rate("GBP", "USD", "1.3"))
    assert [shown(row.rate) for row in await rates.stated(connection, "EUR", "USD")] == ["1.09", "1.08"]
    assert [row.from_unit for row in await rates.stated(connection, limit=2)] == ["EUR", "GBP"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, f"rate {text!r} is no rate: write it like 1.0834, or 1/3") for text in ("", "x", "1e5", "1,08", "1/0", "1/2/3", "--5", "NaN", "\uff11")),
        *((text, f"rate {text} must be greater than zero: write it like 1.0834, or 1/3") for text in ("0", "-1.08", "0/5")),
        ("1234567890123456", "rate 1234567890123456 has more than 15 digits: round it to fewer"),
        ("0.0000000000000001", "rate 0.0000000000000001 has more than 15 digits: round it to fewer"),
    ],
)  # fmt: skip
def test_what_is_no_rate_is_refused(text: str, message: str) -> None:
    """Nothing is converted at a rate that nobody meant."""
    with pytest.raises(MoneyError) as refused:
        read_rate(text)
    assert str(refused.value) == message


def test_a_rate_needs_two_units_and_a_source() -> None:
    """Who said it is a part of what was said."""
    good = new_rate("EUR", "USD", "1.08").model_dump()
    changes: list[tuple[dict[str, object], str]] = [
        ({"to_unit": "EUR"}, "EUR is always 1 EUR: give two units"),
        ({"to_unit": "POINTS"}, "unknown currency 'POINTS'"),
        ({"source": "  "}, "must say where the rate is from, such as ECB"),
        ({"rate": Fraction(-1)}, "must be greater than zero, in at most 15 digits"),
        ({"effective_from": datetime(2026, 11, 2)}, "should have timezone info"),  # noqa: DTZ001 # that is the fault
    ]
    for change, message in changes:
        with pytest.raises(ValidationError, match=message):
            rates.NewRate.model_validate(good | change)


@given(numerator=st.integers(1, 10**15 - 1), denominator=st.integers(1, 10**15 - 1))
@example(numerator=1, denominator=2**41)
@example(numerator=7, denominator=1)
def test_a_rate_is_read_as_it_is_written(numerator: int, denominator: int) -> None:
    """No digit is lost between people and the books, nor invented."""
    rate = Fraction(numerator, denominator)
    assert read_rate(f"{rate.numerator}/{rate.denominator}") == rate
    assert Fraction(shown(rate)) == rate


def test_a_rate_of_major_units_is_one_of_minor_units() -> None:
    """A euro of 150 yen is a cent of one and a half."""
    assert minor_rate(Fraction(150), "EUR", "JPY") == Fraction(3, 2)
    assert minor_rate(Fraction(1, 100), "CREDIT", "USD") == 1
