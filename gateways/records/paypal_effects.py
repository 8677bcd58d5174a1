"""What PayPal's objects and its transaction search say happened, as effects; pure.

PayPal keeps our operation id as `invoice_id` or `custom_id` (`custom_field` in the search); what follows from a
payment may inherit them, so a name counts only for the kind of operation that it is of.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from gateways.records.reader import Document, RecordUnreadable
from ledger.money import iso_digits
from ledger.proofs.evidence import Effect, EffectKind, Standing

NAME = "paypal"
REVERSAL = "reversal"
AUTHORIZATIONS = {
    "CREATED": Standing.HELD,
    "PARTIALLY_CAPTURED": Standing.HELD,
    "CAPTURED": Standing.USED,
    "VOIDED": Standing.RELEASED,
    "PENDING": Standing.PENDING,
}
CAPTURES = {
    "COMPLETED": Standing.DONE,
    "PARTIALLY_REFUNDED": Standing.DONE,
    "REFUNDED": Standing.DONE,
    "PENDING": Standing.PENDING,
}
REFUNDS = {
    "COMPLETED": Standing.DONE,
    "PENDING": Standing.PENDING,
    "FAILED": Standing.FAILED,
    "CANCELLED": Standing.FAILED,
}
NO_EFFECT = frozenset({"DENIED", "DECLINED", "FAILED"})
"""Of authorizations and captures: nothing was reserved or taken."""

PAYMENT_CODE = "T00"
REFUND_CODE = "T1107"
REVERSAL_CODE = "T1106"
AUTHORIZATION_CODE = "T13"
"""Transaction event codes: https://developer.paypal.com/docs/reports/reference/tcodes/"""
LONGEST_AUTHORIZATION = timedelta(days=35)
"""An authorization lapses after 29 days; PayPal may take a little longer to say so."""
SEARCH_OLD_AUTHORIZATIONS = {"S": Standing.USED, "V": Standing.RELEASED, "P": Standing.PENDING}
SEARCH_PAYMENTS = {"S": Standing.DONE, "P": Standing.PENDING}
SEARCH_REFUNDS = {"S": Standing.DONE, "P": Standing.PENDING, "V": Standing.FAILED, "D": Standing.FAILED}


class ToRead(NamedTuple):
    """An authorization, a capture or a withdrawal that the search mentions without saying enough."""

    kind: EffectKind
    reference: str
    otherwise: Effect | None = None
    """What the record tells by itself, for what cannot be read by its id."""
    charge_id: str | None = None
    """Our charge, where the record names it: the object itself may not."""


def of_order(order: Document) -> Iterator[Effect]:
    """Read all that happened to the money of an order; what was done without naming our charge is of the order's."""
    for unit in order.get("purchase_units") or []:
        payments = unit.get("payments") or {}
        for name, shape in (("authorizations", of_authorization), ("captures", of_capture), ("refunds", of_refund)):
            for found in payments.get(name) or []:
                for effect in shape(found, order["id"]):
                    yield effect if effect.charge_id else replace(effect, charge_id=_charge(unit))


def of_authorization(authorization: Document, order_id: str | None = None) -> Iterator[Effect]:
    """Read an authorization."""
    yield from _object(EffectKind.AUTHORIZE, authorization, AUTHORIZATIONS, order_id)


def of_capture(capture: Document, order_id: str | None = None) -> Iterator[Effect]:
    """Read a capture; its fee comes with its completion."""
    breakdown = capture.get("seller_receivable_breakdown")
    fee = None if breakdown is None else _fee(breakdown)
    target = _related(capture).get("authorization_id")
    yield from _object(EffectKind.CAPTURE, capture, CAPTURES, order_id, fee=fee, target_reference=target)


def of_refund(refund: Document, order_id: str | None = None) -> Iterator[Effect]:
    """Read a refund; what it says of a fee is what PayPal gave back of it.

    One that names no refund of ours is PayPal's reversal, or somebody's refund at its site: a withdrawal.
    """
    up = next((link["href"] for link in refund.get("links") or [] if link.get("rel") == "up"), "")
    fee = -_fee(refund.get("seller_payable_breakdown") or {})
    target = up.rpartition("/")[2] or None
    read = _object(EffectKind.REFUND, refund, REFUNDS, order_id, fee=fee, target_reference=target)
    yield from read if _operation(refund, EffectKind.REFUND) else chain.from_iterable(map(_withdrawn, read))


def _withdrawn(refund: Effect) -> Iterator[Effect]:
    """Tell of a refund that is none of ours: what left, and, where it failed, that as much returned."""
    if refund.standing is Standing.PENDING:
        return
    failed = refund.standing is Standing.FAILED
    withdrawal = replace(
        refund,
        kind=EffectKind.WITHDRAWAL,
        standing=Standing.DONE,
        fee_minor=0 if failed else refund.fee_minor,
        description=REVERSAL,
    )
    yield withdrawal
    if failed:
        returned_at = refund.changed_at or refund.occurred_at
        yield replace(withdrawal, kind=EffectKind.WITHDRAWAL_RETURNED, occurred_at=returned_at, fee_currency=None)


