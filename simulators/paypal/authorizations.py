"""Authorizations: a hold of 29 days on the payer's money, captured in full or in parts, voided, or lapsed."""

from typing import Any

from simulators.paypal import captures, events, identifiers, invoices, merchant, moments, vault
from simulators.paypal.amounts import Amount, read
from simulators.paypal.captures import Taking
from simulators.paypal.errors import Problem
from simulators.paypal.settings import DAY
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "authorization"
LAPSE = "authorization.lapse"
VALID_SECONDS = 29 * DAY
HONOR_SECONDS = 3 * DAY
MOST_CAPTURES = 10
OPEN = frozenset({"CREATED", "PARTIALLY_CAPTURED"})


def open_for(turn: Turn, order: Document, vault_id: str, processor: vault.ProcessorResponse | None) -> Document:
    """Hold the order's amount on a payment method; a card's processor may deny it."""
    denied = processor not in (None, vault.APPROVED)
    authorization: Document = {
        "id": identifiers.money_object(),
        "order_id": order["id"],
        "status": "DENIED" if denied else "CREATED",
        "units": order["units"],
        "currency": order["currency"],
        "invoice_id": order["invoice_id"],
        "custom_id": order["custom_id"],
        "operation_id": order["custom_id"] or order["invoice_id"],
        "request_id": turn.request_id,
        "vault_id": vault_id,
        "processor": processor.wire() if processor else None,
        "parent": None,
        "reauthorized_as": None,
        "captured_units": 0,
        "captures": [],
        "created": turn.now,
        "updated": turn.now,
        "honored_until": turn.now + HONOR_SECONDS,
        "expires": turn.now + VALID_SECONDS,
        "lapsed": False,
    }
    begin(turn, authorization)
    return authorization


def begin(turn: Turn, authorization: Document) -> None:
    """Keep a new authorization, and let it lapse some day."""
    turn.save(KIND, authorization)
    if authorization["status"] == "DENIED":
        return
    turn.effect(
        "authorize",
        amount_of(authorization),
        authorization,
        operation_id=authorization["operation_id"],
        request_id=turn.request_id,
    )
    turn.later(authorization["expires"] + turn.setting("lapse_report_delay_seconds"), LAPSE, id=authorization["id"])
    events.announce(turn, "PAYMENT.AUTHORIZATION.CREATED", view(turn, authorization))


def capture(turn: Turn, authorization: Document, body: dict[str, Any]) -> Document:
    """Take money that is held; returns the capture, which may be pending or declined."""
    _require_capturable(turn, authorization)
    amount = _amount_to_capture(turn, authorization, body)
    invoices.require_unused(turn, body.get("invoice_id"), "/invoice_id")
    taking = Taking(
        order_id=authorization["order_id"],
        authorization_id=authorization["id"],
        amount=amount,
        final=body.get("final_capture", False),
        invoice_id=body.get("invoice_id") or authorization["invoice_id"],
        custom_id=authorization["custom_id"],
        operation_id=body.get("invoice_id"),
        vault_id=authorization["vault_id"],
        processor=vault.of(turn, authorization["vault_id"]).capture,
    )
    taken = captures.take(turn, taking)
    captured = authorization["captured_units"]
    if taken["status"] != "DECLINED":
        invoices.use(turn, body.get("invoice_id"), taken["id"])
        captured += amount.units
    status = _status(authorization, captured, final=taken["final"] and taken["status"] != "DECLINED")
    known = [*authorization["captures"], taken["id"]]
    turn.change(KIND, authorization, captured_units=captured, captures=known, status=status)
    return taken


def give_back(turn: Turn, authorization_id: str, units: int) -> None:
    """A pending capture was declined after all: its part is held again, unless the authorization is over."""
    authorization = turn.find(KIND, authorization_id)
    captured = authorization["captured_units"] - units
    status = authorization["status"]
    if status != "VOIDED":
        status = _status(authorization, captured, final=False)
    turn.change(KIND, authorization, captured_units=captured, status=status)


def void(turn: Turn, authorization: Document) -> Document:
    """Release what is held and not captured."""
    if authorization["parent"] is not None or authorization["status"] == "DENIED":
        raise Problem("CANNOT_BE_VOIDED")
    if authorization["status"] == "VOIDED":
        raise Problem("PREVIOUSLY_VOIDED")
    renewed = authorization["reauthorized_as"]
    holding = turn.find(KIND, renewed) if renewed else authorization
    if holding["status"] not in OPEN:
        raise Problem("PREVIOUSLY_CAPTURED")
    _release(turn, holding, "void")
    if renewed:
        turn.change(KIND, authorization, status="VOIDED")
    return authorization


