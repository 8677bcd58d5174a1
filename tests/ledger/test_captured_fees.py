"""Expected fees are held against those that gateways reported, capture by capture and rule by rule."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import captured_fees, fee_comparison
from ledger.fee_comparison import RuleSum, compare
from ledger.fee_rules import FeeRules
from tests.ledger.exchange_samples import DAY, money
from tests.ledger.fee_samples import edition, rule

LARGE = {"by": "volume", "steps": [{"up_to_minor": {"USD": 10_000}, "percentage": 2}, {"percentage": 1}]}
RULES = FeeRules(
    editions=(
        edition(
            rule(name="amex", when={"card_brand": ["amex"]}, percentage="4"),
            rule(name="large", when={"plan": ["large"]}, tiers=LARGE),
            rule(name="cards", when={"gateway": ["stripe"]}),
        ),
    )
)
CHARGE = (
    "INSERT INTO charges (charge_id, request_hash, status, customer, currency, amount_minor, capture_method, at_expiry,"
    " payment_methods, metadata, actor) VALUES (%s, 'h', 'captured', 'cus_1', %s, %s, 'automatic', 'void', %s, %s, 'person:alice')"
)
OPERATION = (
    "INSERT INTO operations (operation_id, charge_id, kind, number, attempt, gateway, amount_minor, currency, outcome,"
    " fee_minor, fee_currency, fee_status, actor, purpose, decided_at)"
    " VALUES (%s, %s, 'capture', 1, 1, %s, %s, %s, %s, %s, %s, %s, 'person:alice', 'attempt:1', %s)"
)


def capture(
    owner: psycopg.Connection, name: str, amount: int = 10_000, fee: int | None = 320, *, hours: int = 0, currency: str = "USD",
    gateway: str = "stripe", brand: str = "visa", plan: str | None = None, outcome: str = "succeeded", fee_currency: str = "USD",
) -> None:  # fmt: skip
    """Write a capture with its reported fee."""
    methods = [{"gateway": "paypal", "token": "w"}, {"gateway": gateway, "token": "pm_1", "brand": brand}]
    metadata = {} if plan is None else {"plan": plan}
    known: tuple[Any, ...] = (None, None, "pending") if fee is None else (fee, fee_currency, "known")
    owner.execute(CHARGE, [name, currency, amount, Jsonb(methods), Jsonb(metadata)])
    moment = DAY + timedelta(hours=hours)
    owner.execute(OPERATION, [f"{name}:capture:1", name, gateway, amount, currency, outcome, *known, moment])
    owner.commit()


async def compared(connection: AsyncConnection, hours: int = -1) -> fee_comparison.Comparison:
    """Compare what was captured since then."""
    return compare(RULES, await captured_fees.since(connection, DAY + timedelta(hours=hours), 100))


async def test_each_capture_is_held_against_its_rule(owner: psycopg.Connection, connection: AsyncConnection) -> None:
    """What agrees is counted, what differs is shown with both fees, and the sums are by rule."""
    capture(owner, "same", hours=1)
    capture(owner, "dearer", fee=350, hours=2)
    capture(owner, "amex", brand="amex", fee=430, hours=3)
    found = await compared(connection)
    assert found.sums == [
        RuleSum("2026-11", "amex", "USD", captures=1, differing=0, expected_minor=430, reported_minor=430),
        RuleSum("2026-11", "cards", "USD", captures=2, differing=1, expected_minor=640, reported_minor=670),
    ]
    (differing,) = found.differing
    assert differing.fees is not None
    assert differing.reported.charge_id == "dearer"
    assert (differing.fees.expected, differing.fees.fee) == (money("3.20", "USD"), money("3.50", "USD"))
    assert str(differing.fees.difference) == "0.30 USD"


async def test_the_month_before_a_capture_fills_its_tiers(
    owner: psycopg.Connection, connection: AsyncConnection
) -> None:
    """The volume is what the gateway took since the month began, also where only the last hours are compared."""
    capture(owner, "last_month", amount=90_000, fee=1, hours=-72, plan="large")
    capture(owner, "other_currency", amount=90_000, fee=1, hours=0, currency="EUR", plan="large")
    capture(owner, "failed", amount=90_000, fee=None, hours=0, plan="large", outcome="declined")
    capture(owner, "first", amount=8_000, fee=160, hours=1, plan="large")
    capture(owner, "no_fee_yet", amount=1_000, fee=None, hours=2, plan="large")
    capture(owner, "second", amount=2_000, fee=30, hours=3, plan="large")
    found = await compared(connection, hours=3)
    (second,) = found.compared
    assert second.reported.ask.volume_minor == 9_000
    assert second.fees is not None
    assert not found.differing


async def test_what_cannot_be_compared_says_why(owner: psycopg.Connection, connection: AsyncConnection) -> None:
    """A fee without a rule, without a price, in another currency or from before the first edition is no difference of zero."""
    capture(owner, "nowhere", gateway="adyen", hours=1)
    capture(owner, "priceless", currency="EUR", hours=2)
    capture(owner, "foreign", fee_currency="EUR", hours=3)
    capture(owner, "early", hours=-1)
    found = await compared(connection)
    why = {one.reported.charge_id: one.why_not for one in found.compared}
    assert why == {
        "nowhere": "no fee rule of edition 2026-11 is for such a purchase at adyen: add one",
        "priceless": "rule cards has no price in EUR: add it",
        "foreign": "the fee of 3.20 EUR is in another currency than 100.00 USD: book it by itself",
        "early": "no edition of the fee rules is in force at 2026-11-01: the first begins at 2026-11-02",
    }
    assert (len(found.differing), found.sums) == (4, [])


@pytest.mark.parametrize("limit", [1, 2])
async def test_the_newest_captures_are_read_first(
    owner: psycopg.Connection, connection: AsyncConnection, limit: int
) -> None:
    """Of very many captures, a limit leaves the newest."""
    for number in range(3):
        capture(owner, f"ch_{number}", hours=number)
    found = await captured_fees.since(connection, DAY, limit)
    assert [one.charge_id for one in found] == ["ch_2", "ch_1"][:limit]
