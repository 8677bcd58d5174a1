"""A capture that is given back without the caller: by PayPal itself, or by a person at its site. Both look like a refund."""

from simulators.paypal import captures, orders, refunds
from simulators.paypal.amounts import from_iso_minor
from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn


def reverse(turn: Turn, payment_id: str, amount_minor: int | None) -> str:
    """Take back what an order (or the capture of this id) captured; returns the id of the reversal.

    Raises LookupError for what was not captured, ValueError for an amount that is not there.
    """
    capture = orders.paid_capture(turn, payment_id)
    left = captures.left_of(capture)
    amount = left if amount_minor is None else from_iso_minor(amount_minor, left.currency)
    if not 0 < amount.units <= left.units:
        raise ValueError(f"{payment_id} has {left.value()} {left.currency} left: {amount.value()} cannot be taken back")
    return str(refunds.reverse(turn, capture, amount)["id"])


def refund_by_hand(turn: Turn, payment_id: str, amount_minor: int | None) -> str:
    """Make a refund as at PayPal's site, without anything of the caller's but the capture's names; returns its id.

    Raises LookupError for what was not captured, ValueError for what PayPal refuses.
    """
    capture = orders.paid_capture(turn, payment_id)
    body = {}
    if amount_minor is not None:
        body["amount"] = from_iso_minor(amount_minor, capture["currency"]).wire()
    try:
        return str(refunds.refund(turn, capture, body, by_hand=True)["id"])
    except Problem as problem:
        raise ValueError(f"{payment_id} is not refunded: {problem}") from problem