def lapse(turn: Turn, authorization_id: str) -> None:
    """The last day is over: what was not captured is released."""
    authorization = turn.find(KIND, authorization_id)
    if authorization["status"] in OPEN and authorization["reauthorized_as"] is None:
        authorization["lapsed"] = True
        _release(turn, authorization, "expire")


def amount_of(authorization: Document) -> Amount:
    """What was authorized."""
    return Amount(authorization["units"], authorization["currency"])


def view(turn: Turn, authorization: Document) -> dict[str, Any]:
    """The authorization as PayPal shows it by itself: without the processor's answer, which only its order has."""
    alone = {
        "supplementary_data": {"related_ids": {"order_id": authorization["order_id"]}},
        "payee": merchant.PAYEE,
    }
    return _shown(turn, authorization) | alone


def view_in_order(turn: Turn, authorization: Document) -> dict[str, Any]:
    """The authorization as PayPal shows it in its order."""
    processor = authorization["processor"]
    return _shown(turn, authorization) | ({"processor_response": processor} if processor else {})


def _shown(turn: Turn, authorization: Document) -> dict[str, Any]:
    shown = {
        "id": authorization["id"],
        "status": authorization["status"],
        "amount": amount_of(authorization).wire(),
        "invoice_id": authorization["invoice_id"],
        "custom_id": authorization["custom_id"],
        "seller_protection": merchant.protection(vault.of(turn, authorization["vault_id"])),
        "expiration_time": moments.write(authorization["expires"]),
        "create_time": moments.write(authorization["created"]),
        "update_time": moments.write(authorization["updated"]),
        "links": _links(turn, authorization),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _links(turn: Turn, authorization: Document) -> list[dict[str, str]]:
    path = f"{turn.base_url}/v2/payments/authorizations/{authorization['id']}"
    order = f"{turn.base_url}/v2/checkout/orders/{authorization['order_id']}"
    actions = ("capture", "void", "reauthorize") if authorization["status"] in OPEN else ()
    return [
        {"href": path, "rel": "self", "method": "GET"},
        *({"href": f"{path}/{action}", "rel": action, "method": "POST"} for action in actions),
        {"href": order, "rel": "up", "method": "GET"},
    ]


def _require_capturable(turn: Turn, authorization: Document) -> None:
    if authorization["status"] == "DENIED":
        raise Problem("AUTHORIZATION_DENIED")
    if authorization["status"] == "CAPTURED":
        raise Problem("AUTHORIZATION_ALREADY_CAPTURED")
    # Before the report of the lapse its status still looks open.
    if authorization["lapsed"] or (authorization["status"] in OPEN and turn.now >= authorization["expires"]):
        raise Problem("AUTHORIZATION_EXPIRED")
    if authorization["status"] == "VOIDED" or authorization["reauthorized_as"]:
        raise Problem("AUTHORIZATION_VOIDED")
    if turn.now > authorization["honored_until"] and turn.setting("capture_after_honor_period") == "refuse":
        raise Problem("PAYER_CANNOT_PAY")
    if len(authorization["captures"]) >= MOST_CAPTURES:
        raise Problem("MAX_CAPTURE_COUNT_EXCEEDED")


def _amount_to_capture(turn: Turn, authorization: Document, body: dict[str, Any]) -> Amount:
    held = amount_of(authorization)
    if "amount" not in body:
        return held.of(held.units - authorization["captured_units"])
    asked = read(body["amount"], "/amount")
    if asked.currency != held.currency:
        raise Problem("AUTH_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code", asked.currency)
    if (authorization["captured_units"] + asked.units) * 100 > held.units * turn.setting("capture_limit_percent"):
        raise Problem("MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value", asked.value())
    return asked


def _status(authorization: Document, captured_units: int, *, final: bool) -> str:
    if final or captured_units >= authorization["units"]:
        return "CAPTURED"
    return "PARTIALLY_CAPTURED" if captured_units else "CREATED"


def _release(turn: Turn, authorization: Document, kind: str) -> None:
    held = amount_of(authorization)
    released = held.of(held.units - authorization["captured_units"])
    turn.change(KIND, authorization, status="VOIDED")
    turn.effect(kind, released, authorization, operation_id=None, request_id=turn.request_id)
    events.announce(turn, "PAYMENT.AUTHORIZATION.VOIDED", view(turn, authorization))