def of_transaction(found: Document, now: datetime) -> Effect | ToRead | None:
    """Read a record of the transaction search; None where it tells of no effect."""
    code, status = found["transaction_event_code"], found.get("transaction_status") or ""
    reference = found["transaction_id"]
    if code.startswith(AUTHORIZATION_CODE):
        return _searched_authorization(found, status, now)
    if code.startswith(PAYMENT_CODE) and not found["transaction_amount"]["value"].startswith("-"):
        if status == "V":
            return ToRead(EffectKind.CAPTURE, reference)
        return _record(EffectKind.CAPTURE, found, SEARCH_PAYMENTS.get(status))
    movement = _record(EffectKind.MOVEMENT, found, Standing.DONE if status == "S" else None)
    if code == REVERSAL_CODE or (code == REFUND_CODE and _operation(found, EffectKind.REFUND) is None):
        return ToRead(EffectKind.WITHDRAWAL, reference, movement, _charge(found))
    if code == REFUND_CODE:
        return _record(EffectKind.REFUND, found, SEARCH_REFUNDS.get(status))
    return movement


def _searched_authorization(found: Document, status: str, now: datetime) -> Effect | ToRead | None:
    began = moment(found["transaction_initiation_date"])
    if status == "S" and now - began < LONGEST_AUTHORIZATION:
        # The search does not say whether an authorization is still open.
        return ToRead(EffectKind.AUTHORIZE, found["transaction_id"])
    return _record(EffectKind.AUTHORIZE, found, SEARCH_OLD_AUTHORIZATIONS.get(status))


def names(found: Document) -> list[str]:
    """List our names on an object or a record, the more precise one first."""
    return [name for name in (found.get("invoice_id"), found.get("custom_id"), found.get("custom_field")) if name]


def _object(
    kind: EffectKind,
    found: Document,
    standings: dict[str, Standing],
    order_id: str | None,
    *,
    fee: int | None = 0,
    target_reference: str | None = None,
) -> Iterator[Effect]:
    status = found["status"]
    if status not in standings:
        if kind is not EffectKind.REFUND and status in NO_EFFECT:
            return
        raise RecordUnreadable(NAME, f"shows {kind} {found['id']} with the unknown status {status}")
    currency = found["amount"]["currency_code"]
    yield Effect(
        gateway=NAME,
        kind=kind,
        standing=standings[status],
        reference=found["id"],
        payment_reference=order_id or _related(found).get("order_id"),
        target_reference=target_reference,
        amount_minor=minor(found["amount"]),
        currency=currency,
        occurred_at=moment(found["create_time"]),
        operation_id=_operation(found, kind),
        charge_id=_charge(found),
        fee_minor=fee,
        fee_currency=currency,
        changed_at=moment(found["update_time"]) if found.get("update_time") else None,
    )


def _record(kind: EffectKind, found: Document, standing: Standing | None) -> Effect | None:
    if standing is None:
        return None
    amount = found["transaction_amount"]
    kept = -minor(found["fee_amount"]) if found.get("fee_amount") else 0
    is_movement = kind is EffectKind.MOVEMENT
    return Effect(
        gateway=NAME,
        kind=kind,
        standing=standing,
        reference=found["transaction_id"],
        payment_reference=found.get("paypal_reference_id") if found.get("paypal_reference_id_type") == "ODR" else None,
        target_reference=found.get("paypal_reference_id") if found.get("paypal_reference_id_type") == "TXN" else None,
        amount_minor=minor(amount) - kept if is_movement else abs(minor(amount)),
        currency=amount["currency_code"],
        occurred_at=moment(found["transaction_initiation_date"]),
        operation_id=None if is_movement else _operation(found, kind),
        charge_id=_charge(found),
        # A payment's fee is never given to us, whichever sign it is shown with.
        fee_minor=abs(kept) if kind is EffectKind.CAPTURE else 0 if is_movement else kept,
        fee_currency=amount["currency_code"],
        changed_at=moment(found["transaction_updated_date"]) if found.get("transaction_updated_date") else None,
        description=found["transaction_event_code"] if is_movement else "",
    )


def _operation(found: Document, kind: EffectKind) -> str | None:
    return next((name for name in names(found) if f":{kind}:" in name), None)


def _charge(found: Document) -> str | None:
    """Find our charge in whichever of our names there is, inherited or not."""
    return charge_named(names(found))


def charge_named(found: Iterable[str | None]) -> str | None:
    """Find our charge in names of operations of ours."""
    for name in found:
        charge_id, separator, rest = (name or "").partition(":")
        if separator and rest.partition(":")[2].isdigit():
            return charge_id
    return None


def _related(found: Document) -> dict[str, Any]:
    return (found.get("supplementary_data") or {}).get("related_ids") or {}


def _fee(breakdown: Document) -> int:
    return minor(breakdown["paypal_fee"]) if breakdown.get("paypal_fee") else 0


def minor(amount: Document) -> int:
    """Turn PayPal's major units into ISO 4217 minor units: forints come without decimals, and have two."""
    scaled = Decimal(amount["value"]).scaleb(iso_digits(amount["currency_code"]))
    if scaled != scaled.to_integral_value():
        raise RecordUnreadable(NAME, f"shows {amount['value']} {amount['currency_code']}, which is no whole amount")
    return int(scaled)


def moment(text: str) -> datetime:
    """Read a time of PayPal's; raises ValueError where it has no time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} names no time zone")
    return moment
