"""Cards that a test makes: a PaymentMethod whose id is the token, kept with a customer, as billing has them."""

import re

from simulators import made_cards
from simulators.store import Document
from simulators.stripe import customers, events, payment_methods
from simulators.stripe.cards import CARDS, SAID_BY_ISSUERS
from simulators.stripe.context import Context

MANDATE_STATES = ("active", "inactive", "pending")
CODES = frozenset({"network_code", "network_advice", "advice"})
"""What an answer may say otherwise than the decline that it names."""


def make(context: Context, token: str, asked: Document) -> None:
    """Make it, or change it: then the network has updated the card, and an event says so. Raises ValueError."""
    if token in CARDS or not token.startswith("pm_"):
        raise ValueError(f"{token} cannot be made: use a token of your own that begins with pm_")
    card = made_cards.read(token, asked, more=("customer", "mandate", "mandate_status"), codes=CODES)
    for step in card["answers"]:
        if step["answer"] not in (made_cards.APPROVED, *SAID_BY_ISSUERS):
            raise ValueError(
                f"no issuer says {step['answer']}: use {made_cards.APPROVED}, {', '.join(sorted(SAID_BY_ISSUERS))}"
            )
    card |= {name: asked.get(name) for name in ("customer", "mandate")}
    card["mandate_status"] = asked.get("mandate_status", "active")
    if card["mandate_status"] not in MANDATE_STATES:
        raise ValueError(f"mandate_status cannot be {card['mandate_status']!r}: use {', '.join(MANDATE_STATES)}")
    for name in ("customer", "mandate"):
        if card[name] is not None and re.fullmatch(r"\w{1,64}", str(card[name]), re.ASCII) is None:
            raise ValueError(f"{name} cannot be {card[name]!r}: give an id")
    made_cards.keep(context.transaction, card)
    _save(context, token, card["customer"])


def detach(context: Context, token: str) -> None:
    """Take it from its customer. Raises LookupError."""
    method = context.transaction.get("payment_method", token)
    if method is None or method["customer"] is None:
        raise LookupError(f"no PaymentMethod {token} is kept with a customer")
    payment_methods.let_go(context, method)


def _save(context: Context, token: str, customer: str | None) -> None:
    known = context.transaction.get("payment_method", token)
    if customer is not None:
        customers.ensure(context, customer)
    method = known or payment_methods.new(context, token, token, payment_methods.card_of(context, {"_token": token}))
    before = method["card"]
    method["card"] = payment_methods.details(payment_methods.card_of(context, method))
    method["customer"] = customer
    method["_set_up"] = customer is not None
    context.transaction.put("payment_method", token, method)
    if known is not None and method["card"] != before:
        changed = {name: value for name, value in before.items() if value != method["card"][name]}
        events.record(context, "payment_method.automatically_updated", method, {"card": changed})
