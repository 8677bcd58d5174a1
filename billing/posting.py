"""Posting rules of billing: from what happened to an invoice or a payment to a journal entry, one function for each fact.

The reference comes from the invoice's or the payment's id, so that the same fact can be posted only once. What a charge
collected for an invoice is posted by the charge itself.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from billing.invoices import Invoice, InvoiceLine
from billing.payments import Payment
from ledger.accounts import Account, AccountType, Side, bad_debt, bank, customer_credit, receivable
from ledger.entries import Entry, Line, credit, debit
from ledger.money import Money


def issued(invoice: Invoice, lines: Sequence[InvoiceLine], *, event_at: datetime, actor: str) -> Entry | None:
    """Book what the customer owes from now on, and what each line earns; None where it comes to nothing.

    Reference `invoice/{invoice_id}:issued`.
    """
    owed = _issued_lines(invoice, lines)
    if not owed:
        return None
    words = f"invoice {invoice.number} issued: {invoice.total}"
    return _of_invoice(invoice, "issued", "invoice_issued", words, owed, event_at=event_at, actor=actor)


def voided(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, event_at: datetime, actor: str, because: str
) -> Entry | None:
    """Undo "issued" in full; reference `invoice/{invoice_id}:voided`."""
    owed = _issued_lines(invoice, lines)
    if not owed:
        return None
    undone = tuple(line.reversed() for line in owed)
    words = f"invoice {invoice.number} void: {because}"
    issue = _reference(invoice, "issued")
    return _of_invoice(
        invoice, "voided", "invoice_voided", words, undone, event_at=event_at, actor=actor, reverses=issue
    )


def written_off(invoice: Invoice, *, event_at: datetime, actor: str, because: str) -> Entry:
    """Book what is still due as bad debt; reference `invoice/{invoice_id}:written_off`."""
    lines = (debit(bad_debt(), invoice.due), credit(receivable(invoice.customer_id), invoice.due))
    words = f"invoice {invoice.number} written off, {invoice.due} of it: {because}"
    return _of_invoice(invoice, "written_off", "invoice_written_off", words, lines, event_at=event_at, actor=actor)


def recovered(invoice: Invoice, money: Money, application_id: int, *, event_at: datetime, actor: str) -> Entry:
    """Take back so much of the write-off as was paid after it; below zero, write off again what was given back.

    Reference `invoice/{invoice_id}:recovered:{application_id}`.
    """
    amount = Money(amount_minor=abs(money.amount_minor), currency=money.currency)
    lines = (debit(receivable(invoice.customer_id), amount), credit(bad_debt(), amount))
    words = f"{amount} of invoice {invoice.number} recovered after it was written off"
    if money.amount_minor < 0:
        lines = (debit(bad_debt(), amount), credit(receivable(invoice.customer_id), amount))
        words = f"{amount} of invoice {invoice.number}, recovered before, is lost again"
    name = f"recovered:{application_id}"
    return _of_invoice(invoice, name, "invoice_recovered", words, lines, event_at=event_at, actor=actor)


def received(payment: Payment, *, actor: str) -> Entry:
    """Book money that came from outside; reference `payment/{payment_id}`."""
    money = payment.money(payment.amount_minor)
    return Entry(
        reference=f"payment/{payment.payment_id}",
        rule="payment_received",
        description=f"received {money} at {payment.bank}, reference {payment.reference}",
        event_at=payment.received_at,
        actor=actor,
        lines=(debit(bank(payment.bank or ""), money), credit(receivable(payment.customer_id), money)),
    )


def returned(payment: Payment, *, event_at: datetime, actor: str, because: str) -> Entry:
    """Undo "received" in full, where the money went back or never came; reference `payment/{payment_id}:returned`."""
    reference = f"payment/{payment.payment_id}"
    return Entry(
        reference=f"{reference}:returned",
        rule="payment_returned",
        description=f"{payment.money(payment.amount_minor)} at {payment.bank} returned: {because}",
        event_at=event_at,
        actor=actor,
        lines=tuple(line.reversed() for line in received(payment, actor=actor).lines),
        reverses=reference,
    )


def credit_changed(payment: Payment, change_minor: int, *, event_at: datetime, actor: str) -> Entry:
    """Move what a payment left over to the customer's credit, or, below zero, back from it.

    Reference `payment/{payment_id}:credit:{changes}`.
    """
    money = payment.money(abs(change_minor))
    owed, kept = receivable(payment.customer_id), customer_credit(payment.customer_id)
    lines, words = (debit(owed, money), credit(kept, money)), "left over, and kept as credit"
    if change_minor < 0:
        lines, words = (debit(kept, money), credit(owed, money)), "no longer credit"
    return Entry(
        reference=f"payment/{payment.payment_id}:credit:{payment.changes}",
        rule="customer_credit",
        description=f"{money} of payment {payment.payment_id} {words}",
        event_at=event_at,
        actor=actor,
        lines=lines,
    )


def earned(code: str) -> Account:
    """Return the account that a line earns to."""
    kind = AccountType.REVENUE if code.startswith("revenue:") else AccountType.LIABILITY
    return Account(code=code, type=kind, normal_side=Side.CREDIT)


def _issued_lines(invoice: Invoice, lines: Sequence[InvoiceLine]) -> tuple[Line, ...]:
    """Debit the customer the total, and credit each account what its lines sum to."""
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.earns_to] += line.amount_minor
    moved = [(receivable(invoice.customer_id), invoice.total_minor)]
    moved += [(earned(code), -minor) for code, minor in sorted(sums.items())]
    return tuple(
        (debit if minor > 0 else credit)(account, invoice.money(abs(minor))) for account, minor in moved if minor
    )


def _of_invoice(
    invoice: Invoice,
    name: str,
    rule: str,
    words: str,
    lines: tuple[Line, ...],
    *,
    event_at: datetime,
    actor: str,
    reverses: str | None = None,
) -> Entry:
    return Entry(
        reference=_reference(invoice, name),
        rule=rule,
        description=words,
        event_at=event_at,
        actor=actor,
        lines=lines,
        reverses=reverses,
    )


def _reference(invoice: Invoice, name: str) -> str:
    return f"invoice/{invoice.invoice_id}:{name}"
