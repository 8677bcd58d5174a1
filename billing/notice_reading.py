"""What the books know of a notice that is to be sent: whom it tells, and what it may say.

Functions take a connection and never commit. A contact is read here and handed on; it is kept nowhere else.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from billing import customers, dunning_books, dunning_history, invoice_books, plan_books, subscription_books
from billing.customers import Contact, Customer
from billing.dunning.notice_ladder import Template
from billing.dunning.notices import notices_due
from billing.invoices import PAYABLE, Invoice
from billing.notices.facts import NoticeFacts, Reader, facts_of


class Telling(NamedTuple):
    """Whom a notice tells, and what."""

    customer_id: str
    email: str | None
    """None where none is known, or it was erased."""
    facts: NoticeFacts
    is_due: bool
    """Whether the ladder still wants it: what was paid meanwhile, or told by a later step, does not."""


async def of_invoice(
    connection: AsyncConnection, invoice_id: str, key: str, template: Template, *, merchant: str, now: datetime
) -> Telling:
    """Read what is told of an unpaid invoice now; raises UnknownId where it is not recovered."""
    dunning = await dunning_books.known(connection, invoice_id)
    policy = await dunning_books.policy_of(connection, dunning)
    history = await dunning_history.history(connection, dunning)
    invoice = await invoice_books.known(connection, invoice_id)
    customer = await customers.known(connection, invoice.customer_id)
    contact = await customers.contact_of(connection, customer.customer_id)
    is_owed = invoice.state in PAYABLE and invoice.due_minor > 0
    facts = facts_of(
        template,
        reader_of(customer, contact, merchant),
        history,
        policy,
        now,
        amount=dunning.amount if template is Template.RECOVERED or not invoice.due_minor else invoice.due,
        is_owed=is_owed,
        invoice_number=invoice.number,
        plan=await _plan_of(connection, invoice),
    )
    is_due = any(notice.key == key for notice in notices_due(history, policy, now.astimezone(UTC)))
    return Telling(customer.customer_id, contact.email if contact else None, facts, is_due)


def reader_of(customer: Customer, contact: Contact | None, merchant: str) -> Reader:
    """Return who is told, by whom."""
    return Reader(
        merchant=merchant, name=contact.name if contact else None, locale=customer.locale, zone=customer.time_zone
    )


async def _plan_of(connection: AsyncConnection, invoice: Invoice) -> str | None:
    if invoice.subscription_id is None:
        return None
    subscription = await subscription_books.known(connection, invoice.subscription_id)
    plan = await plan_books.known(connection, subscription.plan_id, subscription.plan_version)
    return plan.name
