"""Checkout Sessions that set a card up for later payments, and the hosted page on which the customer gives one.

A session is open until its customer has given a card, or for a day. A card that the issuer refuses leaves it open.
"""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import customers, events, ids, payment_methods
from simulators.stripe.cards import CARDS
from simulators.stripe.context import Context
from simulators.stripe.errors import InvalidParameter, missing
from simulators.stripe.forms import Kind, choice, fields, metadata, text, texts
from simulators.stripe.reply import Reply

SESSION = "checkout_session"
INTENT = "setup_intent"
LIFE_SECONDS = 24 * 3600
KEPT_AND_DECLINED = "pm_card_chargeCustomerFail"
"""The one of the declining cards that can be kept all the same."""
OFFERED = {
    "pm_card_visa": "Visa 4242, which pays",
    KEPT_AND_DECLINED: "Visa 0341, which is kept and declines every payment",
    "pm_card_authenticationRequired": "Visa 3184, which asks for its holder at every payment",
    "pm_card_visa_chargeDeclined": "Visa 0002, which is declined here already",
}
CREATE: Mapping[str, Kind] = {
    "allowed_payment_method_types": texts,
    "cancel_url": text,
    "client_reference_id": text,
    "currency": text,
    "customer": text,
    "expand": texts,
    "metadata": metadata,
    "mode": choice("setup"),
    "setup_intent_data": fields({"metadata": metadata, "description": text}),
    "success_url": text,
}


def check_create(values: dict[str, Any]) -> None:
    """What is wrong with the parameters before anything is executed."""
    for name in ("success_url", "cancel_url"):
        if name in values and not values[name].startswith(("https://", "http://")):
            raise InvalidParameter("Not a valid URL", code="url_invalid", param=name)


def create(context: Context, values: dict[str, Any]) -> Reply:
    """POST /v1/checkout/sessions"""
    if "customer" in values:
        customers.get(context, values["customer"], param="customer")
    intent = _intent(context, values)
    context.transaction.put(INTENT, intent["id"], intent)
    events.record(context, "setup_intent.created", intent)
    session = _session(context, values, intent)
    context.transaction.put(SESSION, session["id"], session)
    return Reply(context.rendered(session))


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/checkout/sessions/{id}"""
    session = _find(context, identity)
    if session is None:
        raise missing("checkout.session", identity)
    return Reply(context.rendered(session))


def retrieve_intent(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/setup_intents/{id}"""
    intent = context.transaction.get(INTENT, identity)
    if intent is None:
        raise missing("setupintent", identity)
    return Reply(context.rendered(intent))


def offered(context: Context, identity: str) -> Mapping[str, str] | None:
    """The cards that the customer may give; None where the session waits for none."""
    session = _find(context, identity)
    return OFFERED if session is not None and session["status"] == "open" else None


def complete(context: Context, identity: str, given: str | None) -> str | None:
    """The customer gave a card, or went back (None); returns where their browser goes, None where they are asked again."""
    session = _find(context, identity)
    if session is None or session["status"] != "open":
        raise LookupError(f"no setup {identity} waits for its customer")
    if given is None:
        back: str | None = session["cancel_url"]
        return back
    if given not in CARDS:
        raise ValueError(f"{given} cannot be given: use one of {', '.join(OFFERED)}")
    intent = context.transaction.get(INTENT, session["setup_intent"])
    if intent is None:
        raise LookupError(f"session {identity} has lost its SetupIntent")
    if CARDS[given].decline is not None and given != KEPT_AND_DECLINED:
        _decline(context, intent, given)
        return None
    _keep(context, session, intent, given)
    success: str = session["success_url"]
    return success.replace("{CHECKOUT_SESSION_ID}", identity)


def _find(context: Context, identity: str) -> Document | None:
    """The session as it is by now: an open one lapses by itself."""
    session = context.transaction.get(SESSION, identity)
    if session is not None and session["status"] == "open" and session["expires_at"] <= context.now:
        session.update(status="expired", url=None)
        context.transaction.put(SESSION, identity, session)
    return session


def _decline(context: Context, intent: Document, given: str) -> None:
    said = CARDS[given].decline
    if said is None:
        raise AssertionError(f"{given} is not declined")
    intent["last_setup_error"] = {
        "code": said.code,
        "decline_code": said.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{said.code.replace('_', '-')}",
        "message": said.message,
        "type": "card_error",
    }
    context.transaction.put(INTENT, intent["id"], intent)
    events.record(context, "setup_intent.setup_failed", intent)


def _keep(context: Context, session: Document, intent: Document, given: str) -> None:
    method = payment_methods.take(context, given, customer=session["customer"])
    method.update(customer=session["customer"], _set_up=True)
    context.transaction.put("payment_method", method["id"], method)
    intent.update(status="succeeded", payment_method=method["id"], last_setup_error=None)
    context.transaction.put(INTENT, intent["id"], intent)
    session.update(status="complete", url=None)
    context.transaction.put(SESSION, session["id"], session)
    if session["customer"] is not None:
        events.record(context, "payment_method.attached", method)
    events.record(context, "setup_intent.succeeded", intent)
    events.record(context, "checkout.session.completed", session)


def _intent(context: Context, values: dict[str, Any]) -> Document:
    return {
        "id": ids.new("seti"),
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": None,
        "created": context.now,
        "customer": values.get("customer"),
        "description": values.get("setup_intent_data", {}).get("description"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": values.get("setup_intent_data", {}).get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }


def _session(context: Context, values: dict[str, Any], intent: Document) -> Document:
    identity = ids.new("cs_test", 58)
    return {
        "id": identity,
        "object": "checkout.session",
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": values.get("cancel_url"),
        "client_reference_id": values.get("client_reference_id"),
        "created": context.now,
        "currency": values.get("currency"),
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": values.get("customer"),
        "expires_at": context.now + LIFE_SECONDS,
        "livemode": False,
        "metadata": values.get("metadata", {}),
        "mode": values["mode"],
        "payment_intent": None,
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required",
        "setup_intent": intent["id"],
        "shipping_options": [],
        "status": "open",
        "success_url": values["success_url"],
        "url": f"{context.public_url}/_control/setups/{identity}",
    }
