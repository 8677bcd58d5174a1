"""`expand[]`: puts whole objects where an answer has their ids."""

from collections.abc import Sequence

from simulators.store import Document
from simulators.stripe.context import Context
from simulators.stripe.errors import InvalidParameter

MAX_DEPTH = 4
KINDS = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "customer": "customer",
    "failure_balance_transaction": "balance_transaction",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "setup_intent": "setup_intent",
}
SOURCES = {"ch": "charge", "dp": "dispute", "re": "refund"}
ABSENT_UNTIL_FAILED = "failure_balance_transaction"
"""A refund has it only when it failed, and may be asked for it before."""


def expand(context: Context, body: Document, paths: Sequence[str]) -> None:
    """Expand these paths, such as `data.latest_charge.balance_transaction`, in place."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise InvalidParameter(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}", param="expand"
            )
        _follow(context, body, steps, path)


def _follow(context: Context, document: Document, steps: Sequence[str], path: str) -> None:
    name, *rest = steps
    if name == "data" and document.get("object") == "list":
        for entry in document["data"]:
            if rest:
                _follow(context, entry, rest, path)
        return
    value = _expanded(context, document, name, path)
    if rest and value is not None:
        _follow(context, value, rest, path)


def _expanded(context: Context, document: Document, name: str, path: str) -> Document | None:
    if document.get("object") == "charge" and name == "refunds":
        document[name] = _refunds(context, document["id"])
        return None
    kind = KINDS.get(name)
    value = document.get(name)
    if name == "source" and isinstance(value, str):
        kind = SOURCES.get(value.split("_")[0])
    is_absent = name not in document and name != ABSENT_UNTIL_FAILED
    if kind is None or is_absent or (kind == "payment_method" and document.get("object") == "charge"):
        raise InvalidParameter(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(value, str):
        found = context.transaction.get(kind, value)
        value = document[name] = None if found is None else context.rendered(found)
    return value


def _refunds(context: Context, charge_id: str) -> Document:
    page = context.transaction.listing("refund", limit=10, links={"charge": charge_id})
    return {
        "object": "list",
        "data": [context.rendered(refund) for refund in page.documents],
        "has_more": page.has_more,
        "url": f"/v1/charges/{charge_id}/refunds",
    }
