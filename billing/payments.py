"""Payments: money that came in for invoices, by a charge of ours or from outside, such as a bank transfer.

The amount of a charge's payment is what the charge's own entries left on the customer's account in the books, so what is
refunded or taken back by the gateway makes it smaller. What is not applied to an invoice is the customer's credit.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from ledger.money import Chargeable, Money
from ledger.record import Identifier, Record, Text, content_hash


class PaymentKind(StrEnum):
    """Where the money came from."""

    CHARGE = "charge"
    OUTSIDE = "outside"


class OutsidePayment(Record):
    """Money that was received outside of any gateway of ours; it pays the invoices named, or the oldest first."""

    payment_id: Identifier
    customer_id: Identifier
    amount: Chargeable
    bank: Identifier
    """Whose account `bank:{bank}` it is on."""
    reference: Identifier
    """By which the bank's statement names it; one payment is recorded once for each bank and reference."""
    received_at: AwareDatetime
    invoices: tuple[Identifier, ...] = Field(default=(), max_length=100)
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    def content_hash(self) -> str:
        """Identify what came in, whoever says so."""
        return content_hash(self)


class Payment(Record):
    """A payment's row; amounts in minor units of `currency`."""

    payment_id: str
    """`outside/{id}`, or `charge/{charge_id}`."""
    kind: PaymentKind
    customer_id: str
    currency: str
    charge_id: str | None
    bank: str | None
    reference: str | None
    request_hash: str | None
    amount_minor: int
    """Of a charge, below zero where more was given back than had come."""
    applied_minor: int
    changes: int
    """How often its credit changed; each change has an entry of its own."""
    received_at: datetime
    recorded_at: datetime
    recorded_by: str
    returned_at: datetime | None
    """When money from outside went back, or turned out not to have come: the amount is 0 from then on."""
    returned_by: str | None
    returned_because: str | None

    @property
    def free_minor(self) -> int:
        """What is applied to no invoice: the customer's credit."""
        return max(self.amount_minor, 0) - self.applied_minor

    def money(self, amount_minor: int) -> Money:
        """Read an amount in the payment's currency."""
        return Money(amount_minor=amount_minor, currency=self.currency)


def outside_id(payment_id: str) -> str:
    """Name a payment from outside."""
    return f"outside/{payment_id}"


def charge_payment_id(charge_id: str) -> str:
    """Name the payment of a charge."""
    return f"charge/{charge_id}"
