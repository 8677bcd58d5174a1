"""What routing learns from is what became of first operations, no more and no less, and read by an index."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import charges, operations, outcomes, past_charges
from ledger.charges import ChargeRequest
from ledger.money import Money
from ledger.operations import NewOperation
from ledger.outcomes import AttemptOutcome
from ledger.payment_methods import PaymentMethod

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
VISA = PaymentMethod(gateway="stripe", token="pm_1", brand="visa", country="DE", funding="credit")
WALLET = PaymentMethod(gateway="paypal", token="wallet_1")


async def attempt(
    connection: AsyncConnection, charge_id: str, outcome: str | None, gateway: str = "stripe", **more: Any
) -> str:
    """Write a charge with its first operation, decided if there is an outcome; returns the operation's id."""
    request = ChargeRequest(
        charge_id=charge_id,
        amount=Money(amount_minor=4999, currency="USD"),
        customer="cus_1",
        payment_methods=(WALLET, VISA),
        customer_country="FR",
        metadata={"tier": "1"},
        actor="person:tester",
    )
    await charges.open_charge(connection, request, gateway, more.pop("reason", "first in the fallback order"))
    new = NewOperation(
        **{
            "charge_id": charge_id,
            "kind": "capture",
            "number": 1,
            "gateway": gateway,
            "amount": request.amount,
            "actor": "person:tester",
            "purpose": "attempt:1",
            **more,
        }
    )
    operation, _ = await operations.intend(connection, new)
    if outcome is not None:
        changes = {"outcome": outcome, "decline_code": "lost_card" if outcome == "declined" else None}
        await operations.decide(connection, operation.operation_id, changes)
    return operation.operation_id


async def read(connection: AsyncConnection, since: datetime = LONG_AGO, limit: int = 100) -> list[AttemptOutcome]:
    return await outcomes.since(connection, since, limit)


async def test_each_outcome_comes_with_the_card_that_was_charged(connection: AsyncConnection) -> None:
    """A rate by brand and country is of the card at that gateway, not of another one of the customer's."""
    await attempt(connection, "ch_1", "succeeded")
    await attempt(connection, "ch_2", "declined", "paypal")
    paypal, stripe = await read(connection)
    assert stripe[:7] == ("ch_1:capture:1", "stripe", "USD", "visa", "DE", "succeeded", None)
    assert paypal[:7] == ("ch_2:capture:1", "paypal", "USD", None, None, "declined", "lost_card")
    assert stripe.decided_at < paypal.decided_at


@pytest.mark.parametrize(
    "more",
    [
        {"target_reference": "pi_1"},
        {"kind": "void", "target_reference": "pi_1"},
        {"kind": "refund", "target_reference": "pi_1", "refund_id": "re_1"},
    ],
)
async def test_operations_that_follow_say_nothing(connection: AsyncConnection, more: dict[str, str]) -> None:
    """A refund that the issuer refuses does not count against the gateway's approvals."""
    await attempt(connection, "ch_1", "declined", **more)
    assert await read(connection) == []


async def test_what_has_no_outcome_yet_is_not_listed(connection: AsyncConnection) -> None:
    """A charge that is under way has not failed; one whose answer was lost says so."""
    await attempt(connection, "ch_1", None)
    await attempt(connection, "ch_2", "unknown", kind="authorize")
    assert [row.outcome for row in await read(connection)] == ["unknown"]


async def test_the_newest_are_listed_from_a_moment_on(connection: AsyncConnection) -> None:
    """However many there are, a worker reads so many and no more."""
    for number in range(5):
        await attempt(connection, f"ch_{number}", "succeeded")
    rows = await read(connection, limit=3)
    assert [row.operation_id for row in rows] == [f"ch_{number}:capture:1" for number in (4, 3, 2)]
    assert await read(connection, rows[0].decided_at) == rows[:1]
    assert await read(connection, rows[0].decided_at + timedelta(microseconds=1)) == []


async def test_the_newest_outcomes_are_read_by_an_index(connection: AsyncConnection) -> None:
    """Reading every few seconds costs what is new, however large the table grows."""
    await connection.execute(text("SET LOCAL enable_seqscan = off"))
    await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    query = outcomes._SINCE.compile(dialect=connection.dialect)
    plan = await connection.exec_driver_sql(f"EXPLAIN {query}", {**query.params, "most": 10, "since": LONG_AGO})
    assert "operations_first_decided" in "\n".join(row[0] for row in plan)


async def test_a_past_charge_is_as_it_was_when_its_gateway_was_chosen(connection: AsyncConnection) -> None:
    """A replay asks the policy what the charge asked then."""
    operation_id = await attempt(connection, "ch_1", "succeeded", routing={"strategy": "fallback_order"})
    await operations.change(connection, operation_id, {"fee_minor": 175, "fee_currency": "USD", "fee_status": "known"})
    await attempt(connection, "ch_1", "declined", "paypal", number=2, attempt=2, purpose="attempt:2")
    (past,) = await past_charges.since(connection, LONG_AGO, 10)
    assert (past.charge_id, past.gateway, past.outcome, past.code) == ("ch_1", "stripe", "succeeded", None)
    assert (past.amount, past.fee) == (
        Money(amount_minor=4999, currency="USD"),
        Money(amount_minor=175, currency="USD"),
    )
    assert (past.payment_methods, past.customer_country, past.metadata) == ((WALLET, VISA), "FR", {"tier": "1"})
    assert past.preferred is None


@pytest.mark.parametrize(
    ("more", "preferred"),
    [
        ({"routing": {"strategy": "preferred"}}, "stripe"),
        ({"routing": {"strategy": "least_cost"}, "reason": "the request prefers it"}, None),
        ({"reason": "the request prefers it"}, "stripe"),
        ({}, None),
    ],
)
async def test_a_gateway_that_the_request_named_is_named_in_the_replay(
    connection: AsyncConnection, more: dict[str, Any], preferred: str | None
) -> None:
    """A policy is not credited with moving a charge whose merchant had chosen; older charges say so in their reason."""
    await attempt(connection, "ch_1", "succeeded", **more)
    (past,) = await past_charges.since(connection, LONG_AGO, 10)
    assert past.preferred == preferred


async def test_past_charges_are_the_newest_ones_oldest_first(connection: AsyncConnection) -> None:
    """A replay over the last so many charges runs them in the order in which they came."""
    for number in range(4):
        await attempt(connection, f"ch_{number}", "succeeded")
    found = await past_charges.since(connection, LONG_AGO, 2)
    assert [past.charge_id for past in found] == ["ch_2", "ch_3"]
    assert await past_charges.since(connection, found[-1].created_at + timedelta(seconds=1), 2) == []
