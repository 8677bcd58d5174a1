"""Conversions in the books: once, at the rate of the day, against what is held, also when many come at once."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import exchange, history, journal, rates, reports
from ledger.accounts import clearing, revenue_sales, wallet
from ledger.entries import Entry, credit, debit
from ledger.errors import ReferenceConflict
from ledger.exchange_errors import ConversionRefused, NoRate
from ledger.money import Money
from ledger.positions import Position
from tests.ledger.exchange_samples import DAY, conversion, money, new_rate

FUNDED = 10**7
"""What the customer's wallet has of each currency, in minor units, before anything is converted."""


async def with_rates(connection: AsyncConnection) -> None:
    """Euros at 1.08, from the next day on at 1.20; yen at 1/150. There is something in the wallet."""
    for rate in (
        new_rate("EUR", "USD", "1.08"),
        new_rate("EUR", "USD", "1.20", DAY + timedelta(days=1)),
        new_rate("JPY", "USD", "1/150"),
        new_rate("EUR", "JPY", "162"),
    ):
        await rates.add(connection, rate)
    funds = [Money(amount_minor=FUNDED, currency=currency) for currency in ("EUR", "JPY", "USD")]
    paid_in = Entry(
        reference="paid_in",
        rule="paid_in",
        description="paid in",
        event_at=DAY,
        actor="person:alice",
        lines=tuple(
            line for fund in funds for line in (debit(clearing("stripe"), fund), credit(wallet("cus_1"), fund))
        ),
    )
    await journal.post(connection, [paid_in])


async def balance(connection: AsyncConnection, account: str, currency: str) -> int:
    """What an account holds."""
    rows = await reports.account_balances(connection, prefix=account, currency=currency)
    return sum(row.balance_minor for row in rows if row.account == account)


async def test_a_gain_is_realised_against_the_average_cost(connection: AsyncConnection) -> None:
    """100 EUR came at 1.08, and 50 of them go at 1.20: they cost 54.00, bring 60.00, and 6.00 are gained."""
    await with_rates(connection)
    await exchange.convert(connection, conversion(money("100", "EUR"), "USD", name="in"), "USD")
    out = conversion(money("60", "USD"), "EUR", name="out").model_copy(update={"event_at": DAY + timedelta(days=1)})
    await exchange.convert(connection, out, "USD")
    assert await balance(connection, "revenue:exchange_gains", "USD") == 600
    assert await exchange.positions(connection, ["EUR", "USD"], "USD") == {
        "EUR": Position(held_minor=5000, cost_minor=5400)
    }


async def test_history_stays_at_the_rate_of_its_day(connection: AsyncConnection) -> None:
    """The same wish again, after other rates were stated, is the entry that was posted."""
    await with_rates(connection)
    wish = conversion(money("100", "EUR"), "USD").model_copy(update={"event_at": DAY + timedelta(hours=2)})
    first = await exchange.convert(connection, wish, "USD")
    await connection.commit()
    await rates.add(connection, new_rate("EUR", "USD", "1.50", DAY + timedelta(hours=1)))
    again = await exchange.convert(connection, wish, "USD")
    assert (first.is_new, again.is_new, again.entry_id) == (True, False, first.entry_id)
    assert await balance(connection, "wallet:cus_1", "USD") == FUNDED + 10800


async def test_the_same_id_for_another_conversion_is_refused(connection: AsyncConnection) -> None:
    """One id is one conversion."""
    await with_rates(connection)
    await exchange.convert(connection, conversion(money("100", "EUR"), "USD"), "USD")
    for other in (
        conversion(money("101", "EUR"), "USD"),
        conversion(money("100", "EUR"), "JPY"),
        conversion(money("100", "JPY"), "USD"),
    ):
        with pytest.raises(ReferenceConflict, match="conversion:1"):
            await exchange.convert(connection, other, "USD")


