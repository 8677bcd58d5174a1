"""A capture that PayPal takes back by itself, as a whole or in part: shown as a refund that nobody asked for."""

from simulators.paypal import captures, orders, refunds
from simulators.paypal.amounts import Amount, from_iso_minor
from simulators.paypal.turn import Turn
from simulators.store import Document


def reverse(turn: Turn, payment_id: str, amount_minor: int | None) -> str:
    """Take back what an order (or the capture of this id) captured; returns the id of the reversal.

    Raises LookupError for what was not captured, ValueError for an amount that is not there.
    """
    capture = turn.transaction.get(captures.KIND, payment_id) or _capture_of_order(turn, payment_id)
    if capture is None or capture["status"] not in captures.PAID:
        raise LookupError(f"{payment_id} is no capture that was paid, nor an order with one")
    left = Amount(capture["units"] - capture["reserved_units"], capture["currency"])
    amount = left if amount_minor is None else from_iso_minor(amount_minor, left.currency)
    if not 0 < amount.units <= left.units:
        raise ValueError(f"{payment_id} has {left.value()} {left.currency} left: {amount.value()} cannot be taken back")
    return str(refunds.reverse(turn, capture, amount)["id"])


def _capture_of_order(turn: Turn, order_id: str) -> Document | None:
    order = turn.transaction.get(orders.KIND, order_id)
    return next(iter(orders.captures_of(turn, order)), None) if order else None
