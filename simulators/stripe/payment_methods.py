"""PaymentMethods: each use of a `pm_card_*` token makes a new one; what it does at the issuer is in `cards`."""

from typing import Any

from simulators import made_cards
from simulators.store import Document
from simulators.stripe import events, ids
from simulators.stripe.cards import CARDS, Card
from simulators.stripe.context import Context
from simulators.stripe.errors import Refusal, missing
from simulators.stripe.reply import Reply

_USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. "
    "To use a PaymentMethod multiple times, you must attach it to a Customer first."
)
NO_BILLING_DETAILS: Document = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def take(context: Context, token: str, *, customer: str | None) -> Document:
    """The PaymentMethod that a payment is to use: a new one for a test token, or the one with this id."""
    if token in CARDS:
        method = new(context, token, ids.new("pm"), CARDS[token])
        context.transaction.put("payment_method", method["id"], method)
        return method
    known = context.transaction.get("payment_method", token)
    if known is None:
        raise missing("PaymentMethod", token, param="payment_method")
    if known["_used_up"]:
        raise Refusal(_USED_UP)
    if known["customer"] is not None and known["customer"] != customer:
        raise Refusal(
            f"The customer does not have a payment method with the ID {token}. "
            "The payment method must be attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )
    return known


def get(context: Context, identity: str) -> Document:
    """The PaymentMethod of a PaymentIntent that has one."""
    method = context.transaction.get("payment_method", identity)
    if method is None:
        raise missing("PaymentMethod", identity)
    return method


def card_of(context: Context, method: Document) -> Card:
    """What the card is, and does as long as no script says otherwise."""
    made = made_cards.find(context.transaction, method["_token"])
    if made is None:
        return CARDS[method["_token"]]
    names = ("brand", "country", "funding", "expires", "last4", "fingerprint", "mandate")
    return Card(**{name: made[name] for name in names})


def used(context: Context, method: Document, *, customer: str | None, set_up: bool) -> None:
    """A payment succeeded: the method stays with the customer if that was asked for, and else is used up."""
    if set_up and customer is not None:
        method["customer"] = customer
        method["_set_up"] = True
    elif method["customer"] is None:
        method["_used_up"] = True
    context.transaction.put("payment_method", method["id"], method)


def attach(context: Context, token: str, customer: str) -> None:
    """Keep it with a customer."""
    method = take(context, token, customer=customer)
    method["customer"] = customer
    context.transaction.put("payment_method", method["id"], method)


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/payment_methods/{id}"""
    if identity in CARDS:
        return Reply(context.rendered(take(context, identity, customer=None)))
    method = context.transaction.get("payment_method", identity)
    if method is None:
        what = f"No such PaymentMethod: '{identity}'"
        raise Refusal(what, status=404, code="resource_missing", param="payment_method")
    return Reply(context.rendered(method))


def detach(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """POST /v1/payment_methods/{id}/detach: it is shown from then on, and never used again."""
    method = get(context, identity)
    if method["customer"] is None:
        raise Refusal(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    let_go(context, method)
    return Reply(context.rendered(method))


def let_go(context: Context, method: Document) -> None:
    """Take it from its customer for good."""
    before = {"customer": method["customer"]}
    method["customer"] = None
    method["_used_up"] = True
    context.transaction.put("payment_method", method["id"], method)
    events.record(context, "payment_method.detached", method, before)


def card_details(card: Card) -> Document:
    """What a PaymentMethod and a charge both say of the card."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "exp_month": int(card.expires[5:]),
        "exp_year": int(card.expires[:4]),
        "fingerprint": card.fingerprint or f"{card.brand[:4]}{card.last4}Fingerp"[:16],
        "funding": card.funding,
        "last4": card.last4,
        "regulated_status": "unregulated",
        "wallet": None,
    }


def details(card: Card) -> Document:
    """What a PaymentMethod says of its card."""
    return {
        **card_details(card),
        "display_brand": card.brand,
        "generated_from": None,
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
    }


def new(context: Context, token: str, identity: str, card: Card) -> Document:
    """A PaymentMethod of a card, not written yet."""
    return {
        "id": identity,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NO_BILLING_DETAILS,
        "card": details(card),
        "created": context.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_token": token,
        "_used_up": False,
        "_set_up": False,
    }
