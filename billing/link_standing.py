"""How an invoice stands for the customer who looks at its pay link: what may be done, and what became of what they did."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import customers, invoice_books, methods
from billing.customers import Customer
from billing.dunning_tables import dunnings, invoice_tries
from billing.invoices import Invoice, InvoiceState
from billing.methods import Method
from ledger.charges import ChargeStatus
from ledger.database import charges

PATIENCE: Final = timedelta(minutes=10)
"""How long a process may take to begin what the customer asked for; then it waits for something itself."""
NO_MONEY: Final = frozenset(
    {
        ChargeStatus.DECLINED,
        ChargeStatus.VOIDED,
        ChargeStatus.CANCELED,
        ChargeStatus.REFUNDED,
        ChargeStatus.EXPIRED,
    }
)
"""How a charge stands that brought nothing, and will bring nothing."""


class Stage(StrEnum):
    """What a page about it says."""

    PAID = "paid"
    CLOSED = "closed"
    """Void, or written off: nobody asks for it any more."""
    OFFERED = "offered"
    """It may be paid, or another method given."""
    UNDER_WAY = "under_way"
    """A payment is being made."""
    CONFIRM = "confirm"
    """The customer's bank waits for them."""
    DECLINED = "declined"
    """What was done by this link did not bring the money."""
    KEPT = "kept"
    """The method is kept; nothing is tried just now."""


class NewestTry(NamedTuple):
    """The newest try of an invoice, as far as a page tells of it."""

    number: int
    purpose: str
    status: str | None
    """Of its charge; None where there is none yet."""
    action_url: str | None

    @property
    def is_undecided(self) -> bool:
        """Whether it may still bring the money, or did."""
        return self.status not in NO_MONEY

    @property
    def waits_for_customer(self) -> bool:
        """Whether their bank asks for them."""
        return self.status == ChargeStatus.REQUIRES_ACTION and self.action_url is not None


class Used(NamedTuple):
    """When a link was used, and the number of the newest try then."""

    at: datetime
    last_try: int


class Standing(NamedTuple):
    """All that a page shows."""

    stage: Stage
    invoice: Invoice
    customer: Customer
    methods: Sequence[Method]
    may_pay: bool
    """Whether a payment with a method on file would be tried at once."""
    action_url: str | None


async def standing_of(connection: AsyncConnection, invoice_id: str, used: Used | None, *, now: datetime) -> Standing:
    """Read how an invoice stands, and what became of what was done by a link that was used."""
    invoice = await invoice_books.known(connection, invoice_id)
    customer = await customers.known(connection, invoice.customer_id)
    newest = await newest_try(connection, invoice_id)
    is_collected = await is_recovered(connection, invoice_id)
    stage = _stage(invoice, newest, used, is_collected=is_collected, now=now)
    url = newest.action_url if stage is Stage.CONFIRM and newest is not None else None
    here = await methods.of_customer(connection, customer.customer_id)
    return Standing(stage, invoice, customer, here, stage is Stage.OFFERED and is_collected, url)


async def newest_try(connection: AsyncConnection, invoice_id: str) -> NewestTry | None:
    """Read the newest try that was not withdrawn; None where there is none."""
    statement = (
        select(invoice_tries.c.number, invoice_tries.c.purpose, charges.c.status, charges.c.action_url)
        .join_from(invoice_tries, charges, charges.c.charge_id == invoice_tries.c.charge_id, isouter=True)
        .where(invoice_tries.c.invoice_id == invoice_id, invoice_tries.c.withdrawn_at.is_(None))
        .order_by(invoice_tries.c.number.desc())
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else NewestTry(*row)


async def is_recovered(connection: AsyncConnection, invoice_id: str) -> bool:
    """Whether a process recovers the invoice now."""
    statement = select(dunnings.c.invoice_id).where(dunnings.c.invoice_id == invoice_id, dunnings.c.ended_at.is_(None))
    return (await connection.execute(statement)).first() is not None


def _stage(
    invoice: Invoice, newest: NewestTry | None, used: Used | None, *, is_collected: bool, now: datetime
) -> Stage:
    match invoice.state:
        case InvoiceState.PAID:
            return Stage.PAID
        case InvoiceState.OPEN:
            pass
        case _:
            return Stage.CLOSED
    if newest is not None and newest.is_undecided:
        return Stage.CONFIRM if newest.waits_for_customer else Stage.UNDER_WAY
    if used is None:
        return Stage.OFFERED
    if newest is not None and newest.number > used.last_try:
        return Stage.DECLINED
    return Stage.UNDER_WAY if is_collected and now < used.at + PATIENCE else Stage.KEPT