async def test_between_two_other_currencies_the_books_balance_in_each(connection: AsyncConnection) -> None:
    """Euros for yen, counted in dollars; the database checks every entry once more."""
    await with_rates(connection)
    await exchange.convert(connection, conversion(money("100", "EUR"), "JPY"), "USD")
    await connection.commit()
    off: Counter[str] = Counter()
    for row in await history.trial_balance(connection):
        off[row.currency] += row.debit_minor - row.credit_minor
    assert off == {"EUR": 0, "JPY": 0, "USD": 0}
    assert await exchange.positions(connection, ["EUR", "JPY"], "USD") == {
        "EUR": Position(held_minor=10000, cost_minor=10800),
        "JPY": Position(held_minor=-16200, cost_minor=-10800),
    }


async def test_without_a_rate_nothing_is_converted(connection: AsyncConnection) -> None:
    """No amount is ever converted at a rate that is made up."""
    with pytest.raises(NoRate, match="no rate from EUR to USD"):
        await exchange.convert(connection, conversion(money("100", "EUR"), "USD"), "USD")
    assert await reports.entry_by_reference(connection, "conversion:1") is None


async def test_of_conversions_at_once_each_uses_the_cost_that_the_one_before_left(engine: AsyncEngine) -> None:
    """Twenty come in and twenty go out, in any order: played again one by one, each has realised what it should have."""
    async with engine.begin() as connection:
        await with_rates(connection)
        await exchange.convert(connection, conversion(money("1000", "EUR"), "USD", name="stock"), "USD")

    async def one(number: int) -> None:
        given, unit = (money("77.77", "EUR"), "USD") if number % 2 else (money("83.99", "USD"), "EUR")
        wish = conversion(given, unit, name=f"n{number}").model_copy(update={"event_at": DAY + timedelta(days=1)})
        async with engine.begin() as connection:
            await exchange.convert(connection, wish, "USD")

    await asyncio.gather(*(one(number) for number in range(40)))
    async with engine.begin() as connection:
        played = Position()
        for entry in await reports.entries(connection, limit=100):
            moved: Counter[tuple[str, str]] = Counter()
            for line in entry.lines:
                moved[line.account, line.currency] += line.amount_minor * (1 if line.side == "debit" else -1)
            if entry.rule == "converted":
                value = -moved["wallet:cus_1", "USD"] - moved["expense:conversion_rounding", "USD"]
                played, gain = played.after(-moved["exchange:EUR", "EUR"], value)
                assert -moved["revenue:exchange_gains", "USD"] - moved["expense:exchange_losses", "USD"] == gain
        assert (await exchange.positions(connection, ["EUR"], "USD"))["EUR"] == played


async def test_another_functional_currency_is_refused_once_there_is_a_cost(connection: AsyncConnection) -> None:
    """A gain in dollars cannot be taken from a cost in euros."""
    await with_rates(connection)
    await exchange.convert(connection, conversion(money("100", "EUR"), "USD"), "USD")
    message = "exchange:EUR was kept in USD, and the functional currency is GBP: set FUNCTIONAL_CURRENCY back"
    with pytest.raises(ConversionRefused, match=message):
        await exchange.positions(connection, ["EUR"], "GBP")


async def test_a_conversion_is_an_entry_as_any_other(connection: AsyncConnection) -> None:
    """Revenue in euros, which the gateway owes us, is converted and stands in dollars."""
    await with_rates(connection)
    euros = money("50", "EUR")
    earned = Entry(
        reference="sale",
        rule="captured",
        description="sold",
        event_at=DAY,
        actor="person:alice",
        lines=(debit(clearing("stripe"), euros), credit(revenue_sales(), euros)),
    )
    await journal.post(connection, [earned])
    await connection.commit()
    wish = conversion(euros, "USD", line=debit(revenue_sales(), euros), receiver=revenue_sales())
    await exchange.convert(connection, wish, "USD")
    await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    assert await balance(connection, "revenue:sales", "EUR") == 0
    assert await balance(connection, "revenue:sales", "USD") == 5400
