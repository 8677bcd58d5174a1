"""How PayPal shows disputes: whole by their id, and in short in a list of them."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from simulators.paypal import captures, merchant, moments
from simulators.paypal.amounts import Amount
from simulators.paypal.errors import Problem
from simulators.paypal.settings import DAY
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "dispute"
PATH = "/v1/customer/disputes"
PARAMETERS = frozenset(
    {
        "start_time",
        "disputed_transaction_id",
        "page_size",
        "next_page_token",
        "update_time_before",
        "update_time_after",
    }
)
PAGE_SIZE = 10
LARGEST_PAGE = 50
LONGEST_SECONDS = 180 * DAY
INVOICE = re.compile(r"[A-Za-z0-9:|-]+")
"""What a disputed transaction's invoice number may consist of; one with other letters is not shown."""


def whole(turn: Turn, dispute: Document) -> dict[str, Any]:
    """A dispute as its id shows it."""
    shown = {
        "dispute_id": dispute["id"],
        "create_time": moments.write(dispute["created"]),
        "update_time": moments.write(dispute["updated"]),
        "disputed_transactions": [_transaction(turn, dispute)],
        "reason": "UNAUTHORISED",
        "status": dispute["status"],
        "dispute_amount": _amount(dispute, dispute["units"]),
        "dispute_outcome": _outcome(dispute),
        "money_movements": [_movement(dispute, movement) for movement in dispute["movements"]] or None,
        "dispute_life_cycle_stage": "INQUIRY" if dispute["course"] == "inquiry" else "CHARGEBACK",
        "dispute_channel": "EXTERNAL" if dispute["course"] == "chargeback" else "INTERNAL",
        "links": [_link(turn, f"{PATH}/{dispute['id']}", "self")],
    }
    return {name: value for name, value in shown.items() if value is not None}


def listing(turn: Turn, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of disputes in short, newest first."""
    if "start_time" in query and "disputed_transaction_id" in query:
        raise Problem("INVALID_PARAMETER_VALUE", "start_time", query["start_time"], location="query")
    size = query.get("page_size", str(PAGE_SIZE))
    if not size.isdecimal() or not 1 <= int(size) <= LARGEST_PAGE:
        raise Problem("INVALID_PARAMETER_VALUE", "page_size", size, location="query")
    transaction = query.get("disputed_transaction_id")
    found = turn.transaction.listing(
        KIND, limit=10_000, links={"capture_id": transaction} if transaction else {}
    ).documents
    since, until = _period(turn, query)
    if transaction and "update_time_after" not in query and turn.setting("old_disputes") == "listed":
        since = 0
    created = _moment(query, "start_time", 0)
    found = [each for each in found if since <= each["updated"] <= until and each["created"] >= created]
    begin = _begin(query)
    page = found[begin : begin + int(size)]
    links = [_link(turn, PATH, "self")]
    if found[begin + int(size) :]:
        token = base64.b64encode(str(begin + int(size)).encode()).decode()
        links.append(_link(turn, f"{PATH}?next_page_token={token}", "next"))
    # Its document knows no empty list of them.
    return {**({"items": [_in_short(turn, each) for each in page]} if page else {}), "links": links}


def _in_short(turn: Turn, dispute: Document) -> dict[str, Any]:
    named = ("dispute_id", "create_time", "update_time", "reason", "status", "dispute_amount", "links")
    staged = ("dispute_life_cycle_stage", "dispute_channel")
    shown = whole(turn, dispute)
    state = "RESOLVED" if dispute["status"] == "RESOLVED" else "REQUIRED_ACTION"
    return {**{name: shown[name] for name in (*named, *staged)}, "dispute_state": state}


def _transaction(turn: Turn, dispute: Document) -> dict[str, Any]:
    capture = turn.find(captures.KIND, dispute["capture_id"])
    invoice = capture["invoice_id"]
    shown = {
        "buyer_transaction_id": f"B{capture['id'][1:]}",
        "seller_transaction_id": capture["id"],
        "create_time": moments.write(capture["created"]),
        "transaction_status": capture["status"],
        "gross_amount": captures.amount_of(capture).wire(),
        "invoice_number": invoice if invoice and INVOICE.fullmatch(invoice) else None,
        "custom": capture["custom_id"],
        "buyer": {"name": "Payer"},
        "seller": {"email": merchant.PAYEE["email_address"], "merchant_id": merchant.PAYEE["merchant_id"]},
    }
    return {name: value for name, value in shown.items() if value is not None}


def _outcome(dispute: Document) -> dict[str, Any] | None:
    if dispute["outcome"] is None:
        return None
    refunded = dispute["refunded_units"]
    shown = {"outcome_code": dispute["outcome"]}
    return {**shown, "amount_refunded": _amount(dispute, refunded)} if refunded else shown


def _movement(dispute: Document, movement: Document) -> dict[str, Any]:
    return {
        "affected_party": "SELLER",
        "amount": _amount(dispute, abs(movement["units"])),
        "initiated_time": moments.write(movement["at"]),
        "type": "DEBIT" if movement["units"] < 0 else "CREDIT",
        "reason": movement["reason"],
    }


def _amount(dispute: Document, units: int) -> dict[str, str]:
    return Amount(units, dispute["currency"]).wire()


def _link(turn: Turn, path: str, rel: str) -> dict[str, str]:
    return {"href": f"{turn.base_url}{path}", "rel": rel, "method": "GET"}


def _period(turn: Turn, query: Mapping[str, str]) -> tuple[float, float]:
    """When those asked for were last updated; PayPal looks back 180 days at most."""
    earliest = turn.now - LONGEST_SECONDS
    since = _moment(query, "update_time_after", earliest)
    if since < earliest:
        raise Problem("INVALID_PARAMETER_VALUE", "update_time_after", query["update_time_after"], location="query")
    return since, _moment(query, "update_time_before", turn.now)


def _begin(query: Mapping[str, str]) -> int:
    token = query.get("next_page_token")
    try:
        return int(base64.b64decode(token or "MA==", validate=True))
    except (binascii.Error, ValueError):
        raise Problem("INVALID_PARAMETER_VALUE", "next_page_token", token, location="query") from None


def _moment(query: Mapping[str, str], name: str, default: float) -> float:
    if name not in query:
        return default
    try:
        return moments.read(query[name])
    except ValueError:
        raise Problem("INVALID_PARAMETER_SYNTAX", name, query[name], location="query") from None
