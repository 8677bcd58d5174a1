"""Invoices: lines, the total, where an invoice stands, and what may be done with it from there.

The state is no field that somebody sets: it follows from what happened (`state_of`), and PostgreSQL computes it alike.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, model_validator

from ledger.accounts import CODE_PATTERN
from ledger.adjustment_requests import WORDS_PATTERN
from ledger.entries import MAX_LINES
from ledger.money import MAX_AMOUNT_MINOR, CurrencyCode, Money
from ledger.record import Identifier, Record, Text, content_hash

EARNED: Final = ("revenue", "liability", "tax")
"""First parts of the accounts that a line may earn to: at once, later as deferred revenue, or for the tax office."""
MAX_INVOICE_LINES: Final = MAX_LINES - 1
"""Each may earn to an account of its own; one line of the entry is the customer's."""

SERIES: Final = r"^[A-Z0-9]{1,12}$"
"""Form of a series of numbers: `INV`, `2027`."""

Words = Annotated[Text, Field(pattern=WORDS_PATTERN, max_length=300)]
"""One line that says something; it names no person."""


class InvoiceState(StrEnum):
    """Where an invoice stands."""

    DRAFT = "draft"
    """Nothing is owed yet; it has no number."""
    OPEN = "open"
    """Issued, numbered, and owed."""
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    """Written off as bad debt; what is paid of it later is recovered."""
    VOID = "void"
    """Called off: nothing is owed of it, and nothing ever will be."""


class Action(StrEnum):
    """What a person or a process may do with an invoice."""

    FINALIZE = "finalize"
    VOID = "void"
    WRITE_OFF = "write off"


ALLOWED: Final = {
    Action.FINALIZE: {InvoiceState.DRAFT},
    Action.VOID: {InvoiceState.DRAFT, InvoiceState.OPEN},
    Action.WRITE_OFF: {InvoiceState.OPEN},
}
"""From which states; paid and reopened is what money does, and nobody's command."""
PAYABLE: Final = frozenset({InvoiceState.OPEN, InvoiceState.UNCOLLECTIBLE})
"""Where money may be applied to it."""


class InvoiceLine(Record):
    """What one line asks for, in minor units of the invoice's currency; less than zero takes off what others ask for."""

    description: Words
    amount_minor: int = Field(strict=True, ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)
    earns_to: str = Field(pattern=CODE_PATTERN, max_length=200)
    """The account that it earns to: `revenue:subscriptions`, `liability:deferred_revenue`, `tax:payable`."""
    begins: date | None = None
    """The days that it is for, the last one not included."""
    ends: date | None = None

    @model_validator(mode="after")
    def _sound(self) -> "InvoiceLine":
        if self.earns_to.partition(":")[0] not in EARNED:
            raise ValueError(f"a line earns to an account of {', '.join(EARNED)}, not to {self.earns_to}")
        if (self.begins is None) != (self.ends is None) or (self.begins and self.ends and self.begins >= self.ends):
            raise ValueError("give the first day that a line is for and the day after the last, or neither")
        return self


class InvoiceRequest(Record):
    """The wish to bill a customer; the same id may come again with the same content only."""

    invoice_id: Identifier
    customer_id: Identifier
    currency: CurrencyCode
    lines: tuple[InvoiceLine, ...] = Field(max_length=MAX_INVOICE_LINES)
    due_at: AwareDatetime | None = None
    """Until when it is to be paid; without it, when it is issued."""
    subscription_id: Identifier | None = None
    period_number: int | None = None
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _billable(self) -> "InvoiceRequest":
        if not self.lines:
            raise ValueError("an invoice has at least one line")
        if not 0 <= self.total.amount_minor <= MAX_AMOUNT_MINOR:
            raise ValueError(
                f"the lines sum to {self.total}: an invoice asks for nothing or more, within a charge's limit"
            )
        return self

    @property
    def total(self) -> Money:
        """What the lines sum to."""
        return Money(amount_minor=sum(line.amount_minor for line in self.lines), currency=self.currency)

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks."""
        return content_hash(self)


class Invoice(Record):
    """An invoice's row; amounts in minor units of `currency`. What is due is the total less what is applied."""

    invoice_id: str
    customer_id: str
    currency: str
    request_hash: str
    subscription_id: str | None
    period_number: int | None
    due_at: datetime | None
    series: str | None
    sequence: int | None
    number: str | None
    """As it is printed: `INV-000042`."""
    total_minor: int
    applied_minor: int
    due_minor: int
    state: InvoiceState
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

    @property
    def total(self) -> Money:
        """What it asks for."""
        return self.money(self.total_minor)

    @property
    def due(self) -> Money:
        """What is still to be paid."""
        return self.money(self.due_minor)

    def money(self, amount_minor: int) -> Money:
        """Read an amount in the invoice's currency."""
        return Money(amount_minor=amount_minor, currency=self.currency)


def state_of(
    *, is_final: bool, is_void: bool, is_written_off: bool, total_minor: int, applied_minor: int
) -> InvoiceState:
    """Return where an invoice stands by what happened to it."""
    if is_void:
        return InvoiceState.VOID
    if not is_final:
        return InvoiceState.DRAFT
    if applied_minor == total_minor:
        return InvoiceState.PAID
    return InvoiceState.UNCOLLECTIBLE if is_written_off else InvoiceState.OPEN


def why_not(invoice: Invoice, action: Action) -> str | None:
    """Say what is in the way of an action; None where it may be done."""
    if invoice.state not in ALLOWED[action]:
        states = " or ".join(sorted(ALLOWED[action]))
        return f"it is {invoice.state}, and one can {action} only what is {states}"
    if action is Action.VOID and invoice.applied_minor:
        paid = invoice.money(invoice.applied_minor)
        return f"{paid} of it is paid: refund that first, or write the rest off"
    return None
