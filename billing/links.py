"""Pay links: whoever holds one may pay its invoice or give another payment method, once, until it lapses.

Looking uses nothing up; acting does, in the transaction that writes what the customer wants, from where it wakes the process.
Functions take a connection and never commit. `now` is the caller's. They lock the customer's row, then the link's.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import customers, dunning_commands, invoice_books, methods
from billing.customers import Customer
from billing.dunning.history import Event, EventKind
from billing.dunning_tables import invoice_tries
from billing.errors import ChangeRefused, LinkOver
from billing.invoices import Invoice, InvoiceState
from billing.link_standing import Used, is_recovered, newest_try
from billing.link_tables import pay_links
from billing.methods import Method, MethodRequest
from billing.tables import payment_methods
from ledger.record import Record

INVOICE: Final = "invoice"
CUSTOMER: Final = "customer"
"""Who acts by a link, in the books."""
LIFE: Final = timedelta(days=14)
LONGEST_LIFE: Final = timedelta(days=90)
FINISHING: Final = timedelta(days=1)
"""How long a page that was opened in a link's life may be filled in after it."""
MOST_IN_A_ROW: Final = 20
"""Links that follow each other, each after a decline."""


class Use(StrEnum):
    """What a link was used for."""

    PAYMENT = "payment"
    METHOD = "method"


class PayLink(Record):
    """A link's row."""

    link_id: str
    invoice_id: str
    follows: str | None
    number: int
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    recorded_at: datetime
    used_at: datetime | None
    used_for: Use | None
    method_id: str | None
    """The one that was given, or is to pay."""
    last_try: int | None
    """Number of the newest try when it was used; -1 for none."""

    @property
    def use(self) -> Used | None:
        """When it was used, and after which try; None while it was not."""
        return None if self.used_at is None or self.last_try is None else Used(self.used_at, self.last_try)

    def is_past(self, now: datetime) -> bool:
        """Whether it has lapsed so long ago that not even its page says how the invoice stands."""
        return now >= self.expires_at + (timedelta(0) if self.used_at is None else FINISHING)

    def over(self, now: datetime) -> str | None:
        """Why nothing can be done by it any more; None while something can."""
        if self.used_at is not None:
            return "was used"
        return "has lapsed" if now >= self.expires_at else None


class Situation(NamedTuple):
    """What a link is about, locked."""

    link: PayLink
    invoice: Invoice
    customer: Customer


async def issue(
    connection: AsyncConnection, invoice_id: str, *, now: datetime, actor: str, life: timedelta = LIFE
) -> PayLink:
    """Make a link for an open invoice; raises UnknownId, and ChangeRefused where there is nothing to pay."""
    invoice = await invoice_books.known(connection, invoice_id)
    if invoice.state is not InvoiceState.OPEN:
        raise ChangeRefused(INVOICE, invoice_id, f"it is {invoice.state}: a link is issued for an open one")
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise ChangeRefused(INVOICE, invoice_id, f"a link is good for up to {LONGEST_LIFE.days} days")
    return await _written(
        connection, {"invoice_id": invoice_id, "issued_at": now, "issued_by": actor, "expires_at": now + life}
    )


async def look(connection: AsyncConnection, link_id: str) -> PayLink | None:
    """Read a link; None where there is none."""
    row = (await connection.execute(select(pay_links).where(pay_links.c.link_id == link_id))).mappings().first()
    return None if row is None else PayLink.model_validate(dict(row))


async def usable(
    connection: AsyncConnection, link_id: str, *, now: datetime, grace: timedelta = timedelta(0)
) -> Situation:
    """Lock a link by which something may be done; raises LinkOver, and ChangeRefused where there is nothing to pay."""
    link = await look(connection, link_id)
    if link is None:
        raise LinkOver("unknown", "does not exist")
    invoice = await invoice_books.known(connection, link.invoice_id)
    customer = await customers.known(connection, invoice.customer_id, lock=True)
    await connection.execute(select(pay_links.c.link_id).where(pay_links.c.link_id == link_id).with_for_update())
    link = await look(connection, link_id) or link
    why = link.over(now - grace)
    if why is not None:
        raise LinkOver(link.invoice_id, why)
    invoice = await invoice_books.known(connection, link.invoice_id)
    if invoice.state is not InvoiceState.OPEN:
        raise ChangeRefused(INVOICE, invoice.invoice_id, f"it is {invoice.state}, and nothing is left to pay")
    return Situation(link, invoice, customer)


