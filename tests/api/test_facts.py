"""Facts that services tell over HTTP: conversions, and credits that are bought with what a charge collected, and spent."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import credit_posting, journal, posting, rates
from ledger.accounts import wallet
from ledger.credits import Spending
from ledger.database import create_engine
from ledger.money import Money
from ledger.posting import Fact
from tests.api.conftest import Service, running
from tests.api.shop import DAY, Shop, entry, fresh, line, services_file
from tests.conftest import Database
from tests.ledger.exchange_samples import new_rate
from tests.ledger.test_account_lines import assert_kept

CHARGE = (
    "INSERT INTO charges (charge_id, request_hash, status, customer, currency, amount_minor, authorized_minor, captured_minor,"
    " capture_method, at_expiry, payment_methods, metadata, actor, gateway, invoice, created_at)"
    " VALUES (%s, 'h', 'captured', %s, %s, %s, %s, %s, 'automatic', 'void', %s, '{}', 'service:shop', 'stripe', %s, %s)"
)
OPERATION = (
    "INSERT INTO operations (operation_id, charge_id, kind, number, attempt, gateway, amount_minor, currency, outcome, fee_status,"
    " actor, purpose, decided_at) VALUES (%s, %s, 'capture', 1, 1, 'stripe', %s, %s, 'succeeded', 'pending', 'service:shop',"
    " 'attempt:1', %s)"
)
FEE_RULES = """
editions:
  - version: "1"
    effective_from: 2026-01-01
    rules:
      - {name: cards, percentage: 2.9, fixed_minor: {USD: 30}, borne_by: customer, settled: net}
