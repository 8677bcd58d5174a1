"""Orders: what is to be paid, and by whom. That an order is COMPLETED says only that a payment was made of it."""

from typing import Any
from urllib.parse import urlencode

from simulators.paypal import authorizations, captures, events, identifiers, merchant, moments, refunds, vault
from simulators.paypal.amounts import Amount, read
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "order"
AUTHORIZE = "AUTHORIZE"
CAPTURE = "CAPTURE"
UNPAID = frozenset({"CREATED", "APPROVED", "PAYER_ACTION_REQUIRED"})


def create(turn: Turn, body: dict[str, Any]) -> Document:
    """A new order of one purchase unit, not paid yet. It is not kept before the caller saves it."""
    unit = body["purchase_units"][0]
    reference_id = unit.get("reference_id", "default")
    amount = read(unit["amount"], f"/purchase_units/@reference_id=='{reference_id}'/amount")
    order: Document = {
        "id": identifiers.money_object(),
        "intent": body["intent"],
        "status": "CREATED",
        "reference_id": reference_id,
        "units": amount.units,
        "currency": amount.currency,
        "source": None,
        "vault_id": None,
        "verification": None,
        "return_url": None,
        "cancel_url": None,
        "authorizations": [],
        "captures": [],
        "payable_until": turn.now + turn.setting("approval_window_seconds"),
        "created": turn.now,
        "updated": turn.now,
    }
    order |= {name: unit.get(name) for name in ("description", "custom_id", "invoice_id", "soft_descriptor")}
    remember_addresses(order, body.get("application_context", {}))
    return order


def remember_addresses(order: Document, context: dict[str, Any]) -> None:
    """Where the payer's browser goes afterwards, from an experience context."""
    for name in ("return_url", "cancel_url"):
        order[name] = context.get(name, order[name])


def is_expired(turn: Turn, order: Document) -> bool:
    """Whether it was left unpaid for too long."""
    return order["status"] in UNPAID and turn.now > order["payable_until"]


def waits_for_payer(turn: Turn, order: Document) -> bool:
    """Whether its payer may approve it now."""
    return order["status"] in {"CREATED", "PAYER_ACTION_REQUIRED"} and not is_expired(turn, order)


def approve(turn: Turn, order: Document) -> str | None:
    """The payer approved; returns where their browser goes."""
    source = order["source"] or vault.WALLET
    vault_id = order["vault_id"] or vault.APPROVED_BY_PAYER
    until = turn.now + turn.setting("approval_window_seconds")
    turn.change(KIND, order, status="APPROVED", source=source, vault_id=vault_id, payable_until=until)
    events.announce(turn, "CHECKOUT.ORDER.APPROVED", view(turn, order))
    return _address(order["return_url"], {"token": order["id"], "PayerID": vault.PAYER_ID})


def cancel(turn: Turn, order: Document) -> str | None:
    """The payer went away without approving; returns where their browser goes."""
    if turn.setting("payer_cancels") == "void":
        turn.change(KIND, order, status="VOIDED")
    return _address(order["cancel_url"], {"token": order["id"]})


def amount_of(order: Document) -> Amount:
    """What is to be paid."""
    return Amount(order["units"], order["currency"])


def view(turn: Turn, order: Document) -> dict[str, Any]:
    """The order as PayPal shows it."""
    shown = {
        "id": order["id"],
        "intent": order["intent"],
        "status": order["status"],
        "payment_source": {order["source"]: vault.view(turn, order["source"], order["vault_id"])}
        if order["source"]
        else None,
        "purchase_units": [_unit(turn, order)],
        "create_time": moments.write(order["created"]),
        "update_time": moments.write(order["updated"]),
        "links": links(turn, order),
    }
    return {name: value for name, value in shown.items() if value is not None}


def links(turn: Turn, order: Document) -> list[dict[str, str]]:
    """Where to look at it, where its payer approves it, and how it is paid."""
    path = f"{turn.base_url}/v2/checkout/orders/{order['id']}"
    found = [{"href": path, "rel": "self", "method": "GET"}]
    if waits_for_payer(turn, order):
        found.append(payer_link(turn, order))
    if order["status"] in UNPAID:
        action = order["intent"].lower()
        found.append({"href": f"{path}/{action}", "rel": action, "method": "POST"})
    return found


def payer_link(turn: Turn, order: Document) -> dict[str, str]:
    """The page on which the payer approves or cancels."""
    rel = "payer-action" if order["status"] == "PAYER_ACTION_REQUIRED" else "approve"
    return {"href": f"{turn.base_url}/checkoutnow?token={order['id']}", "rel": rel, "method": "GET"}


def _unit(turn: Turn, order: Document) -> dict[str, Any]:
    shown = {
        "reference_id": order["reference_id"],
        "amount": amount_of(order).wire(),
        "payee": merchant.PAYEE,
        "description": order["description"],
        "custom_id": order["custom_id"],
        "invoice_id": order["invoice_id"],
        "soft_descriptor": order["soft_descriptor"],
        "payments": _payments(turn, order) or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _held(turn: Turn, order: Document) -> list[Document]:
    return [turn.find(authorizations.KIND, identity) for identity in order["authorizations"]]


def captures_of(turn: Turn, order: Document) -> list[Document]:
    """What was captured of it, at once or from its authorization."""
    of_held = (identity for document in _held(turn, order) for identity in document["captures"])
    return [turn.find(captures.KIND, identity) for identity in (*order["captures"], *of_held)]


def paid_capture(turn: Turn, payment_id: str) -> Document:
    """The capture of this id, or of the order of this id; raises LookupError for what was not paid."""
    order = turn.transaction.get(KIND, payment_id)
    of_order = next(iter(captures_of(turn, order)), None) if order else None
    capture = turn.transaction.get(captures.KIND, payment_id) or of_order
    if capture is None or capture["status"] not in captures.PAID:
        raise LookupError(f"{payment_id} is no capture that was paid, nor an order with one")
    return capture


def _payments(turn: Turn, order: Document) -> dict[str, Any]:
    held, taken = _held(turn, order), captures_of(turn, order)
    returned = [turn.find(refunds.KIND, identity) for document in taken for identity in document["refunds"]]
    payments = {
        "authorizations": [authorizations.view_in_order(turn, document) for document in held],
        "captures": [captures.view_in_order(turn, document) for document in taken],
        "refunds": [refunds.view(turn, document) for document in returned],
    }
    return {name: found for name, found in payments.items() if found}


def _address(url: str | None, parameters: dict[str, str]) -> str | None:
    if url is None:
        return None
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
