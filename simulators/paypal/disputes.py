"""Disputes: a payer, or their bank, contests a capture. The setting `dispute_course` says what that does to the money.

`chargeback`: taken at once, with a fee. `hold`: set aside, and taken with a fee when the dispute is lost. `inquiry`:
left alone until then. Nobody answers a dispute here; how it ends is told through the control interface.
"""

from simulators.paypal import captures, dispute_views, events, identifiers, orders
from simulators.paypal.amounts import FIXED_FEES, Amount, from_iso_minor
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "dispute"
MOVEMENT = "dispute_movement"
CHARGEBACK, HOLD, INQUIRY = "chargeback", "hold", "inquiry"
COURSES = (CHARGEBACK, HOLD, INQUIRY)
FEE_IN_FIXED_PARTS = 40
"""The fee of a dispute, as a multiple of the fixed part of a payment's: 19.60 USD."""
CODES = {
    ("DISPUTE_SETTLEMENT", CHARGEBACK): ("T1201", "T1202"),
    ("DISPUTE_SETTLEMENT", HOLD): ("T1106", "T1106"),
    ("DISPUTE_SETTLEMENT", INQUIRY): ("T1106", "T1106"),
    ("HOLD_PLACED", HOLD): ("T1110", "T1110"),
    ("HOLD_RELEASED", HOLD): ("T1111", "T1111"),
    ("CHARGEBACK_FEE", CHARGEBACK): ("T0106", "T0106"),
    ("DISPUTE_FEE", HOLD): ("T0106", "T0106"),
    ("DISPUTE_FEE", INQUIRY): ("T0106", "T0106"),
}
"""Event codes of the transaction search for what goes out and for what comes in.
https://developer.paypal.com/docs/reports/reference/tcodes/"""


def open_dispute(turn: Turn, payment_id: str, amount_minor: int | None) -> str:
    """Contest what an order (or the capture of this id) captured; returns the dispute's id. Raises LookupError, ValueError."""
    capture = orders.paid_capture(turn, payment_id)
    left = captures.left_of(capture)
    amount = left if amount_minor is None else from_iso_minor(amount_minor, left.currency)
    if not 0 < amount.units <= left.units:
        raise ValueError(f"{payment_id} has {left.value()} {left.currency} left: {amount.value()} cannot be disputed")
    course = turn.setting("dispute_course")
    dispute: Document = {
        "id": identifiers.dispute(),
        "capture_id": capture["id"],
        "order_id": capture["order_id"],
        "units": amount.units,
        "currency": amount.currency,
        "course": course,
        "status": "UNDER_REVIEW" if course == CHARGEBACK else "WAITING_FOR_SELLER_RESPONSE",
        "outcome": None,
        "refunded_units": 0,
        "movements": [],
        "created": turn.now,
        "updated": turn.now,
    }
    _count(turn, capture, amount.units, opened=1)
    if course != INQUIRY:
        _move(turn, dispute, "HOLD_PLACED" if course == HOLD else "DISPUTE_SETTLEMENT", -amount.units)
        _took_effect(turn, "dispute", dispute, amount)
    if course == CHARGEBACK:
        _charge_fee(turn, dispute, "CHARGEBACK_FEE")
    turn.save(KIND, dispute, {"capture_id": capture["id"]})
    events.announce(turn, "CUSTOMER.DISPUTE.CREATED", dispute_views.whole(turn, dispute))
    return str(dispute["id"])