"""


async def collected(
    superuser: psycopg.Connection, engine: AsyncEngine, name: str, amount: int = 1000, *, currency: str = "USD",
    invoice: str | None = "in_1", customer: str | None = None,
) -> str:  # fmt: skip
    """A charge that was captured, with its entry; without another name, the customer has its name."""
    customer = customer or name
    at = datetime.fromisoformat(DAY)
    methods = Jsonb([{"gateway": "stripe", "token": "pm_1"}])
    superuser.execute(CHARGE, [name, customer, currency, amount, amount, amount, methods, invoice, at])
    superuser.execute(OPERATION, [f"{name}:capture:1", name, amount, currency, at])
    fact = Fact(
        operation_id=f"{name}:capture:1",
        charge_id=name,
        gateway="stripe",
        money=Money(amount_minor=amount, currency=currency),
        event_at=at,
        actor="workflow:charge",
        customer=customer,
        invoice=invoice,
    )
    async with engine.begin() as connection:
        await journal.post(connection, [posting.captured(fact)])
    return name


@pytest.fixture
async def engine(shared: Service) -> Any:
    """The books as a process of a charge has them."""
    engine = create_engine(shared.superuser_url, 25)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="package")
async def stated(shared: Service) -> None:
    """Rates of the day."""
    engine = create_engine(shared.superuser_url, 1)
    async with engine.begin() as connection:
        await rates.add(connection, new_rate("EUR", "USD", "1.10"))
    await engine.dispose()


def purchase(charge_id: str, amount: Any = "1000", **changes: Any) -> dict[str, Any]:
    """Credits for what a charge collected."""
    return {"charge_id": charge_id, "credits": {"amount": amount, "currency": "CREDIT"}, "event_at": DAY} | changes


def spending(customer: str, amount: Any = "300", name: str | None = None, **changes: Any) -> dict[str, Any]:
    """Some of them."""
    credits_ = {"amount": amount, "currency": "CREDIT"}
    return {
        "spending_id": f"shop.{name or fresh()}",
        "customer": customer,
        "credits": credits_,
        "event_at": DAY,
    } | changes


def conversion(given: dict[str, Any], receiver: str, unit: str, **changes: Any) -> dict[str, Any]:
    """One unit for another."""
    wish = {"conversion_id": f"shop.{fresh()}", "given": given, "receiver": receiver, "unit": unit, "event_at": DAY}
    return wish | changes


async def test_credits_are_bought_with_what_a_charge_collected(shop: Shop, engine: AsyncEngine) -> None:
    """The receivable is even, the wallet has them, and what was paid is not earned yet; asked again, it is the same entry."""
    name = await collected(shop.superuser, engine, fresh("cus"))
    deferred = shop.balance("liability:deferred_revenue.CREDIT")
    first, again = [await shop.send("credit-purchases", purchase(name)) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    [told] = first.json()["entries"]
    assert (told["entry_reference"], told["is_new"]) == (f"purchase:{name}", True)
    assert again.json()["entries"][0] == told | {"is_new": False}
    assert (shop.balance(f"wallet:{name}", "CREDIT"), shop.balance(f"receivable:{name}")) == (1000, 0)
    assert shop.balance("liability:deferred_revenue.CREDIT") - deferred == 1000
    assert (await shop.get(f"entries/purchase:{name}")).json()["charge_id"] == name


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"credits": {"amount": "999", "currency": "CREDIT"}}, 409, "already posted with other content"),
        ({"event_at": "2026-11-03T00:00:00Z"}, 409, "already posted with other content"),
        ({"charge_id": "nothing"}, 422, "there is no charge nothing"),
        ({"credits": {"amount": "1", "currency": "USD"}}, 400, "USD is money, which is not ours to issue"),
        ({"credits": {"amount": "0", "currency": "CREDIT"}}, 400, "must be greater than zero"),
        (
            {"credits": {"amount_minor": 0, "currency": "CREDIT"}},
            400,
            "0 CREDIT cannot be bought: give a positive amount",
        ),
        ({"credits": {"amount": "999999999999", "currency": "CREDIT"}}, 409, "already posted with other content"),
        ({"customer": "another"}, 400, "customer: there is no such field"),
    ],
)
async def test_a_charge_buys_credits_once(
    shop: Shop, engine: AsyncEngine, changes: dict[str, Any], status: int, said: str
) -> None:
    """Not more of them under another wish, and not those of nobody."""
    name = await collected(shop.superuser, engine, fresh("cus"))
    await shop.send("credit-purchases", purchase(name))
    before = shop.entries()
    answer = await shop.send("credit-purchases", purchase(name) | changes)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert shop.entries() == before


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("invoice", None, "pays no invoice, so it was earned at once"),
        ("status", "authorized", "is authorized"),
        ("refunded_minor", 1, "with 9.99 USD left of it"),
        ("refund_reserved_minor", 1, "with 9.99 USD left of it"),
        ("withdrawn_minor", 1000, "with 0.00 USD left of it"),
    ],
)
async def test_what_was_not_collected_buys_nothing(
    shop: Shop, engine: AsyncEngine, column: str, value: Any, said: str
) -> None:
    """No credits for money that was given back, taken back, never taken, or earned already."""
    name = await collected(shop.superuser, engine, fresh("cus"))
    shop.superuser.execute(
        SQL("UPDATE charges SET {} = %s WHERE charge_id = %s").format(Identifier(column)), [value, name]
    )
    answer = await shop.send("credit-purchases", purchase(name))
    assert (answer.status_code, answer.json()["entries"][0]["refusal"]) == (422, "ConversionRefused")
    assert said in answer.text
    assert shop.balance(f"wallet:{name}", "CREDIT") == 0


async def test_a_price_in_another_currency_is_deferred_at_the_rate_of_the_day(
    shop: Shop, engine: AsyncEngine, stated: None
) -> None:
    """10.00 EUR are 11.00 USD that are not earned yet."""
    name = await collected(shop.superuser, engine, fresh("cus"), currency="EUR")
    deferred = shop.balance("liability:deferred_revenue.CREDIT")
    assert (await shop.send("credit-purchases", purchase(name))).status_code == 201
    assert shop.balance("liability:deferred_revenue.CREDIT") - deferred == 1100
    assert shop.balance(f"receivable:{name}", "EUR") == 0
    [told] = (await shop.send("credit-purchases", purchase(await collected(
        shop.superuser, engine, fresh("cus"), currency="GBP")))).json()["entries"]  # fmt: skip
    assert (told["refusal"], "rates add" in told["message"]) == ("NoRate", True)


async def test_what_the_customer_bears_of_the_fee_buys_no_credits(database: Database, tmp_path: Path) -> None:
    """With fee rules, the gross is the price and the customer's part of the fee; only the price is deferred."""
    (tmp_path / "fees.yaml").write_text(FEE_RULES)
    files = {"FEE_RULES": str(tmp_path / "fees.yaml"), "SERVICES_FILE": services_file(tmp_path)}
    engine = create_engine(database.superuser_url, 2)
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        await collected(superuser, engine, "cus_1", 1061)
        with running(database.app_url, tmp_path / "log", **files) as service:
            async with httpx.AsyncClient(base_url=service.url, trust_env=False) as http:
                shop = Shop(http, superuser)
                assert (await shop.send("credit-purchases", purchase("cus_1"))).status_code == 201
                assert shop.balance("liability:deferred_revenue.CREDIT") == 1000
                assert (shop.balance("revenue:fees_charged"), shop.balance("receivable:cus_1")) == (61, 0)
    await engine.dispose()


