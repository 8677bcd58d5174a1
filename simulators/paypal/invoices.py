"""Invoice ids: with the account setting on, one that paid or refunded something cannot do so for another object."""

from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn


def require_unused(turn: Turn, invoice_id: str | None, field: str | None) -> None:
    """Raise Problem if the id was used; `field` is the JSON pointer under which it was sent."""
    if invoice_id is None or not turn.setting("unique_invoice_ids"):
        return
    if turn.transaction.get("invoice", invoice_id) is not None:
        raise Problem("DUPLICATE_INVOICE_ID", field, invoice_id if field else None)


def use(turn: Turn, invoice_id: str | None, object_id: str) -> None:
    """Note that the id is used by this object; the first user counts."""
    if invoice_id is not None and turn.transaction.get("invoice", invoice_id) is None:
        turn.save("invoice", {"id": invoice_id, "object_id": object_id})
