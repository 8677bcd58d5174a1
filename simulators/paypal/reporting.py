"""The transaction search: what happened to the merchant's account, by the time at which it began.

Records are read from authorizations, captures, refunds and what disputes moved, as they are now; a record appears after `search_lag_seconds`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.paypal import authorizations, captures, disputes, moments, refunds, vault
from simulators.paypal.amounts import Amount
from simulators.paypal.errors import Problem
from simulators.paypal.settings import DAY
from simulators.paypal.turn import Turn
from simulators.store import Document

LONGEST_SECONDS = 31 * DAY
LARGEST_PAGE = 500
ACCOUNT_NUMBER = "XZXSPECPDZHZU"

RECORDS = """
    SELECT sequence, created, id, kind, body,
        json_extract(body, '$.currency') AS transaction_currency,
        CASE kind
            WHEN 'capture' THEN 'T0006'
            WHEN 'dispute_movement' THEN json_extract(body, '$.code')
            WHEN 'refund' THEN iif(json_extract(body, '$.is_reversal'), 'T1106', 'T1107')
            ELSE iif(json_extract(body, '$.parent') IS NULL, 'T1300', 'T1301')
        END AS transaction_type,
        CASE json_extract(body, '$.status')
            WHEN 'PENDING' THEN 'P'
            WHEN 'DENIED' THEN 'D'
            WHEN 'DECLINED' THEN 'D'
            WHEN 'FAILED' THEN iif(json_extract(body, '$.was_completed'), 'V', 'D')
            WHEN 'VOIDED' THEN 'V'
            ELSE 'S'
        END AS transaction_status
    FROM documents WHERE kind IN ('authorization', 'capture', 'refund', 'dispute_movement') AND created BETWEEN ? AND ?
"""
"""Event codes: checkout payment, those of disputes, payment reversal, payment refund, general authorization, reauthorization. Status: success, pending, denied,
reversed. https://developer.paypal.com/docs/reports/reference/tcodes/"""

COLUMNS = {
    "transaction_id": "id",
    "transaction_type": "transaction_type",
    "transaction_status": "transaction_status",
    "transaction_currency": "transaction_currency",
}
PARAMETERS = frozenset(
    {*COLUMNS, "start_date", "end_date", "fields", "balance_affecting_records_only", "page_size", "page"}
)


class TooManyResults(Exception):
    """The search finds more than PayPal gives; it has to be narrowed."""


@dataclass(frozen=True)
class Search:
    """What is searched for."""

    start: float
    end: float
    page: int
    page_size: int
    balance_affecting_only: bool
    filters: Mapping[str, str]


def read(query: Mapping[str, str]) -> Search:
    """The search that a query string asks for; raises Problem."""
    start, end = _moment(query, "start_date"), _moment(query, "end_date")
    if not 0 <= end - start <= LONGEST_SECONDS:
        raise Problem("INVALID_PARAMETER_VALUE", "end_date", query["end_date"], location="query")
    balance = query.get("balance_affecting_records_only", "Y")
    if balance not in {"Y", "N"}:
        raise Problem("INVALID_PARAMETER_VALUE", "balance_affecting_records_only", balance, location="query")
    return Search(
        start=start,
        end=end,
        page=_number(query, "page", 1, 2**31 - 1),
        page_size=_number(query, "page_size", 100, LARGEST_PAGE),
        balance_affecting_only=balance == "Y",
        filters={name: query[name] for name in COLUMNS.keys() & query.keys()},
    )


def search(turn: Turn, wanted: Search) -> dict[str, Any]:
    """One page of what is found; raises TooManyResults."""
    refreshed = turn.now - turn.setting("search_lag_seconds")
    conditions = ["1"] + [f"{COLUMNS[name]} = ?" for name in wanted.filters]
    if wanted.balance_affecting_only:
        conditions.append("transaction_status = 'S' AND kind <> 'authorization'")
    source = f"FROM ({RECORDS}) WHERE {' AND '.join(conditions)}"
    values = (wanted.start, min(wanted.end, refreshed), *wanted.filters.values())
    found = turn.transaction.connection.execute(f"SELECT count(*) {source}", values).fetchone()[0]
    if found > turn.setting("search_limit"):
        raise TooManyResults
    rows = turn.transaction.connection.execute(
        f"SELECT kind, transaction_type, transaction_status, body {source} ORDER BY created, sequence LIMIT ? OFFSET ?",
        (*values, wanted.page_size, (wanted.page - 1) * wanted.page_size),
    ).fetchall()
    return {
        "transaction_details": [
            {"transaction_info": _record(kind, code, status, json.loads(body))} for kind, code, status, body in rows
        ],
        "account_number": ACCOUNT_NUMBER,
        "start_date": moments.write(int(wanted.start)),
        "end_date": moments.write(int(wanted.end)),
        "last_refreshed_datetime": moments.write(refreshed),
        "page": wanted.page,
        "total_items": found,
        "total_pages": -(-found // wanted.page_size),
        "links": [{"href": f"{turn.base_url}/v1/reporting/transactions", "rel": "self", "method": "GET"}],
    }


def _record(kind: str, code: str, status: str, document: Document) -> dict[str, Any]:
    amount = Amount(document["units"], document["currency"])
    shown = {
        "paypal_account_id": vault.PAYER_ID,
        "transaction_id": document["id"],
        **_reference(kind, document),
        "transaction_event_code": code,
        "transaction_initiation_date": moments.write(document["created"]),
        "transaction_updated_date": moments.write(document["updated"]),
        "transaction_amount": (amount.of(-amount.units) if kind == refunds.KIND else amount).wire(),
        "fee_amount": _fee(kind, status, document),
        "transaction_status": status,
        "invoice_id": document["invoice_id"],
        "custom_field": document["custom_id"] or document.get("capture_custom_id"),
        "protection_eligibility": "01",
    }
    return {name: value for name, value in shown.items() if value is not None}


def _reference(kind: str, document: Document) -> dict[str, str]:
    """What the record follows from: a refund from its capture, a capture from its authorization or order."""
    if kind in {refunds.KIND, disputes.MOVEMENT}:
        return {"paypal_reference_id": document["capture_id"], "paypal_reference_id_type": "TXN"}
    earlier = document["authorization_id"] if kind == captures.KIND else document["parent"]
    if earlier is not None:
        return {"paypal_reference_id": earlier, "paypal_reference_id_type": "TXN"}
    return {"paypal_reference_id": document["order_id"], "paypal_reference_id_type": "ODR"}


def _fee(kind: str, status: str, document: Document) -> dict[str, str] | None:
    """Signed as the merchant's balance sees it: negative where PayPal kept it."""
    if kind in {authorizations.KIND, disputes.MOVEMENT} or status != "S":
        return None
    units = document["fee_units"] if kind == refunds.KIND else -document["fee_units"]
    return Amount(units, document["currency"]).wire() if units else None


def _moment(query: Mapping[str, str], name: str) -> float:
    if name not in query:
        raise Problem("MISSING_REQUIRED_PARAMETER", name, location="query")
    try:
        return moments.read(query[name])
    except ValueError:
        raise Problem("INVALID_PARAMETER_SYNTAX", name, query[name], location="query") from None


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Problem("INVALID_PARAMETER_VALUE", name, text, location="query")
    return int(text)
