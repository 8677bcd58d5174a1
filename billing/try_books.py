"""The tries of an invoice in the database: begun once, of what is due, one after the other, and each with its card claimed.

Functions take a connection and never commit: the caller's transaction is the step. They lock the customer's row first, so that
a payment that arrives is seen, or waits.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import cards, customers, dunning_books, invoice_books, methods, payment_books, tries
from billing.cards import Asked, Verdict
from billing.customers import Customer
from billing.dunning.decision import Purpose
from billing.dunning.history import TryOutcome
from billing.dunning.standing import STRICT, standing_of
from billing.dunning_books import PROCESS, Dunning
from billing.dunning_events import commands_of, events_of
from billing.dunning_tables import invoice_tries
from billing.errors import ChangeRefused, UnknownId
from billing.invoices import Invoice, InvoiceState
from billing.methods import Method
from billing.refusals import said_of
from billing.tables import cards as card_rows
from billing.tries import CardRests, InvoiceTry, Nothing
from ledger.charges import ChargeRequest
from ledger.database import charges
from ledger.money import Money
from ledger.payment_methods import PaymentMethod

KIND = "try"
COLLECTS = "process:subscription"
"""Who makes the first try of an invoice."""
_COLUMNS = [column for column in invoice_tries.c if column.name != "card"]
_ROWS = (
    select(
        *_COLUMNS,
        func.coalesce(card_rows.c.is_now, invoice_tries.c.card).label("card"),
        charges.c.status,
        charges.c.decline_code,
        charges.c.answer,
    )
    .outerjoin(charges, charges.c.charge_id == invoice_tries.c.charge_id)
    .outerjoin(card_rows, card_rows.c.card == invoice_tries.c.card)
)


class _Case(NamedTuple):
    """An invoice under the lock of its customer's row."""

    invoice: Invoice
    customer: Customer
    made: Sequence[InvoiceTry]


class _Wish(NamedTuple):
    """A try that is asked for."""

    method_id: str
    purpose: Purpose
    now: datetime

    @property
    def is_rung(self) -> bool:
        """Whether it uses up one of the policy's tries, so that our own minimum between tries of a card binds it too."""
        return self.purpose is Purpose.RUNG


async def begin_try(
    connection: AsyncConnection,
    invoice_id: str,
    *,
    method_id: str,
    purpose: Purpose,
    now: datetime,
    number: int | None = None,
) -> ChargeRequest | CardRests | Nothing:
    """Write down that what is due is tried with a method, and return the charge to start; a card that rests is not tried.

    With `number`, as many as were tried before it (0 is the first collection), the same call again after a crash returns the
    same charge while it is not decided. Raises UnknownId.
    """
    invoice = await invoice_books.known(connection, invoice_id)
    customer = await customers.known(connection, invoice.customer_id, lock=True)
    invoice = await invoice_books.known(connection, invoice_id)
    made = await of_invoice(connection, invoice_id)
    wish = _Wish(method_id, purpose, now)
    next_number = made[-1].number + 1 if made else int(purpose is not Purpose.FIRST)
    wanted = 0 if purpose is Purpose.FIRST else number
    begun = next((each for each in made if each.number == wanted), None)
    if begun is not None:
        if begun.outcome is not TryOutcome.UNDECIDED:
            return Nothing(f"try {begun.number} of invoice {invoice_id} is decided")
        return await _request(connection, begun, customer)
    if wanted is not None and wanted != next_number:
        return Nothing(f"the next try of invoice {invoice_id} is number {next_number}")
    method = await methods.known(connection, method_id)
    case = _Case(invoice, customer, made)
    why = await _why_not(connection, case, method, wish)
    return await _begin(connection, case, method, next_number, wish) if why is None else Nothing(why)


async def withdraw_try(connection: AsyncConnection, charge_id: str, because: str) -> InvoiceTry:
    """Say that the charge of a try never came to be, so that its card was not tried; a second time changes nothing.

    Raises UnknownId, and ChangeRefused where there is a charge: that one is canceled instead.
    """
    found = await known(connection, charge_id)
    invoice = await invoice_books.known(connection, found.invoice_id)
    await customers.known(connection, invoice.customer_id, lock=True)
    found = await known(connection, charge_id)
    if found.withdrawn_at is not None:
        return found
    values = {"withdrawn_at": func.clock_timestamp(), "withdrawn_because": because}
    with said_of(KIND, charge_id):
        await connection.execute(update(invoice_tries).where(invoice_tries.c.charge_id == charge_id).values(values))
    await cards.settle(connection, found.operation_id, Verdict(approved=False, at_network=False, technical=True))
    return await known(connection, charge_id)


async def apply(connection: AsyncConnection, charge_id: str, *, actor: str) -> Money | None:
    """Apply what a charge has collected to its invoice, and return what is left over of it, to be given back."""
    payment = await payment_books.apply_charge(connection, charge_id, actor=actor)
    return payment.money(payment.free_minor) if payment is not None and payment.free_minor else None


