"""Declines: the answer 402, and what it leaves on the PaymentIntent, which stays open for another payment method."""

from typing import Any

from simulators.store import Document
from simulators.stripe import charges, errors, events, payment_intents, payment_methods
from simulators.stripe.cards import Decline
from simulators.stripe.context import Context
from simulators.stripe.errors import Refusal
from simulators.stripe.reply import Reply

AUTHENTICATION_FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)


def decline(
    context: Context,
    payment_intent: Document,
    method: Document,
    reason: Decline,
    *,
    charged: bool,
    authenticated: bool = False,
) -> Reply:
    """Say no; `charged` tells whether the issuer was asked, which leaves a failed charge."""
    charge_id = None
    if charged:
        charge = charges.attempt(context, payment_intent, method, authenticated=authenticated)
        charges.declined(context, charge, reason, payment_methods.card_of(context, method))
        charge_id = charge["id"]
        payment_intent["latest_charge"] = charge_id
    error = errors.error(
        "card_error",
        reason.message,
        code=reason.code,
        decline_code=reason.decline_code,
        param=reason.param,
        advice_code=reason.advice_code,
        network_decline_code=reason.network_decline_code,
        network_advice_code=reason.network_advice_code,
        charge=charge_id,
        payment_method=context.rendered(method),
    )
    _failed(context, payment_intent, error)
    log = f"https://dashboard.stripe.com/test/logs/{context.request_id}?t={context.now}"
    whole = {**error, "payment_intent": context.rendered(payment_intent), "request_log_url": log}
    return Reply({"error": whole}, status=402)


def refuse(_context: Context, _values: dict[str, Any], *_identities: str) -> Reply:
    """Refuse a step that no issuer is asked about, such as a refund."""
    raise Refusal(
        "An error occurred while processing your request. Try again in a little bit.", code="processing_error"
    )


def fail_authentication(context: Context, payment_intent: Document, method: Document) -> None:
    """The customer did not pass: no charge was tried."""
    error = errors.error(
        errors.INVALID_REQUEST,
        AUTHENTICATION_FAILED,
        code="payment_intent_authentication_failure",
        payment_method=context.rendered(method),
    )
    _failed(context, payment_intent, error)


def _failed(context: Context, payment_intent: Document, error: Document) -> None:
    payment_intent.update(
        status="requires_payment_method", payment_method=None, next_action=None, last_payment_error=error
    )
    payment_intents.save(context, payment_intent)
    events.record(context, "payment_intent.payment_failed", payment_intent)