async def pay(connection: AsyncConnection, link_id: str, method_id: str, *, now: datetime) -> PayLink:
    """Write that the customer wants to pay with a method that is there, and is there to act; the dunning's process tries it.

    Raises LinkOver, and ChangeRefused where the method is none of theirs, or nothing can be tried now.
    """
    found = await usable(connection, link_id, now=now)
    theirs = {method.method_id for method in await methods.usable(connection, found.customer.customer_id)}
    if method_id not in theirs:
        raise ChangeRefused(methods.KIND, method_id, "it is none that may be charged: choose another one")
    await _wish(connection, found.invoice.invoice_id, method_id, now)
    return await _use(connection, found.link, Use.PAYMENT, method_id, now)


async def give(connection: AsyncConnection, link_id: str, given: MethodRequest, *, now: datetime) -> PayLink:
    """Keep a method that the customer gave, before their others; a process that recovers the invoice tries it at once.

    Raises LinkOver, and ChangeRefused where it is somebody else's.
    """
    found = await usable(connection, link_id, now=now, grace=FINISHING)
    before = await _same_token(connection, given)
    if before is None:
        method, _ = await methods.add(connection, given)
    elif before.customer_id == found.customer.customer_id and before.is_usable:
        method = before
        if await is_recovered(connection, found.invoice.invoice_id):
            await _wish(connection, found.invoice.invoice_id, method.method_id, now)
    else:
        raise ChangeRefused(methods.KIND, given.method_id, "it cannot be kept: give another one")
    await methods.prefer(connection, method.method_id)
    return await _use(connection, found.link, Use.METHOD, method.method_id, now)


async def again(connection: AsyncConnection, link_id: str, *, now: datetime) -> PayLink:
    """Make the link that follows one whose payment was declined, or return the one that was made.

    Raises ChangeRefused where the payment was not declined, or enough of them were.
    """
    link = await look(connection, link_id)
    if link is None or link.used_at is None or link.last_try is None:
        raise ChangeRefused(INVOICE, link.invoice_id if link else "unknown", "this link was not used")
    newest = await newest_try(connection, link.invoice_id)
    if newest is None or newest.number <= link.last_try or newest.is_undecided:
        raise ChangeRefused(INVOICE, link.invoice_id, "its payment is not decided")
    if link.number >= MOST_IN_A_ROW:
        raise ChangeRefused(INVOICE, link.invoice_id, "too many payments were declined in a row")
    life = max(link.expires_at, now + FINISHING)
    values = {"invoice_id": link.invoice_id, "follows": link_id, "number": link.number + 1, "issued_at": now}
    values |= {"issued_by": CUSTOMER, "expires_at": life, "link_id": secrets.token_urlsafe(16)}
    # Of two that ask at once, one waits here for the other, and finds its link.
    await connection.execute(insert(pay_links).values(values).on_conflict_do_nothing(index_elements=["follows"]))
    following = select(pay_links).where(pay_links.c.follows == link_id)
    return PayLink.model_validate(dict((await connection.execute(following)).mappings().one()))


async def _wish(connection: AsyncConnection, invoice_id: str, method_id: str, now: datetime) -> None:
    """Write the command that the process acts upon; raises ChangeRefused where nothing may be tried now."""
    if not await is_recovered(connection, invoice_id):
        raise ChangeRefused(INVOICE, invoice_id, "nobody collects it just now: give a payment method instead")
    asked = Event(at=now, kind=EventKind.RETRIED_NOW, by=CUSTOMER, method=method_id, customer_present=True)
    because = "the customer pays by a link"
    await dunning_commands.note(connection, invoice_id, asked, because=because)


async def _use(connection: AsyncConnection, link: PayLink, use: Use, method_id: str, now: datetime) -> PayLink:
    newest = select(func.coalesce(func.max(invoice_tries.c.number), -1)).where(
        invoice_tries.c.invoice_id == link.invoice_id
    )
    values: dict[str, Any] = {"used_at": now, "used_for": use, "method_id": method_id}
    statement = update(pay_links).where(pay_links.c.link_id == link.link_id)
    used = statement.values(values | {"last_try": newest.scalar_subquery()}).returning(pay_links)
    return PayLink.model_validate(dict((await connection.execute(used)).mappings().one()))


async def _same_token(connection: AsyncConnection, given: MethodRequest) -> Method | None:
    statement = select(payment_methods.c.method_id).where(
        payment_methods.c.gateway == given.gateway,
        payment_methods.c.token == given.token,
        payment_methods.c.removed_at.is_(None),
        payment_methods.c.replaced_at.is_(None),
        payment_methods.c.method_id != given.method_id,
    )
    method_id = await connection.scalar(statement)
    return None if method_id is None else await methods.known(connection, method_id)


async def _written(connection: AsyncConnection, values: dict[str, Any]) -> PayLink:
    statement = insert(pay_links).values(values | {"link_id": secrets.token_urlsafe(16)}).returning(pay_links)
    return PayLink.model_validate(dict((await connection.execute(statement)).mappings().one()))
