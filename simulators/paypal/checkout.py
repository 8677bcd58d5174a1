"""Paying an order: with a payment source in the request, or with what its payer approved."""

from typing import Any

from simulators.paypal import authorizations, captures, events, invoices, orders, vault
from simulators.paypal.captures import Taking
from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn
from simulators.store import Document

STRONG = frozenset({"SCA_ALWAYS", "3D_SECURE"})
"""Ways of verifying a card that ask its holder, whatever the issuer thinks of the risk."""


class PayerActionRequired(Exception):
    """The payer has to act first. Unlike a Problem this changes the order, so the turn must not be undone."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.issue)
        self.problem = problem


def require_payable(turn: Turn, order: Document, intent: str) -> None:
    """Raise Problem unless the order can be paid with this intent now."""
    if order["intent"] != intent:
        raise Problem("ACTION_DOES_NOT_MATCH_INTENT")
    if order["status"] == "COMPLETED":
        raise Problem("ORDER_ALREADY_AUTHORIZED" if intent == orders.AUTHORIZE else "ORDER_ALREADY_CAPTURED")
    if order["status"] == "VOIDED":
        raise Problem("ORDER_COMPLETED_OR_VOIDED" if intent == orders.AUTHORIZE else "ORDER_NOT_APPROVED")
    if orders.is_expired(turn, order):
        raise Problem("ORDER_EXPIRED" if intent == orders.AUTHORIZE else "INVALID_RESOURCE_ID")


def take_source(turn: Turn, order: Document, source: dict[str, Any]) -> None:
    """Note in the order what it is to be paid with."""
    if len(source) != 1:
        raise Problem("INVALID_PARAMETER_VALUE", "/payment_source")
    ((name, details),) = source.items()
    if "vault_id" in details:
        vault.find(turn, name, details["vault_id"], f"/payment_source/{name}/vault_id")
        if details["vault_id"] != order["vault_id"] and order["status"] == "APPROVED":
            order["status"] = "CREATED"  # another method than the payer approved
        order["vault_id"] = details["vault_id"]
    elif name == vault.CARD:
        raise Problem("MISSING_REQUIRED_PARAMETER", "/payment_source/card/vault_id")
    order["source"] = name
    _check_initiator(details, f"/payment_source/{name}")
    order["verification"] = details.get("attributes", {}).get("verification", {}).get("method")
    orders.remember_addresses(order, details.get("experience_context", {}))


def pay(turn: Turn, order: Document) -> None:
    """Authorize or capture, as the order intends; the payment may be declined, pending or denied all the same."""
    if order["source"] is None:
        raise Problem("ORDER_NOT_APPROVED")
    if needs_payer(turn, order):
        turn.change(orders.KIND, order, status="PAYER_ACTION_REQUIRED")
        raise PayerActionRequired(Problem("PAYER_ACTION_REQUIRED", links=[orders.payer_link(turn, order)]))
    method = vault.at_payment(turn, order["vault_id"])
    if method.refusal:
        raise Problem(method.refusal)
    invoices.require_unused(turn, order["invoice_id"], None)
    pay_it = _authorize if order["intent"] == orders.AUTHORIZE else _capture
    payment = pay_it(turn, order, method)
    turn.change(orders.KIND, order, status="COMPLETED")
    if payment["status"] not in {"DENIED", "DECLINED"}:
        invoices.use(turn, order["invoice_id"], payment["id"])
        events.announce(turn, "CHECKOUT.ORDER.COMPLETED", orders.view(turn, order))


def needs_payer(turn: Turn, order: Document) -> bool:
    """Whether its payer has to approve it before it can be paid."""
    if order["status"] == "APPROVED":
        return False
    if order.get("verification") in STRONG:
        return True
    return order["vault_id"] is None or vault.needs_payer(turn, order["vault_id"])


def _check_initiator(details: dict[str, Any], field: str) -> None:
    """Refuse what does not go with a payment that the merchant initiates, as PayPal's parameter compatibility has it."""
    credential = details.get("stored_credential", {})
    if credential.get("payment_initiator") != "MERCHANT":
        return
    for name, value in (("payment_type", "ONE_TIME"), ("usage", "FIRST")):
        if credential.get(name) == value:
            raise Problem("INCOMPATIBLE_PARAMETER_VALUE", f"{field}/stored_credential/{name}", value)


def _authorize(turn: Turn, order: Document, method: vault.Method) -> Document:
    authorization = authorizations.open_for(turn, order, order["vault_id"], method.authorization)
    order["authorizations"].append(authorization["id"])
    return authorization


def _capture(turn: Turn, order: Document, method: vault.Method) -> Document:
    one_step = method.capture if method.authorization == vault.APPROVED else method.authorization
    taking = Taking(
        order_id=order["id"],
        authorization_id=None,
        amount=orders.amount_of(order),
        final=True,
        invoice_id=order["invoice_id"],
        custom_id=order["custom_id"],
        operation_id=order["custom_id"] or order["invoice_id"],
        vault_id=order["vault_id"],
        processor=one_step,
    )
    capture = captures.take(turn, taking)
    order["captures"].append(capture["id"])
    return capture
