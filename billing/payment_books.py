"""Payments in the database and in the journal: from outside, and what charges collected for invoices.

Functions take a connection and never commit: the caller's transaction is the step. Each posts at most once, and last, so call
one of them in a transaction. They lock the customer's row first.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import applications, customers, invoice_books, posting
from billing.customers import Customer
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.invoices import PAYABLE, Invoice
from billing.payments import OutsidePayment, Payment, PaymentKind, charge_payment_id, outside_id
from billing.tables import payments
from ledger import charges, journal
from ledger.accounts import Side, receivable
from ledger.charges import Charge
from ledger.database import accounts, lines

KIND = "payment"


async def record_outside(connection: AsyncConnection, received: OutsidePayment) -> tuple[Payment, bool]:
    """Book money from outside and close what it closes, or return the payment of this id and content, and whether it is new.

    It pays the invoices named, in their order, else the open ones, the one due longest first; the rest is the customer's
    credit. Raises IdConflict where the id stands for other content, ChangeRefused where the bank's reference was used.
    """
    payment_id = outside_id(received.payment_id)
    customer = await customers.known(connection, received.customer_id, lock=True)
    _require_currency(payment_id, received.amount.currency, customer)
    named = await _named(connection, payment_id, customer, received.invoices)
    due = named if received.invoices else await invoice_books.open_of(connection, customer.customer_id)
    values = {
        "payment_id": payment_id,
        "kind": PaymentKind.OUTSIDE,
        **received.model_dump(include={"customer_id", "bank", "reference", "received_at"}),
        "currency": received.amount.currency,
        "request_hash": received.content_hash(),
        "amount_minor": received.amount.amount_minor,
        "recorded_by": received.actor,
    }
    statement = insert(payments).values(values).on_conflict_do_nothing().returning(payments)
    row = (await connection.execute(statement)).mappings().first()
    if row is None:
        return await _recorded(connection, payment_id, received), False
    payment = applications.payment_of(row)
    entries = [posting.received(payment, actor=received.actor)]
    entries += await applications.settle(
        connection, payment, payment.amount_minor, due, free_before_minor=0, actor=received.actor
    )
    await journal.post(connection, entries)
    return await known(connection, payment_id), True


async def apply_charge(
    connection: AsyncConnection, charge_id: str, *, actor: str, invoices: Sequence[str] = ()
) -> Payment | None:
    """Apply what a charge has collected to its invoice, or to those named, and take back what was given back of it.

    State follows the charge's own entries, so any number of calls, in any order with its captures and refunds, end the same.
    None where nothing has come in. Raises UnknownCharge, UnknownId, and ChangeRefused for another customer's invoice.
    """
    charge = await charges.known(connection, charge_id)
    if charge.invoice is None:
        raise ChangeRefused("charge", charge_id, "it names no invoice: what it collects is revenue at once")
    payment_id = charge_payment_id(charge_id)
    customer = await customers.known(connection, charge.customer, lock=True)
    _require_currency(payment_id, charge.currency, customer)
    due = await _named(connection, payment_id, customer, invoices or (charge.invoice,))
    came_minor, first_at = await _collected(connection, charge)
    if first_at is None:
        return None
    values = {
        "payment_id": payment_id,
        "kind": PaymentKind.CHARGE,
        "customer_id": charge.customer,
        "currency": charge.currency,
        "charge_id": charge_id,
        "amount_minor": 0,
        "received_at": first_at,
        "recorded_by": actor,
    }
    await connection.execute(insert(payments).values(values).on_conflict_do_nothing())
    payment = await known(connection, payment_id)
    entries = await applications.settle(
        connection, payment, came_minor, due, free_before_minor=payment.free_minor, actor=actor
    )
    await journal.post(connection, entries)
    return await known(connection, payment_id)


async def give_back(connection: AsyncConnection, payment_id: str, *, actor: str, because: str) -> Payment:
    """Book that money from outside went back, or never came: what it had closed is open again. A second time changes nothing.

    Raises UnknownId, and ChangeRefused for a charge, which is refunded instead.
    """
    payment = await known(connection, payment_id)
    if payment.kind is PaymentKind.CHARGE:
        raise ChangeRefused(KIND, payment_id, f"it is a charge: refund it with `refund {payment.charge_id}`")
    await customers.known(connection, payment.customer_id, lock=True)
    payment = await known(connection, payment_id)
    if payment.returned_at is not None:
        return payment
    now = datetime.now(UTC)
    facts = {"returned_at": now, "returned_by": actor, "returned_because": because}
    await connection.execute(update(payments).where(payments.c.payment_id == payment_id).values(facts))
    kept = payment.free_minor
    entries = await applications.settle(connection, payment, 0, [], free_before_minor=kept, actor=actor)
    # What was kept as credit is taken back first, and only then what was received.
    entries.append(posting.returned(payment, event_at=now, actor=actor, because=because))
    await journal.post(connection, entries)
    return await known(connection, payment_id)


async def known(connection: AsyncConnection, payment_id: str) -> Payment:
    """Read a payment that must exist; raises UnknownId."""
    row = (await connection.execute(select(payments).where(payments.c.payment_id == payment_id))).mappings().first()
    if row is None:
        raise UnknownId(KIND, payment_id)
    return applications.payment_of(row)


async def of_customer(connection: AsyncConnection, customer_id: str) -> Sequence[Payment]:
    """List what a customer paid, newest first."""
    statement = select(payments).where(payments.c.customer_id == customer_id)
    statement = statement.order_by(payments.c.received_at.desc(), payments.c.payment_id).limit(charges.MAX_LISTED)
    return [applications.payment_of(row) for row in (await connection.execute(statement)).mappings()]


async def _recorded(connection: AsyncConnection, payment_id: str, received: OutsidePayment) -> Payment:
    """Return the payment that is there already, if it is the same one."""
    try:
        payment = await known(connection, payment_id)
    except UnknownId:
        why = f"reference {received.reference} at {received.bank} is recorded as another payment already"
        raise ChangeRefused(KIND, payment_id, why) from None
    if payment.request_hash != received.content_hash():
        raise IdConflict(KIND, payment_id)
    return payment


async def _named(
    connection: AsyncConnection, payment_id: str, customer: Customer, names: Sequence[str]
) -> Sequence[Invoice]:
    """Read the invoices that are named; those on which nothing can be paid are left out."""
    found = [await invoice_books.known(connection, name) for name in dict.fromkeys(names)]
    for invoice in found:
        if invoice.customer_id != customer.customer_id:
            why = f"invoice {invoice.invoice_id} is not of customer {customer.customer_id}: name one that is"
            raise ChangeRefused(KIND, payment_id, why)
    return [invoice for invoice in found if invoice.state in PAYABLE]


async def _collected(connection: AsyncConnection, charge: Charge) -> tuple[int, datetime | None]:
    """Return what the charge's entries left on the customer's account, and when the first of them happened."""
    change = case((lines.c.side == Side.CREDIT, lines.c.amount_minor), else_=-lines.c.amount_minor)
    statement = select(func.coalesce(func.sum(change), 0), func.min(lines.c.event_at))
    statement = statement.join_from(lines, accounts, lines.c.account_id == accounts.c.account_id).where(
        lines.c.charge_id == charge.charge_id,
        accounts.c.code == receivable(charge.customer).code,
        accounts.c.currency == charge.currency,
    )
    came_minor, first_at = (await connection.execute(statement)).one()
    return int(came_minor), first_at


def _require_currency(payment_id: str, currency: str, customer: Customer) -> None:
    if currency != customer.currency:
        why = f"it is in {currency}, and customer {customer.customer_id} is billed in {customer.currency}"
        raise ChangeRefused(KIND, payment_id, why)