async def of_invoice(connection: AsyncConnection, invoice_id: str) -> Sequence[InvoiceTry]:
    """List the tries of an invoice, in order."""
    statement = _ROWS.where(invoice_tries.c.invoice_id == invoice_id).order_by(invoice_tries.c.number)
    return [InvoiceTry.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


async def known(connection: AsyncConnection, charge_id: str) -> InvoiceTry:
    """Read a try that must exist, by its charge; raises UnknownId."""
    row = (await connection.execute(_ROWS.where(invoice_tries.c.charge_id == charge_id))).mappings().first()
    if row is None:
        raise UnknownId(KIND, charge_id)
    return InvoiceTry.model_validate(dict(row))


async def charge_of(connection: AsyncConnection, charge_id: str) -> ChargeRequest:
    """Return the charge of a try, as it was asked for when it was begun; raises UnknownId."""
    begun = await known(connection, charge_id)
    invoice = await invoice_books.known(connection, begun.invoice_id)
    return await _request(connection, begun, await customers.known(connection, invoice.customer_id))


def why_no_other(made: Sequence[InvoiceTry]) -> str | None:
    """Say why no other try may follow these; None where all of them came to nothing."""
    for each in made:
        if each.outcome is TryOutcome.UNDECIDED:
            return f"try {each.number}, charge {each.charge_id}, is not decided yet"
        if each.outcome is TryOutcome.APPROVED:
            return f"try {each.number}, charge {each.charge_id}, took the payment: it is {each.status}"
    return None


async def _why_not(connection: AsyncConnection, case: _Case, method: Method, wish: _Wish) -> str | None:
    """Say why there is nothing to try; None where there is."""
    invoice = case.invoice
    if invoice.state is not InvoiceState.OPEN:
        return f"invoice {invoice.invoice_id} is {invoice.state}"
    if method.customer_id != invoice.customer_id:
        raise ChangeRefused("payment method", method.method_id, f"it is not of customer {invoice.customer_id}")
    if method.is_gone:
        return f"payment method {method.method_id} was removed or replaced"
    why = why_no_other(case.made)
    if why is not None or wish.purpose is Purpose.FIRST:
        return why
    dunning = await dunning_books.get(connection, invoice.invoice_id)
    if dunning is None or dunning.ended_at is not None:
        return f"the dunning of invoice {invoice.invoice_id} {'has not begun' if dunning is None else 'is over'}"
    return await _held(connection, dunning, case, wish.now)


async def _held(connection: AsyncConnection, dunning: Dunning, case: _Case, now: datetime) -> str | None:
    """Say what fact or command has come in since the try was decided."""
    commands = await commands_of(connection, dunning.invoice_id)
    standing = standing_of(await events_of(connection, dunning, case.invoice, case.made, commands))
    if standing.over is not None:
        return f"it is over: {standing.over.replace('_', ' ')}"
    strict = {waiting_for for waiting_for, _ in STRICT.values()}
    for hold in standing.holds:
        if hold.waiting_for in strict and hold.began_at <= now < hold.until:
            return f"it is on hold: {hold.waiting_for.replace('_', ' ')}"
    return None


async def _begin(
    connection: AsyncConnection, case: _Case, method: Method, number: int, wish: _Wish
) -> ChargeRequest | CardRests:
    invoice = case.invoice
    charge_id = tries.charge_id(invoice.invoice_id, number)
    # Tries follow each other in time, whichever process's clock they are made by.
    tried_at = max([wish.now, *(each.tried_at for each in case.made)])
    asked = Asked(tries.first_operation(charge_id), charge_id, invoice.due, tried_at)
    claim = await cards.claim(
        connection, asked, card=method.card, network=method.brand, country=method.country, ours=wish.is_rung
    )
    if not claim.granted:
        return CardRests(claim.next_at, claim.why)
    values = {
        "charge_id": charge_id,
        "invoice_id": invoice.invoice_id,
        "number": number,
        "method_id": method.method_id,
        "card": method.card,
        "gateway": method.gateway,
        "network": method.brand,
        "country": method.country,
        "purpose": wish.purpose,
        "is_rung": wish.is_rung,
        "amount_minor": invoice.due_minor,
        "currency": invoice.currency,
        "tried_at": claim.next_at or tried_at,
    }
    with said_of(KIND, charge_id):
        await connection.execute(insert(invoice_tries).values(values))
    return await _request(connection, await known(connection, charge_id), case.customer)


async def _request(connection: AsyncConnection, begun: InvoiceTry, customer: Customer) -> ChargeRequest:
    """Return the charge of a try: the same each time, since it is made of what stays."""
    method = await methods.known(connection, begun.method_id)
    is_present = begun.purpose is Purpose.CUSTOMER
    with_token = PaymentMethod(
        gateway=begun.gateway,
        token=method.token,
        brand=begun.network,
        country=begun.country,
        funding=method.funding,
        gateway_customer=method.gateway_customer,
        mandate=None if is_present else method.mandate_reference,
    )
    return ChargeRequest(
        charge_id=begun.charge_id,
        amount=begun.amount,
        customer=customer.customer_id,
        payment_methods=(with_token,),
        invoice=begun.invoice_id,
        metadata={"invoice": begun.invoice_id},
        customer_country=customer.country,
        customer_present=is_present,
        actor=COLLECTS if begun.purpose is Purpose.FIRST else PROCESS,
    )
