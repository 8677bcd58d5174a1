"""Checkout Sessions in setup mode: what they say of themselves, the hosted page, and the card that comes of it."""

from typing import Any

import httpx

from local.simulators import SimulatorProcess
from tests.simulators.stripe import schema
from tests.simulators.stripe.caller import Caller

URLS = {"success_url": "http://127.0.0.1:9/back?s={CHECKOUT_SESSION_ID}", "cancel_url": "http://127.0.0.1:9/away"}


async def _session(http: httpx.AsyncClient, caller: Caller, **form: Any) -> dict[str, Any]:
    customer = (await caller.post("/v1/customers")).body["id"]
    asked = {"mode": "setup", "currency": "usd", "customer": customer, **URLS, **form}
    answer = await http.post("/v1/checkout/sessions", data=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_customer_gives_a_card(caller: Caller, http: httpx.AsyncClient) -> None:
    """The page keeps the card with the customer and leads back; the session and its SetupIntent say so."""
    session = await _session(http, caller)
    assert (session["status"], session["mode"]) == ("open", "setup")
    assert "Visa 4242" in (await http.get(session["url"])).text
    sent = await http.post(session["url"], data={"given": "pm_card_visa"})
    assert sent.status_code == 303
    assert sent.headers["location"] == f"http://127.0.0.1:9/back?s={session['id']}"
    after = (await http.get(f"/v1/checkout/sessions/{session['id']}")).json()
    assert (after["status"], after["url"]) == ("complete", None)
    intent = await caller.get(f"/v1/setup_intents/{session['setup_intent']}", expand=["payment_method"])
    assert intent.body["status"] == "succeeded"
    assert intent.body["payment_method"]["customer"] == session["customer"]
    assert (await http.get(session["url"])).status_code == 404


async def test_declined_card_is_told_on_the_page(caller: Caller, http: httpx.AsyncClient) -> None:
    """The customer reads that their card was declined, and may give another one on the same page."""
    session = await _session(http, caller)
    answer = await http.post(session["url"], data={"given": "pm_card_visa_chargeDeclined"})
    assert answer.status_code == 200
    assert "declined" in answer.text
    intent = await caller.get(f"/v1/setup_intents/{session['setup_intent']}")
    assert intent.body["last_setup_error"]["decline_code"] == "generic_decline"
    assert intent.body["status"] == "requires_payment_method"


async def test_going_back_leaves_it_open(caller: Caller, http: httpx.AsyncClient) -> None:
    """The customer who goes back is sent to the cancel address."""
    session = await _session(http, caller)
    answer = await http.post(session["url"], data={"given": ""})
    assert answer.headers["location"] == URLS["cancel_url"]
    assert (await http.get(session["url"])).status_code == 200


async def test_session_lapses(caller: Caller, http: httpx.AsyncClient, stripe_simulator: SimulatorProcess) -> None:
    """A day later its page is gone."""
    session = await _session(http, caller)
    stripe_simulator.advance_clock(24 * 3600 + 1)
    assert (await http.get(session["url"])).status_code == 404
    assert (await http.get(f"/v1/checkout/sessions/{session['id']}")).json()["status"] == "expired"


async def test_what_stripe_refuses(http: httpx.AsyncClient, caller: Caller) -> None:
    """An unknown customer, no address, another mode, an old parameter: refused with the parameter's name."""
    for form, param in (
        ({"customer": "cus_none"}, "customer"),
        ({"success_url": "back"}, "success_url"),
        ({"mode": "payment"}, "mode"),
        ({"payment_method_types[0]": "card"}, "payment_method_types"),
    ):
        answer = await http.post("/v1/checkout/sessions", data={"mode": "setup", **URLS, **form})
        assert answer.status_code == 400, form
        assert answer.json()["error"]["param"] == param
    missing = await http.get("/v1/checkout/sessions/cs_test_none")
    assert missing.status_code == 404


async def test_required_fields(caller: Caller, http: httpx.AsyncClient) -> None:
    """A session has every field that Stripe's document says it always has."""
    if schema.is_present():
        session = await _session(http, caller)
        assert not schema.required_of("checkout.session") - set(session)
