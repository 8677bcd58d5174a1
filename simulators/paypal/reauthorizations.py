"""Reauthorizations: after the honor period a wallet's money can be held anew, once, under a new id."""

from typing import Any

from simulators.paypal import authorizations, identifiers, orders, vault
from simulators.paypal.amounts import digits, read
from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn
from simulators.store import Document

MOST_PERCENT_MORE = 15
MOST_MORE = 75
"""Major units of the currency, whatever it is."""


def reauthorize(turn: Turn, authorization: Document, body: dict[str, Any]) -> Document:
    """Hold the money anew; the last day stays the one of the first authorization, which holds nothing any more."""
    _require_reauthorizable(turn, authorization)
    held = authorizations.amount_of(authorization)
    asked = read(body["amount"], "/amount") if "amount" in body else held
    if asked.currency != held.currency:
        raise Problem("AUTH_CURRENCY_MISMATCH", "/amount/currency_code", asked.currency)
    more = asked.units - held.units
    if more * 100 > held.units * MOST_PERCENT_MORE or more > MOST_MORE * 10 ** digits(held.currency):
        raise Problem("TRANSACTION_REFUSED", "/amount/value", asked.value())
    renewed = {
        **authorization,
        "id": identifiers.money_object(),
        "parent": authorization["id"],
        "units": asked.units,
        "request_id": turn.request_id,
        "created": turn.now,
        "updated": turn.now,
        "honored_until": min(turn.now + authorizations.HONOR_SECONDS, authorization["expires"]),
    }
    turn.change(authorizations.KIND, authorization, reauthorized_as=renewed["id"])
    turn.effect("void", held, authorization, operation_id=None, request_id=turn.request_id)
    authorizations.begin(turn, renewed)
    order = turn.find(orders.KIND, authorization["order_id"])
    turn.change(orders.KIND, order, authorizations=[*order["authorizations"], renewed["id"]])
    return renewed


def _require_reauthorizable(turn: Turn, authorization: Document) -> None:
    if authorization["status"] in {"VOIDED", "DENIED"} or turn.now >= authorization["expires"]:
        raise Problem("AUTHORIZATION_VOIDED")
    if authorization["captured_units"]:
        raise Problem("AUTHORIZATION_ALREADY_CAPTURED")
    wallet = vault.of(turn, authorization["vault_id"]).source == vault.WALLET
    if authorization["parent"] or authorization["reauthorized_as"] or not wallet:
        raise Problem("REAUTHORIZATION_NOT_SUPPORTED")
    if turn.now < authorization["honored_until"]:
        raise Problem("REAUTHORIZATION_TOO_SOON")
