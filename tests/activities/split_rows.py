"""Rows of splits and of their legs, as tests need them."""

from datetime import UTC, datetime
from typing import Any

from ledger.charges import ChargeStatus
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.split_legs import Leg
from ledger.splits import Split, SplitLeg, SplitRequest, SplitStatus

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def usd(amount_minor: int) -> Money:
    """An amount in US dollars."""
    return Money(amount_minor=amount_minor, currency="USD")


def request(*amounts: int, **changes: Any) -> SplitRequest:
    """Ask for these amounts, each from a card of its own."""
    legs = tuple(
        SplitLeg(amount=usd(amount), payment_methods=(PaymentMethod(gateway="stripe", token="pm_card_visa"),))
        for amount in amounts
    )
    fields: dict[str, Any] = {"split_id": "sp_1", "amount": usd(sum(amounts)), "customer": "cus_1", "legs": legs}
    return SplitRequest.model_validate({**fields, "actor": "person:tester", **changes})


def split(count: int = 3, **changes: Any) -> Split:
    """The row of a split of so many legs, which was just begun."""
    asked = request(*(1000 * (number + 1) for number in range(count)))
    fields: dict[str, Any] = dict.fromkeys(Split.model_fields)
    fields |= {"split_id": "sp_1", "request": asked, "request_hash": asked.content_hash()}
    fields |= {"status": SplitStatus.PROCESSING, "currency": "USD", "amount_minor": asked.amount.amount_minor}
    fields |= {"created_at": NOW, "updated_at": NOW}
    return Split.model_validate(fields | changes)


def leg(number: int, status: ChargeStatus | None = None, **changes: Any) -> Leg:
    """A leg whose charge stands there; begun, if it is anywhere."""
    begun = None if status is None else NOW
    fields = {"number": number, "charge_id": f"sp_1.{number}", "amount_minor": 1000 * number, "started_at": begun}
    return Leg.model_validate(fields | {"status": status} | changes)
