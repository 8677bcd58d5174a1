"""Cards that a test makes at Stripe's simulator: facts, a script by time and by number, expiry, and the network's update."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller

AWAY = {"off_session": True}


async def attempt(caller: Caller, **more: Any) -> tuple[int, dict[str, Any]]:
    """Confirm a payment of the customer's; returns status and body."""
    created = await caller.payment_intent("pm_own", customer="cus_own")
    answer = await caller.post(f"/v1/payment_intents/{created['id']}/confirm", **more)
    return answer.status, answer.body


def codes(body: dict[str, Any]) -> tuple[str | None, ...]:
    names = ("code", "decline_code", "advice_code", "network_decline_code", "network_advice_code")
    return tuple(body["error"].get(name) for name in names)


def in_days(simulator: SimulatorProcess, days: int) -> str:
    return (datetime.fromtimestamp(simulator.now(), UTC) + timedelta(days=days)).isoformat()


async def test_answers_go_by_the_simulators_clock(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A card without funds is declined until the payday, however often it is tried, and pays from then on."""
    payday = in_days(stripe_simulator, 3)
    answers = [{"answer": "insufficient_funds", "until": payday}]
    stripe_simulator.make_card("pm_own", customer="cus_own", answers=answers)
    for _ in range(3):
        status, body = await attempt(caller, **AWAY)
        assert (status, *codes(body)[:2]) == (402, "card_declined", "insufficient_funds")
    stripe_simulator.advance_clock(3 * 86_400)
    for _ in range(2):
        assert (await attempt(caller, **AWAY))[0] == 200


async def test_answers_are_counted(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Two technical failures and then a no with codes of the test's own, which is the last word."""
    answers = [
        {"answer": "issuer_not_available", "times": 2},
        {"answer": "approved", "times": 1},
        {"answer": "generic_decline", "network_code": "43", "network_advice": "03", "advice": "do_not_try_again"},
    ]
    stripe_simulator.make_card("pm_own", customer="cus_own", answers=answers)
    found = [await attempt(caller, **AWAY) for _ in range(5)]
    assert [status for status, _ in found] == [402, 402, 200, 402, 402]
    assert codes(found[0][1]) == ("card_declined", "issuer_not_available", "try_again_later", "91", None)
    assert codes(found[4][1]) == ("card_declined", "generic_decline", "do_not_try_again", "43", "03")


@pytest.mark.parametrize(("brand", "code"), [("visa", "1A"), ("mastercard", "65")])
async def test_authentication_is_asked_of_who_is_there(
    caller: Caller, stripe_simulator: SimulatorProcess, brand: str, code: str
) -> None:
    """Without the customer it is a decline in the network's own code; with them it is a page."""
    answers = [{"answer": "authentication_required", "times": 1}, {"answer": "authentication_required"}]
    stripe_simulator.make_card("pm_own", customer="cus_own", brand=brand, answers=answers)
    status, body = await attempt(caller, **AWAY)
    assert (status, *codes(body)) == (402, "authentication_required", "authentication_required", None, code, None)
    status, body = await attempt(caller, return_url="http://127.0.0.1:9/back")
    assert (status, body["status"]) == (200, "requires_action")
    stripe_simulator.complete_authentication(body["id"])
    assert (await caller.get(f"/v1/payment_intents/{body['id']}")).body["status"] == "succeeded"


async def test_a_card_expires_and_is_updated_by_its_network(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """The token stays, its card is declined after its month, and pays again once the network has a new one for it."""
    month = datetime.fromtimestamp(stripe_simulator.now(), UTC)
    stripe_simulator.make_card("pm_own", customer="cus_own", expires=f"{month:%Y-%m}", fingerprint="old")
    assert (await attempt(caller, **AWAY))[0] == 200
    stripe_simulator.advance_clock(32 * 86_400)
    status, body = await attempt(caller, **AWAY)
    assert (status, *codes(body)[:2]) == (402, "expired_card", "expired_card")
    stripe_simulator.make_card("pm_own", customer="cus_own", expires="2039-01", fingerprint="new")
    assert (await attempt(caller, **AWAY))[0] == 200
    told = (await caller.get("/v1/events", type="payment_method.automatically_updated")).body["data"]
    assert [event["data"]["object"]["id"] for event in told] == ["pm_own"]
    assert told[0]["data"]["object"]["card"]["fingerprint"] == "new"
    assert told[0]["data"]["previous_attributes"]["card"]["fingerprint"] == "old"
    read = (await caller.get("/v1/payment_methods/pm_own")).body
    assert (read["card"]["exp_year"], read["card"]["exp_month"], read["customer"]) == (2039, 1, "cus_own")


@pytest.mark.parametrize(
    ("token", "card", "line"),
    [
        ("pm_card_visa", {}, "use a token of your own"),
        ("own", {}, "begins with pm_"),
        ("pm_own", {"colour": "red"}, "a card has no colour"),
        ("pm_own", {"brand": "VISA"}, "brand cannot be 'VISA'"),
        ("pm_own", {"expires": "2030-13"}, "expires cannot be '2030-13'"),
        ("pm_own", {"customer": "a b"}, "customer cannot be 'a b'"),
        ("pm_own", {"mandate_status": "lost"}, "mandate_status cannot be 'lost'"),
        ("pm_own", {"answers": "no"}, "give answers as a list"),
        ("pm_own", {"answers": ["no"]}, "write an answer like"),
        ("pm_own", {"answers": [{"answer": "maybe"}]}, "no issuer says maybe"),
        ("pm_own", {"answers": [{"answer": "lost_card", "times": 0}]}, "times cannot be 0"),
        ("pm_own", {"answers": [{"answer": "lost_card", "until": "tomorrow"}]}, "until cannot be 'tomorrow'"),
        ("pm_own", {"answers": [{"answer": "lost_card", "until": "2027-01-01T00:00:00"}]}, "has no time zone"),
        ("pm_own", {"answers": [{"answer": "lost_card", "when": "now"}]}, "an answer has no when"),
        ("pm_own", {"answers": [{"answer": "lost_card", "advice": ""}]}, "advice cannot be ''"),
    ],
)
def test_a_card_that_cannot_be_is_refused(
    stripe_simulator: SimulatorProcess, token: str, card: dict[str, Any], line: str
) -> None:
    """A misspelled script must not pass for one that says yes."""
    with pytest.raises(LocalError, match="400") as refused:
        stripe_simulator.make_card(token, **card)
    assert line in str(refused.value)


async def test_a_detached_method_is_shown_and_never_pays_again(
    caller: Caller, stripe_simulator: SimulatorProcess
) -> None:
    """Stripe deletes no PaymentMethod: it belongs to nobody from then on, an event says so, and that is once."""
    stripe_simulator.make_card("pm_own", customer="cus_own")
    assert (await caller.post("/v1/payment_methods/pm_own/detach")).body["customer"] is None
    assert (await caller.get("/v1/payment_methods/pm_own")).body["customer"] is None
    asked = {"amount": 2000, "currency": "usd", "payment_method": "pm_own", "customer": "cus_own"}
    assert "It may not be used again" in (await caller.post("/v1/payment_intents", **asked)).error["message"]
    [told] = (await caller.get("/v1/events", type="payment_method.detached")).body["data"]
    assert told["data"]["object"]["id"] == "pm_own"
    assert told["data"]["previous_attributes"] == {"customer": "cus_own"}
    assert (await caller.post("/v1/payment_methods/pm_own/detach")).status == 400


def test_a_method_that_is_kept_with_nobody_cannot_be_taken_away(stripe_simulator: SimulatorProcess) -> None:
    """Whoever misspells a token is told so."""
    with pytest.raises(LocalError, match="404"):
        stripe_simulator.remove_card("pm_nobody")
