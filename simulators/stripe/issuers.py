"""The card's issuer: whether it wants the customer, and what it says to a payment."""

from dataclasses import replace

from simulators import made_cards
from simulators.store import Document
from simulators.stripe import payment_methods
from simulators.stripe.cards import (
    AUTHENTICATION_CODES,
    AUTHENTICATION_REQUIRED,
    EXPIRED,
    SAID_BY_ISSUERS,
    Authentication,
    Decline,
)
from simulators.stripe.context import Context
from simulators.stripe.errors import Refusal, missing


def wants_authentication(context: Context, method: Document, *, customer_is_away: bool) -> bool:
    """Whether it wants the customer authenticated before it says anything else."""
    made = made_cards.find(context.transaction, method["_token"])
    if made is not None:
        step = made_cards.in_force(made, context.now)
        return step is not None and step["answer"] == AUTHENTICATION_REQUIRED.decline_code
    match payment_methods.card_of(context, method).authentication:
        case Authentication.NEVER:
            return False
        case Authentication.ALWAYS:
            return True
        case Authentication.UNLESS_SET_UP:
            return not (customer_is_away and method["_set_up"])
        case Authentication.ON_SESSION_ONLY:
            return not customer_is_away


def without_customer(context: Context, method: Document) -> Decline:
    """How it says that it wants a customer who is not there, in its network's code."""
    made = made_cards.find(context.transaction, method["_token"])
    step = made_cards.use(context.transaction, made) if made else None
    brand = payment_methods.card_of(context, method).brand
    required = replace(AUTHENTICATION_REQUIRED, network_decline_code=AUTHENTICATION_CODES.get(brand))
    return required if step is None else _scripted(step, required)


def verdict(context: Context, method: Document, *, authenticated: bool) -> Decline | None:
    """What it says to a payment; None for yes. An answer of a script is counted as given."""
    card = payment_methods.card_of(context, method)
    if made_cards.has_expired(card.expires, context.now):
        return EXPIRED
    made = made_cards.find(context.transaction, method["_token"])
    if made is None:
        return card.decline
    step = made_cards.use(context.transaction, made)
    if step is None or (authenticated and step["answer"] == AUTHENTICATION_REQUIRED.decline_code):
        return None
    return _scripted(step, SAID_BY_ISSUERS[step["answer"]])


def require_mandate(context: Context, method: Document, mandate: str) -> None:
    """Refuse a mandate that is not this method's, or is not active."""
    made = made_cards.find(context.transaction, method["_token"])
    if made is None or made["mandate"] != mandate:
        raise missing("mandate", mandate, param="mandate")
    if made["mandate_status"] != "active":
        raise Refusal(
            "The provided mandate is invalid and can not be used for the payment intent.",
            code="payment_intent_mandate_invalid",
            param="mandate",
        )


def _scripted(step: Document, decline: Decline) -> Decline:
    return replace(
        decline,
        advice_code=step.get("advice", decline.advice_code),
        network_decline_code=step.get("network_code", decline.network_decline_code),
        network_advice_code=step.get("network_advice", decline.network_advice_code),
    )
