"""The documents of the `invoices` commands with `--json`."""

from collections.abc import Sequence
from datetime import date, datetime

from billing.applications import Application
from billing.invoices import Invoice, InvoiceLine, InvoiceState
from billing.links import PayLink
from billing.payments import Payment, PaymentKind
from billing.receivables import Difference
from commands.documents import Document


class InvoiceDocument(Document):
    """An invoice."""

    invoice_id: str
    number: str | None
    state: InvoiceState
    customer_id: str
    currency: str
    total_minor: int
    applied_minor: int
    due_minor: int
    due_at: datetime | None
    subscription_id: str | None
    period_number: int | None
    created_at: datetime
    created_by: str
    finalized_at: datetime | None
    finalized_by: str | None
    voided_at: datetime | None
    voided_by: str | None
    voided_because: str | None
    written_off_at: datetime | None
    written_off_by: str | None
    written_off_because: str | None


class PayLinkDocument(Document):
    """A pay link."""

    invoice_id: str
    address: str
    """Whoever has it may act by it, once."""
    issued_at: datetime
    issued_by: str
    expires_at: datetime


def of_link(made: PayLink, address: str) -> PayLinkDocument:
    """Return a link with its address."""
    return PayLinkDocument(
        invoice_id=made.invoice_id,
        address=address,
        issued_at=made.issued_at,
        issued_by=made.issued_by,
        expires_at=made.expires_at,
    )


class InvoiceLineDocument(Document):
    """A line of an invoice."""

    description: str
    amount_minor: int
    earns_to: str
    begins: date | None
    ends: date | None


class ApplicationDocument(Document):
    """What of a payment was applied to an invoice; below zero, taken back."""

    payment_id: str
    amount_minor: int
    applied_at: datetime
    applied_by: str


class InvoiceSheetDocument(InvoiceDocument):
    """An invoice with its lines and what was paid of it."""

    lines: list[InvoiceLineDocument]
    applications: list[ApplicationDocument]


class PaymentDocument(Document):
    """A payment."""

    payment_id: str
    kind: PaymentKind
    customer_id: str
    currency: str
    amount_minor: int
    applied_minor: int
    free_minor: int
    charge_id: str | None
    bank: str | None
    reference: str | None
    received_at: datetime
    recorded_at: datetime
    recorded_by: str
    returned_at: datetime | None
    returned_by: str | None
    returned_because: str | None


class DifferenceDocument(Document):
    """Something that billing and the journal do not agree on."""

    subject: str
    finding: str


def of_invoice(invoice: Invoice) -> InvoiceDocument:
    """Show an invoice."""
    return InvoiceDocument(**{name: getattr(invoice, name) for name in InvoiceDocument.model_fields})


def of_sheet(
    invoice: Invoice, lines: Sequence[InvoiceLine], applications: Sequence[Application]
) -> InvoiceSheetDocument:
    """Show an invoice whole."""
    applied = [
        ApplicationDocument(**{name: getattr(each, name) for name in ApplicationDocument.model_fields})
        for each in applications
    ]
    return InvoiceSheetDocument(
        **of_invoice(invoice).model_dump(),
        lines=[InvoiceLineDocument(**line.model_dump()) for line in lines],
        applications=applied,
    )


def of_payment(payment: Payment) -> PaymentDocument:
    """Show a payment."""
    return PaymentDocument(**{name: getattr(payment, name) for name in PaymentDocument.model_fields})


def of_difference(difference: Difference) -> DifferenceDocument:
    """Show what does not agree."""
    return DifferenceDocument(**difference.model_dump())
