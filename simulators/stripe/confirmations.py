"""Confirming a PaymentIntent: the issuer's verdict, or first the customer's authentication."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simulators.store import Document
from simulators.stripe import charges, currencies, declines, events, issuers, payment_intents, payment_methods
from simulators.stripe.cards import AUTHENTICATION_REQUIRED, GENERIC, Card
from simulators.stripe.context import Cause, Context
from simulators.stripe.errors import InvalidParameter, Refusal, unexpected_state
from simulators.stripe.forms import Kind, boolean, choice, fields, off_session, text, texts
from simulators.stripe.reply import Reply

THREE_D_SECURE = ("any", "automatic", "challenge")
CONFIRM: Mapping[str, Kind] = {
    "capture_method": choice("automatic", "automatic_async", "manual"),
    "error_on_requires_action": boolean,
    "expand": texts,
    "mandate": text,
    "off_session": off_session,
    "payment_method": text,
    "payment_method_options": fields({"card": fields({"request_three_d_secure": choice(*THREE_D_SECURE)})}),
    "receipt_email": text,
    "return_url": text,
    "setup_future_usage": choice("off_session", "on_session"),
    "use_stripe_sdk": boolean,
}
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
COPIED = ("capture_method", "receipt_email", "setup_future_usage")


def confirm(context: Context, values: dict[str, Any], identity: str) -> Reply:
    """POST /v1/payment_intents/{id}/confirm"""
    payment_intent = payment_intents.get(context, identity)
    _check_status(context, payment_intent)
    if "payment_method" in values:
        method = payment_methods.take(context, values["payment_method"], customer=payment_intent["customer"])
        payment_intent["payment_method"] = method["id"]
    payment_intent.update({name: values[name] for name in COPIED if name in values})
    return confirm_new(context, payment_intent, values)


def refuse(context: Context, values: dict[str, Any], identity: str) -> Reply:
    """Decline a confirmation, whatever the card."""
    payment_intent = payment_intents.get(context, identity)
    _check_status(context, payment_intent)
    method = payment_methods.take(context, values["payment_method"], customer=payment_intent["customer"])
    payment_intent["_cause"] = Cause(payment_intent["metadata"].get("operation_id"), context.key)
    return declines.decline(context, payment_intent, method, GENERIC, charged=True)


def confirm_new(context: Context, payment_intent: Document, values: dict[str, Any]) -> Reply:
    """Confirm with these parameters what is known to be confirmable."""
    if payment_intent["payment_method"] is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
            context.rendered(payment_intent),
        )
    method = payment_methods.get(context, payment_intent["payment_method"])
    _check_types(payment_intent, values)
    payment_intent["_cause"] = Cause(payment_intent["metadata"].get("operation_id"), context.key)
    payment_intent["_return_url"] = values.get("return_url")
    for name, options in values.get("payment_method_options", {}).items():
        payment_intent["payment_method_options"][name].update(options)
    if "mandate" in values:
        issuers.require_mandate(context, method, values["mandate"])
    customer_is_away = values.get("off_session", False)
    is_requested = payment_intent["payment_method_options"]["card"]["request_three_d_secure"] != "automatic"
    if not is_requested and not issuers.wants_authentication(context, method, customer_is_away=customer_is_away):
        return _charge(context, payment_intent, method, merchant_initiated=customer_is_away)
    if customer_is_away and not context.simulator.settings["asks_without_customer"]:
        required = issuers.without_customer(context, method)
        return declines.decline(context, payment_intent, method, required, charged=True)
    if values.get("error_on_requires_action", False):
        not_handled = replace(AUTHENTICATION_REQUIRED, decline_code="authentication_not_handled")
        return declines.decline(context, payment_intent, method, not_handled, charged=False)
    return _ask_customer(context, payment_intent)


def describe(context: Context, identity: str) -> str | None:
    """What the customer is asked to approve; None if nothing waits for them."""
    payment_intent = context.transaction.get("payment_intent", identity)
    if payment_intent is None or payment_intent["status"] != "requires_action":
        return None
    return currencies.shown(payment_intent["amount"], payment_intent["currency"])


def authenticate(context: Context, identity: str, *, succeed: bool) -> str | None:
    """The customer passed or failed the authentication; returns where their browser goes next."""
    payment_intent = context.transaction.get("payment_intent", identity)
    if payment_intent is None or payment_intent["status"] != "requires_action":
        raise LookupError(f"{identity} does not wait for an authentication")
    payment_intent["next_action"] = None
    method = payment_methods.get(context, payment_intent["payment_method"])
    if succeed:
        _charge(context, payment_intent, method, merchant_initiated=False, authenticated=True)
    else:
        declines.fail_authentication(context, payment_intent, method)
    destination: str | None = payment_intent["_return_url"]
    if destination is None:
        return None
    separator = "&" if "?" in destination else "?"
    return f"{destination}{separator}payment_intent={identity}&redirect_status={'succeeded' if succeed else 'failed'}"


def _check_status(context: Context, payment_intent: Document) -> None:
    status = payment_intent["status"]
    if status in CONFIRMABLE:
        return
    if status == "succeeded":
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    else:
        message = (
            f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one "
            f"of the following statuses may be confirmed: {', '.join(CONFIRMABLE)}."
        )
    raise unexpected_state(message, context.rendered(payment_intent))


def _check_types(payment_intent: Document, values: dict[str, Any]) -> None:
    if "card" not in payment_intent["payment_method_types"]:
        raise Refusal(
            "The PaymentMethod provided (card) is not allowed for this PaymentIntent. Please attach a PaymentMethod of "
            f"one of the following types: {', '.join(payment_intent['payment_method_types'])}.",
            param="payment_method",
        )
    automatic = payment_intent["automatic_payment_methods"] or {}
    may_redirect = automatic.get("enabled") and automatic["allow_redirects"] == "always"
    if may_redirect and "return_url" not in values and not values.get("off_session", False):
        raise InvalidParameter(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents.",
            param="return_url",
        )


def _ask_customer(context: Context, payment_intent: Document) -> Reply:
    page = f"{context.public_url}/_control/authentications/{payment_intent['id']}"
    if payment_intent["_return_url"] is not None:
        next_action: Document = {
            "redirect_to_url": {"return_url": payment_intent["_return_url"], "url": page},
            "type": "redirect_to_url",
        }
    else:
        next_action = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"source": "src_simulated", "stripe_js": page, "type": "three_d_secure_redirect"},
        }
    payment_intent.update(status="requires_action", next_action=next_action, last_payment_error=None)
    payment_intents.save(context, payment_intent)
    events.record(context, "payment_intent.requires_action", payment_intent)
    return Reply(context.rendered(payment_intent))


def _charge(
    context: Context,
    payment_intent: Document,
    method: Document,
    *,
    merchant_initiated: bool,
    authenticated: bool = False,
) -> Reply:
    card = payment_methods.card_of(context, method)
    decline = issuers.verdict(context, method, authenticated=authenticated)
    if decline is not None:
        return declines.decline(context, payment_intent, method, decline, charged=True, authenticated=authenticated)
    charge = charges.attempt(context, payment_intent, method, authenticated=authenticated)
    payment_intent.update(latest_charge=charge["id"], last_payment_error=None, next_action=None)
    payment_methods.used(
        context,
        method,
        customer=payment_intent["customer"],
        set_up=payment_intent["setup_future_usage"] is not None,
    )
    if payment_intent["capture_method"] == "manual":
        _authorize(context, payment_intent, charge, card, merchant_initiated=merchant_initiated)
    else:
        _capture_at_once(context, payment_intent, charge, card)
    return Reply(context.rendered(payment_intent))


def _authorize(
    context: Context, payment_intent: Document, charge: Document, card: Card, *, merchant_initiated: bool
) -> None:
    capture_before = context.now + charges.hold_seconds(card, merchant_initiated=merchant_initiated)
    charges.approved(charge, card, capture_before=capture_before)
    charges.save(context, charge)
    details = {"payment_intent": payment_intent["id"]}
    context.simulator.agenda.add(context.transaction, capture_before, "lapse_authorization", details)
    payment_intent.update(status="requires_capture", amount_capturable=payment_intent["amount"])
    payment_intents.save(context, payment_intent)
    _took_effect(context, "authorize", payment_intent, charge)
    events.record(context, "charge.succeeded", charge)
    events.record(context, "payment_intent.amount_capturable_updated", payment_intent)


def _capture_at_once(context: Context, payment_intent: Document, charge: Document, card: Card) -> None:
    charges.approved(charge, card, capture_before=None)
    _took_effect(context, "capture", payment_intent, charge)
    charges.captured(
        context,
        charge,
        charge["amount"],
        asynchronously=payment_intent["capture_method"] == "automatic_async",
        cause=Cause(*payment_intent["_cause"]),
    )
    payment_intent.update(status="succeeded", amount_received=payment_intent["amount"])
    payment_intents.save(context, payment_intent)
    events.record(context, "charge.succeeded", charge)
    events.record(context, "payment_intent.succeeded", payment_intent)


def _took_effect(context: Context, kind: str, payment_intent: Document, charge: Document) -> None:
    context.effect(
        kind,
        amount=payment_intent["amount"],
        currency=payment_intent["currency"],
        object_id=charge["id"],
        payment_id=payment_intent["id"],
        cause=Cause(*payment_intent["_cause"]),
    )