async def test_credits_are_spent_once(shop: Shop, engine: AsyncEngine) -> None:
    """Their part of what was paid is earned; the same again is the same entry, another wish under its id is a conflict."""
    name = await collected(shop.superuser, engine, fresh("cus"))
    await shop.send("credit-purchases", purchase(name))
    earned = shop.balance("revenue:credits")
    wish = spending(name)
    first, again = [await shop.send("credit-spendings", wish) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert shop.balance(f"wallet:{name}", "CREDIT") == 700
    assert shop.balance("revenue:credits") > earned
    for change in (
        {"credits": {"amount": "301", "currency": "CREDIT"}},
        {"event_at": "2026-11-03T00:00:00Z"},
        {"customer": "x"},
    ):
        answer = await shop.send("credit-spendings", wish | change)
        assert (answer.status_code, answer.json()["entries"][0]["refusal"]) == (409, "ReferenceConflict")
    assert shop.balance(f"wallet:{name}", "CREDIT") == 700


async def test_credits_that_are_not_there_are_not_spent(shop: Shop, engine: AsyncEngine) -> None:
    """More than the wallet has, though others have more; more than all have; none; and money."""
    name = await collected(shop.superuser, engine, fresh("cus"))
    await shop.send("credit-purchases", purchase(name, "10"))
    await shop.send("credit-purchases", purchase(await collected(shop.superuser, engine, fresh("cus"))))
    [told] = (await shop.send("credit-spendings", spending(name, "11"))).json()["entries"]
    assert (told["refusal"], told["account"], told["missing_minor"]) == ("AccountShort", f"wallet:{name}", 1)
    [told] = (await shop.send("credit-spendings", spending(name, "999999999"))).json()["entries"]
    assert told["refusal"] == "ConversionRefused"
    for amount, status in (("0", 400), (0, 400), (-1, 400), ("1.5", 400)):
        answer = await shop.send("credit-spendings", spending(name, amount))
        assert answer.status_code == status
    money = await shop.send("credit-spendings", spending(name, credits={"amount": "1", "currency": "USD"}))
    assert (money.status_code, "not ours to issue" in money.text) == (400, True)
    assert shop.balance(f"wallet:{name}", "CREDIT") == 10


async def test_however_credits_are_spent_at_once_all_that_was_paid_is_earned(database: Database) -> None:
    """Fifty spendings race for what was paid: no two earn the same cent, and the last credit takes the last cent."""
    engine = create_engine(database.app_url, 25)
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        await collected(superuser, engine_of := create_engine(database.superuser_url, 1), "cus_1", 333)
        await engine_of.dispose()
        wish = credit_posting.CollectedPurchase(
            charge_id="cus_1",
            credits=Money(amount_minor=50, currency="CREDIT"),
            event_at=datetime.fromisoformat(DAY),
            actor="service:shop",
        )
        async with engine.begin() as connection:
            await credit_posting.buy(connection, wish, "USD")

        async def spend(number: int) -> None:
            one = Spending(
                spending_id=f"s{number}",
                customer="cus_1",
                credits=Money(amount_minor=1, currency="CREDIT"),
                event_at=datetime.fromisoformat(DAY),
                actor="service:shop",
            )
            async with engine.begin() as connection:
                await credit_posting.spend(connection, one, "USD")

        await asyncio.gather(*(spend(number) for number in range(50)))
        left = "SELECT sum(balance_minor) FROM balances JOIN accounts USING (account_id) WHERE code LIKE %s"
        assert superuser.execute(left, ["liability:deferred%"]).fetchone() == (0,)
        assert superuser.execute(left, [wallet("cus_1").code]).fetchone() == (0,)
        assert superuser.execute(left, ["revenue:credits"]).fetchone() == (333,)
        assert_kept(superuser)
    await engine.dispose()


async def test_money_is_converted_between_wallets(shop: Shop, stated: None) -> None:
    """At the rate of the moment when it happened; once for an id."""
    name = fresh("w")
    code = f"wallet:user:{name}"
    await shop.post(entry(name))
    wish = conversion(line(code, "debit", "5.50"), code, "EUR")
    first, again = [await shop.send("conversions", wish) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert (shop.balance(code, "USD"), shop.balance(code, "EUR")) == (450, 500)
    other = await shop.send("conversions", wish | {"given": line(code, "debit", "1.10")})
    assert (other.status_code, other.json()["entries"][0]["refusal"]) == (409, "ReferenceConflict")
    [told] = (await shop.send("conversions", conversion(line(code, "debit", "99.00"), code, "EUR"))).json()["entries"]
    assert (told["refusal"], told["account"], told["missing_minor"]) == ("AccountShort", code, 9450)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"unit": "USD"}, 400, "USD cannot be converted to itself"),
        ({"unit": "JPY"}, 422, "there is no rate from USD to JPY"),
        ({"given": line("wallet:user:w", "debit", 0)}, 400, "cannot be converted: give a positive amount"),
        ({"given": line("wallet:user:w", "debit", "1e3")}, 400, "write it like 49.99"),
        ({"receiver": "nowhere:x"}, 422, "there is no account nowhere:x in the chart"),
        ({"receiver": "clearing:stripe"}, 403, "service shop has no account clearing:stripe"),
        ({"given": line("clearing:stripe", "credit")}, 403, "service shop has no account clearing:stripe"),
        ({"conversion_id": "c"}, 403, "conversion_id c must begin with shop."),
        ({"rounding": "sideways"}, 400, "rounding: must be"),
        ({"given": line("wallet:user:w", "debit", 1)}, 422, "is worth less than the smallest amount of EUR"),
    ],
)
async def test_a_conversion_that_cannot_be_is_refused(
    shop: Shop, stated: None, changes: dict[str, Any], status: int, said: str
) -> None:
    """With its reason, and nothing is written."""
    before = shop.entries()
    wish = conversion(line("wallet:user:w", "debit", "1.00"), "wallet:user:w", "EUR")
    if said.startswith("is worth"):
        wish["rounding"] = "down"
    answer = await shop.send("conversions", wish | changes)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert shop.entries() == before


async def test_facts_that_come_at_once_are_each_booked_once(shop: Shop, engine: AsyncEngine) -> None:
    """Ten retries of each of ten spendings overtake each other at the exchange's lock."""
    name = await collected(shop.superuser, engine, fresh("cus"))
    await shop.send("credit-purchases", purchase(name, "100"))
    wishes = [spending(name, "3", f"{name}.{number}") for number in range(10)]
    answers = await asyncio.gather(*(shop.send("credit-spendings", wish) for wish in wishes * 10))
    assert {answer.status_code for answer in answers} == {200, 201}
    assert sum(answer.status_code == 201 for answer in answers) == 10
    assert shop.balance(f"wallet:{name}", "CREDIT") == 70
    assert_kept(shop.superuser)
