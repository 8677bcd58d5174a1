"""Methods that a test makes in PayPal's simulated vault: a script by time and by number, expiry, and who initiates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Caller
from tests.simulators.paypal.test_authorizations import advance

MERCHANT = {"payment_initiator": "MERCHANT", "payment_type": "RECURRING", "usage": "SUBSEQUENT"}


def source(vault_id: str = "own", name: str = "card") -> dict[str, Any]:
    credential = MERCHANT if name == "card" else {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT"}
    return {name: {"vault_id": vault_id, "stored_credential": credential}}


async def paid(caller: Caller, payment_source: dict[str, Any]) -> Any:
    """Capture a new order; returns the capture, or the issue for which it was refused."""
    answer = await caller.pay(await caller.order("CAPTURE"), payment_source)
    if answer.status != 201:
        return answer.issue
    return answer.body["purchase_units"][0]["payments"]["captures"][0]


def in_days(simulator: SimulatorProcess, days: int) -> str:
    return (datetime.fromtimestamp(simulator.now(), UTC) + timedelta(days=days)).isoformat()


async def test_answers_go_by_the_simulators_clock(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A card without funds is declined until the payday, by a processor that says so, and pays from then on."""
    payday = in_days(paypal_simulator, 3)
    paypal_simulator.make_card("own", answers=[{"answer": "5120", "advice": "02", "until": payday}])
    for _ in range(2):
        declined = await paid(caller, source())
        assert declined["status"] == "DECLINED"
        assert declined["processor_response"] == {"response_code": "5120", "payment_advice_code": "02"}
    await advance(caller, paypal_simulator, 3 * 86_400)
    assert (await paid(caller, source()))["status"] == "COMPLETED"


async def test_answers_are_counted(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A processor that has trouble twice; and a denied authorization stays what it was when the script has gone on."""
    paypal_simulator.make_card("own", answers=[{"answer": "5920", "times": 2}])
    denied = await caller.authorized(source())
    assert (await paid(caller, source()))["status"] == "DECLINED"
    assert (await paid(caller, source()))["status"] == "COMPLETED"
    assert (denied["status"], denied["processor_response"]["response_code"]) == ("DENIED", "5920")


async def test_a_wallet_goes_by_time(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """PayPal itself says no, or asks for the payer, until a date."""
    answers = [
        {"answer": "INSTRUMENT_DECLINED", "until": in_days(paypal_simulator, 1)},
        {"answer": "PAYER_ACTION_REQUIRED", "until": in_days(paypal_simulator, 2)},
    ]
    paypal_simulator.make_card("own", source="paypal", answers=answers)
    assert await paid(caller, source(name="paypal")) == "INSTRUMENT_DECLINED"
    await advance(caller, paypal_simulator, 86_400)
    assert await paid(caller, source(name="paypal")) == "PAYER_ACTION_REQUIRED"
    await advance(caller, paypal_simulator, 86_400)
    assert (await paid(caller, source(name="paypal")))["status"] == "COMPLETED"


async def test_a_card_expires_and_is_updated_by_its_network(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The token stays; an order shows the card as it is by then."""
    month = datetime.fromtimestamp(paypal_simulator.now(), UTC)
    paypal_simulator.make_card("own", expires=f"{month:%Y-%m}")
    await advance(caller, paypal_simulator, 32 * 86_400)
    assert (await paid(caller, source()))["processor_response"]["response_code"] == "5400"
    paypal_simulator.make_card("own", expires="2039-01", brand="unionpay", funding="debit", country="DE")
    answer = await caller.pay(await caller.order("CAPTURE"), source())
    card = answer.body["payment_source"]["card"]
    assert (card["expiry"], card["brand"], card["type"]) == ("2039-01", "CHINA_UNION_PAY", "DEBIT")
    assert card["bin_details"] == {"bin_country_code": "DE"}


@pytest.mark.parametrize(("name", "value"), [("payment_type", "ONE_TIME"), ("usage", "FIRST")])
async def test_what_a_merchant_cannot_initiate_is_refused(caller: Caller, name: str, value: str) -> None:
    """A series is not begun without the customer, and one payment by itself is no series."""
    wrong = {"card": {"vault_id": "card_ok", "stored_credential": {**MERCHANT, name: value}}}
    assert await paid(caller, wrong) == "INCOMPATIBLE_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("token", "card", "line"),
    [
        ("wallet_ok", {}, "use a token of your own"),
        ("own", {"source": "bank"}, "source cannot be 'bank'"),
        ("own", {"customer": "cus_1"}, "a card has no customer"),
        ("own", {"answers": [{"answer": "insufficient_funds"}]}, "nobody says insufficient_funds"),
        ("own", {"source": "paypal", "answers": [{"answer": "5120"}]}, "nobody says 5120"),
        ("own", {"answers": [{"answer": "INSTRUMENT_DECLINED", "times": 1}]}, "give it with until"),
    ],
)
def test_a_method_that_cannot_be_is_refused(
    paypal_simulator: SimulatorProcess, token: str, card: dict[str, Any], line: str
) -> None:
    """A misspelled script must not pass for one that says yes."""
    with pytest.raises(LocalError, match="400") as refused:
        paypal_simulator.make_card(token, **card)
    assert line in str(refused.value)


async def test_the_vault_shows_what_it_keeps(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A card with its expiry, as changed as its network changed it, and without an event; a wallet without a card."""
    paypal_simulator.make_card("own", brand="mastercard", expires="2027-03")
    paypal_simulator.make_card("own", brand="mastercard", expires="2031-03")
    shown = (await caller.get("/v3/vault/payment-tokens/own")).body["payment_source"]
    assert (shown["card"]["brand"], shown["card"]["expiry"]) == ("MASTERCARD", "2031-03")
    assert set((await caller.get("/v3/vault/payment-tokens/wallet_ok")).body["payment_source"]) == {"paypal"}
    assert paypal_simulator.webhooks() == []


@pytest.mark.parametrize(("setting", "status"), [("unknown", 404), ("empty", 204)])
async def test_what_was_deleted_from_the_vault_pays_no_more(
    caller: Caller, paypal_simulator: SimulatorProcess, setting: str, status: int
) -> None:
    """It is gone for reading and for paying, an event says so once, and nobody brings it back."""
    paypal_simulator.configure(deleted_tokens=setting)
    paypal_simulator.make_card("own")
    for _ in range(2):
        assert (await caller.delete("/v3/vault/payment-tokens/own")).status == 204
    assert (await caller.get("/v3/vault/payment-tokens/own")).status == status
    assert await paid(caller, source()) == "TOKEN_ID_NOT_FOUND"
    listed = (await caller.get("/v1/notifications/webhooks-events")).body["events"]
    told = [(event["event_type"], event["resource"]["id"]) for event in listed if "VAULT" in event["event_type"]]
    assert told == [("VAULT.PAYMENT-TOKEN.DELETED", "own")]
    with pytest.raises(LocalError, match="was deleted"):
        paypal_simulator.make_card("own")
    with pytest.raises(LocalError, match="404"):
        paypal_simulator.remove_card("own")