def close_dispute(turn: Turn, dispute_id: str, *, won: bool, returned_minor: int | None) -> None:
    """Decide it; of one that is lost, a part may come back. Raises LookupError, ValueError."""
    dispute = turn.transaction.get(KIND, dispute_id)
    if dispute is None:
        raise LookupError(f"there is no dispute {dispute_id}")
    if dispute["status"] == "RESOLVED":
        raise ValueError(f"{dispute_id} is decided already")
    whole = Amount(dispute["units"], dispute["currency"])
    returned = _returned(whole, won=won, returned_minor=returned_minor)
    # PayPal tells that a case moves on before it tells how it ended.
    turn.change(KIND, dispute, status="UNDER_REVIEW")
    events.announce(turn, "CUSTOMER.DISPUTE.UPDATED", dispute_views.whole(turn, dispute))
    _settle(turn, dispute, returned, won=won)
    capture = turn.find(captures.KIND, dispute["capture_id"])
    _count(turn, capture, -returned.units, opened=-1)
    turn.change(
        KIND,
        dispute,
        status="RESOLVED",
        outcome="RESOLVED_SELLER_FAVOUR" if won else "RESOLVED_BUYER_FAVOUR",
        refunded_units=whole.units - returned.units,
    )
    events.announce(turn, "CUSTOMER.DISPUTE.RESOLVED", dispute_views.whole(turn, dispute))


def _count(turn: Turn, capture: Document, units: int, *, opened: int) -> None:
    """Let a capture know how much of it is disputed, or lost, and how many cases are open."""
    turn.change(
        captures.KIND,
        capture,
        disputed_units=capture.get("disputed_units", 0) + units,
        open_disputes=capture.get("open_disputes", 0) + opened,
    )


def _returned(whole: Amount, *, won: bool, returned_minor: int | None) -> Amount:
    if won:
        if returned_minor is not None:
            raise ValueError("all comes back of a dispute that is won: give no returned_minor")
        return whole
    returned = from_iso_minor(returned_minor or 0, whole.currency)
    if not 0 <= returned.units < whole.units:
        raise ValueError(f"the dispute is about {whole.value()}: {returned.value()} is no part of it")
    return returned


def _settle(turn: Turn, dispute: Document, returned: Amount, *, won: bool) -> None:
    whole, course = Amount(dispute["units"], dispute["currency"]), dispute["course"]
    match course:
        case "chargeback":
            if returned.units:
                _move(turn, dispute, "DISPUTE_SETTLEMENT", returned.units)
        case "hold" if won:
            _move(turn, dispute, "HOLD_RELEASED", whole.units)
        case "hold":
            # The search lists the hold's end too; the dispute itself shows the settlement only.
            _record(turn, dispute, "T1111", whole.units)
            _move(turn, dispute, "DISPUTE_SETTLEMENT", returned.units - whole.units)
        case "inquiry" if not won:
            _move(turn, dispute, "DISPUTE_SETTLEMENT", returned.units - whole.units)
            _took_effect(turn, "dispute", dispute, whole.minus(returned))
    if course != INQUIRY and returned.units:
        _took_effect(turn, "dispute_returned", dispute, returned)
    if course != CHARGEBACK and not won:
        _charge_fee(turn, dispute, "DISPUTE_FEE")


def _charge_fee(turn: Turn, dispute: Document, reason: str) -> None:
    fee = Amount(FIXED_FEES[dispute["currency"]] * FEE_IN_FIXED_PARTS, dispute["currency"])
    _move(turn, dispute, reason, -fee.units)
    _took_effect(turn, "dispute_fee", dispute, fee)


def _move(turn: Turn, dispute: Document, reason: str, units: int) -> None:
    """Note that money went (negative) or came, on the dispute and on the account."""
    dispute["movements"].append({"reason": reason, "units": units, "at": turn.now})
    out, back = CODES[reason, dispute["course"]]
    _record(turn, dispute, out if units < 0 else back, units)


def _record(turn: Turn, dispute: Document, code: str, units: int) -> None:
    capture = turn.find(captures.KIND, dispute["capture_id"])
    movement = {
        "id": identifiers.money_object(),
        "capture_id": capture["id"],
        "code": code,
        "status": "COMPLETED",
        "units": units,
        "currency": dispute["currency"],
        "invoice_id": capture["invoice_id"],
        "custom_id": capture["custom_id"],
        "created": turn.now,
        "updated": turn.now,
    }
    turn.save(MOVEMENT, movement)


def _took_effect(turn: Turn, kind: str, dispute: Document, amount: Amount) -> None:
    turn.effect(kind, amount, dispute, operation_id=None, request_id=None)
