"""Amounts in Stripe's units: currencies without decimals, with three, with two that must be zero; fees; settlement."""

import pytest

from local.simulators import SimulatorProcess
from simulators.stripe import currencies, fees
from simulators.stripe.errors import InvalidParameter
from tests.simulators.stripe.caller import CARD_ONLY, Caller


@pytest.mark.parametrize(
    ("currency", "amount", "iso_minor"),
    [
        ("usd", 1999, 1999),
        ("jpy", 500, 500),
        ("kwd", 5120, 5120),
        ("isk", 50000, 500),
        ("ugx", 500000, 5000),
        ("mga", 5000, 500000),
        ("huf", 17500, 17500),
    ],
)
async def test_truth_is_in_iso_units(
    caller: Caller, stripe_simulator: SimulatorProcess, currency: str, amount: int, iso_minor: int
) -> None:
    """The truth log speaks ISO 4217 minor units, whatever Stripe's own are."""
    await caller.confirmed(currency=currency, amount=amount)
    effect = stripe_simulator.truth()["effects"][0]
    assert (effect["amount_minor"], effect["currency"]) == (iso_minor, currency.upper())


@pytest.mark.parametrize(
    ("currency", "amount"), [("isk", 50050), ("ugx", 100001), ("kwd", 5125), ("gbp", 29), ("jpy", 49), ("eur", 49)]
)
async def test_refused_amount(caller: Caller, currency: str, amount: int) -> None:
    """Amounts under the minimum, or with digits that the currency cannot have, are refused."""
    refused = await caller.post("/v1/payment_intents", amount=amount, currency=currency, **CARD_ONLY)
    assert (refused.status, refused.error["param"]) == (400, "amount")


async def test_refused_digits_later(caller: Caller) -> None:
    """Captures and refunds keep the same rules as charges."""
    authorized = await caller.authorized(currency="kwd", amount=5000)
    capture = f"/v1/payment_intents/{authorized['id']}/capture"
    assert (await caller.post(capture, amount_to_capture=1005)).error["param"] == "amount_to_capture"
    assert (await caller.post(capture, amount_to_capture=1000)).status == 200
    assert (await caller.post("/v1/refunds", payment_intent=authorized["id"], amount=5)).error["param"] == "amount"


@pytest.mark.parametrize("currency", sorted(currencies.DIGITS))
def test_fee(currency: str) -> None:
    """A fee is positive, at most the amount, and an amount that the currency can have."""
    least = 100_000
    fee = fees.of_charge(least, currency)
    assert 0 < fee <= least
    currencies.check_step(fee, currency, "fee")


def test_large_rupiah() -> None:
    """Indonesian rupiah take twelve digits, others eight."""
    currencies.check_charge(999_999_999_999, "idr")
    with pytest.raises(InvalidParameter):
        currencies.check_charge(100_000_000, "usd")


async def test_settlement_in_another_currency(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Where the balance is kept in another currency, the balance transaction and its fee are in that one."""
    stripe_simulator.configure(settlement="usd")
    paid = await caller.confirmed(currency="jpy", amount=3000)
    moved = (await caller.charge_of(paid))["balance_transaction"]
    assert (moved["currency"], moved["amount"], moved["fee"]) == ("usd", 2000, 88)
    assert moved["exchange_rate"] == pytest.approx(1 / 150, rel=1e-3)
    refund = await caller.post("/v1/refunds", payment_intent=paid["id"], expand=["balance_transaction"])
    assert refund.body["currency"] == "jpy"
    assert refund.body["balance_transaction"]["amount"] == -2000


async def test_late_balance_transaction(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A balance transaction that is late is null at first, and comes with charge.updated."""
    stripe_simulator.configure(balance_transaction_delay_seconds=120)
    paid = await caller.confirmed(metadata={"operation_id": "c1:capture:1"})
    assert paid["status"] == "succeeded"
    assert (await caller.charge_of(paid))["balance_transaction"] is None
    assert [effect["kind"] for effect in stripe_simulator.truth()["effects"]] == ["capture"]
    stripe_simulator.advance_clock(121)
    assert (await caller.charge_of(paid))["balance_transaction"]["fee"] == 88
    fee = stripe_simulator.truth()["effects"][-1]
    assert (fee["kind"], fee["operation_id"]) == ("fee", "c1:capture:1")
    newest = (await caller.get("/v1/events", limit=1)).body["data"][0]
    assert (newest["type"], newest["data"]["previous_attributes"]) == ("charge.updated", {"balance_transaction": None})


async def test_asynchronous_capture(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """With automatic_async, also the default, the balance transaction is never there at once."""
    paid = await caller.confirmed(capture_method="automatic_async")
    assert (await caller.charge_of(paid))["balance_transaction"] is None
    stripe_simulator.advance_clock(10)
    assert (await caller.charge_of(paid))["balance_transaction"]["amount"] == 2000
    created = await caller.post("/v1/payment_intents", amount=500, currency="usd", **CARD_ONLY)
    assert created.body["capture_method"] == "automatic_async"


async def test_money_becomes_available(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Money is pending for days, except from the card that goes past that."""
    paid, at_once = await caller.confirmed(), await caller.confirmed("pm_card_bypassPending")
    assert (await caller.charge_of(paid))["balance_transaction"]["status"] == "pending"
    assert (await caller.charge_of(at_once))["balance_transaction"]["status"] == "available"
    stripe_simulator.advance_clock(3 * 86_400)
    assert (await caller.charge_of(paid))["balance_transaction"]["status"] == "available"
