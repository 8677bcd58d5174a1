"""The documents of charges and refunds with `--json`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from commands import ledger_documents
from commands.documents import Document
from commands.ledger_documents import EntryDocument
from ledger.answers import GatewayAnswer
from ledger.charges import Charge
from ledger.operations import Operation
from ledger.payment_methods import PaymentMethod
from ledger.record import says_nothing
from ledger.refunds import RefundView
from ledger.reports import EntryRecord
from ledger.withdrawals import TakenBack


class OperationDocument(Document):
    """One call that can move money."""

    operation_id: str
    kind: str
    gateway: str
    gateway_reference: str | None
    outcome: str | None
    decline_code: str | None
    entry_reference: str | None
    attempt: int
    amount_minor: int
    currency: str
    payment_method: str | None
    payment_reference: str | None
    target_reference: str | None
    message: str | None
    fee_minor: int | None
    fee_currency: str | None
    fee_status: str
    refund_id: str | None
    reason: str | None
    actor: str
    requested_at: datetime
    decided_at: datetime | None
    purpose: str
    compensates: str | None
    excess: bool
    authenticate: bool
    routing: dict[str, Any] | None
    customer_present: bool
    gateway_customer: str | None = Field(exclude_if=says_nothing)
    mandate: str | None = Field(exclude_if=says_nothing)
    answer: GatewayAnswer | None = Field(exclude_if=says_nothing)


class WithdrawalDocument(Document):
    """What a gateway took back of a capture by itself: a reversal, or a dispute."""

    gateway: str
    reference: str
    operation_id: str
    kind: str
    state: str
    amount_minor: int
    currency: str
    returned_minor: int
    fee_minor: int
    fee_currency: str
    withdrawn_at: datetime
    closed_at: datetime | None


class ChargeSummary(Document):
    """A charge in a list."""

    charge_id: str
    status: str
    gateway: str | None
    amount_minor: int
    currency: str
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    refund_reserved_minor: int
    withdrawn_minor: int
    customer: str
    capture_method: str
    at_expiry: str
    gateway_reason: str | None
    decline_code: str | None
    message: str | None
    action_url: str | None
    authorization_expires_at: datetime | None
    invoice: str | None
    metadata: dict[str, str]
    payment_methods: list[PaymentMethod]
    actor: str
    created_at: datetime
    updated_at: datetime
    customer_country: str | None
    confirm_by: datetime | None
    confirmed_at: datetime | None
    canceled_by: str | None
    customer_present: bool
    answer: GatewayAnswer | None = Field(exclude_if=says_nothing)
    web_ui: str


class ChargeDocument(ChargeSummary):
    """A charge with everything that happened to it."""

    operations: list[OperationDocument]
    withdrawals: list[WithdrawalDocument]
    entries: list[EntryDocument]


class StartedDocument(Document):
    """A charge that was started and not waited for."""

    charge_id: str
    web_ui: str


class RefundDocument(Document):
    """A refund."""

    refund_id: str
    charge_id: str
    status: str
    amount_minor: int | None
    currency: str | None
    operation_id: str | None
    gateway_reference: str | None
    message: str | None
    web_ui: str


def of_operation(operation: Operation, references: set[str]) -> OperationDocument:
    """Show an operation; `references` are those of the charge's journal entries."""
    posted = operation.operation_id if operation.operation_id in references else None
    names = OperationDocument.model_fields.keys() - {"entry_reference"}
    return OperationDocument(entry_reference=posted, **{name: getattr(operation, name) for name in names})


def of_withdrawal(taken: TakenBack) -> WithdrawalDocument:
    """Show a withdrawal."""
    return WithdrawalDocument(**{name: getattr(taken, name) for name in WithdrawalDocument.model_fields})


def summary(charge: Charge, web_ui: str) -> ChargeSummary:
    """Show a charge in a list."""
    return ChargeSummary(web_ui=web_ui, **_columns(charge))


def of_charge(
    charge: Charge,
    operations: Sequence[Operation],
    withdrawals: Sequence[TakenBack],
    entries: Sequence[EntryRecord],
    web_ui: str,
) -> ChargeDocument:
    """Show a charge with all that happened to it."""
    references = {entry.reference for entry in entries}
    return ChargeDocument(
        web_ui=web_ui,
        operations=[of_operation(operation, references) for operation in operations],
        withdrawals=[of_withdrawal(taken) for taken in withdrawals],
        entries=[ledger_documents.of_entry(entry) for entry in entries],
        **_columns(charge),
    )


def of_refund(view: RefundView, web_ui: str) -> RefundDocument:
    """Show a refund."""
    return RefundDocument(web_ui=web_ui, **view.model_dump())


def _columns(charge: Charge) -> dict[str, object]:
    return {name: getattr(charge, name) for name in ChargeSummary.model_fields if name != "web_ui"}
