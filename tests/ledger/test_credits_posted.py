"""Credits in the books: bought, converted and spent under the database's own checks."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import credits as rules
from ledger import exchange, fees, journal, rates, reports
from ledger.accounts import clearing
from ledger.credits import Outstanding, Purchase, Spending
from ledger.entries import debit
from ledger.errors import LedgerError
from ledger.money import Money
from ledger.positions import Position
from tests.ledger.exchange_samples import DAY, conversion, money, new_rate
from tests.ledger.fee_samples import ask, edition, rule


@pytest.fixture
def books(connection: AsyncConnection) -> AsyncConnection:
    """Books that keep credits beside dollars."""
    return connection


def purchase(price_minor: int = 1000, credits_minor: int = 1000) -> Purchase:
    """Credits for dollars."""
    one = rule()
    return Purchase(
        purchase_id=f"pu_{price_minor}",
        customer="cus_1",
        credits=Money(amount_minor=credits_minor, currency="CREDIT"),
        fees=fees.of_purchase(edition(one), one, ask(price_minor)),
        event_at=DAY,
        actor="workflow:charge",
    )


def spending(credits_minor: int, name: str = "sp_1") -> Spending:
    """Some of them."""
    credits_ = Money(amount_minor=credits_minor, currency="CREDIT")
    return Spending(spending_id=name, customer="cus_1", credits=credits_, event_at=DAY, actor="service:shop")


async def balances(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Every balance that is not zero."""
    rows = await reports.account_balances(connection)
    return {(row.account, row.currency.strip()): row.balance_minor for row in rows if row.balance_minor}


async def test_credits_are_bought_and_spent(books: AsyncConnection) -> None:
    """What the rules say is what the books hold, and the database finds each entry balanced in each unit."""
    await journal.post(books, [rules.bought(purchase(), {}, "USD")])
    await books.commit()
    await journal.post(books, [rules.spent(spending(300), Outstanding(issued_minor=1000, deferred_minor=1000), "USD")])
    await books.commit()
    assert await balances(books) == {
        ("clearing:stripe", "USD"): 941,
        ("expense:gateway_fees", "USD"): 59,
        ("wallet:cus_1", "CREDIT"): 700,
        ("credits:issued", "CREDIT"): 700,
        ("liability:deferred_revenue.CREDIT", "USD"): 700,
        ("revenue:credits", "USD"): 300,
    }


async def test_a_wallet_never_falls_below_zero(books: AsyncConnection) -> None:
    """Credits that are not there are not spent, whoever computed that they were."""
    await journal.post(books, [rules.bought(purchase(credits_minor=10), {}, "USD")])
    await books.commit()
    too_much = rules.spent(spending(11), Outstanding(issued_minor=1000, deferred_minor=1000), "USD")
    with pytest.raises(LedgerError, match="wallet:cus_1"):
        await journal.post(books, [too_much])
    await books.rollback()
    assert (await balances(books))["wallet:cus_1", "CREDIT"] == 10


async def test_money_is_converted_to_credits_and_back(books: AsyncConnection) -> None:
    """At the rate of the day; what whole credits cannot express is left over and booked, and nothing stays on the exchange."""
    await rates.add(books, new_rate("USD", "CREDIT", "3"))
    dollars = money("10.50", "USD")
    there = conversion(dollars, "CREDIT", line=debit(clearing("stripe"), dollars), name="there")
    await exchange.convert(books, there, "USD")
    assert await exchange.positions(books, ["CREDIT"], "USD") == {"CREDIT": Position(held_minor=-32, cost_minor=-1067)}
    back = conversion(money("32", "CREDIT"), "USD", receiver=clearing("stripe"), name="back")
    await exchange.convert(books, back, "USD")
    await books.commit()
    assert await balances(books) == {("clearing:stripe", "USD"): -17, ("expense:conversion_rounding", "USD"): 17}
