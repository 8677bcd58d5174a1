"""The history of a dunning: all that its decisions are made from, read from where it was written."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import cards, dunning_books, gateway_outages, invoice_books, methods, notice_books, try_books
from billing.dunning import history as told
from billing.dunning.history import History, OtherTry, PaymentMethod
from billing.dunning_books import Dunning
from billing.dunning_clock import Clock
from billing.dunning_events import clock_of, commands_of, events_of
from billing.invoices import Invoice
from billing.methods import Method
from billing.payments import PaymentKind
from billing.tables import payments
from billing.tries import InvoiceTry
from ledger.money import Money

LONGEST_WINDOW = timedelta(days=180)
"""Of all ceilings: what is older counts nowhere."""
MAX_METHODS = 100
MAX_PAYMENTS = 100
MAX_OTHER_TRIES = 1000


class Read(NamedTuple):
    """A history, and the rows of which it was made."""

    history: History
    invoice: Invoice
    tries: Sequence[InvoiceTry]


async def history(connection: AsyncConnection, dunning: Dunning) -> History:
    """Read what happened to the invoice of a dunning."""
    return (await read(connection, dunning)).history


async def read(connection: AsyncConnection, dunning: Dunning) -> Read:
    """Read it with the rows that it was made of, for whoever needs those too."""
    invoice = await invoice_books.known(connection, dunning.invoice_id)
    tries = await try_books.of_invoice(connection, dunning.invoice_id)
    commands = await commands_of(connection, dunning.invoice_id)
    events = await events_of(connection, dunning, invoice, tries, commands)
    found = await methods.of_customer(connection, dunning.customer_id, gone=True)
    clock = clock_of(dunning, tries, commands)
    owed = invoice.due if invoice.due_minor else dunning.amount
    history = History(
        invoice=told.Invoice(invoice_id=dunning.invoice_id, amount=owed, failed_at=dunning.failed_at),
        customer=await dunning_books.debtor_of(connection, invoice),
        methods=_methods(found, clock),
        tries=tuple(tried.as_tried() for tried in tries),
        other_tries=await _other_tries(connection, dunning, found, tries),
        payments=await _payments(connection, dunning, tries),
        events=tuple(events),
        outages=await _outages(connection, dunning, found, clock),
        notices=tuple(notice.as_sent for notice in await notice_books.claimed_of(connection, dunning.invoice_id)),
    )
    return Read(history, invoice, tries)


def _methods(found: Sequence[Method], clock: Clock) -> tuple[PaymentMethod, ...]:
    """Return the methods in the customer's order, and behind them those that are gone.

    What takes another's place is new from then on, and so is a card that its network renewed.
    """
    put_in_place = {method.replaced_by: method.replaced_at for method in found if method.replaced_at is not None}
    ordered = sorted(found, key=lambda method: method.is_gone)
    made = []
    for method in ordered[:MAX_METHODS]:
        gone_at = method.removed_at or method.replaced_at
        renewed_at = max(filter(None, (put_in_place.get(method.method_id), method.renewed_at)), default=None)
        made.append(
            PaymentMethod(
                method_id=method.method_id,
                gateway=method.gateway,
                fingerprint=method.card,
                network=method.brand,
                country=method.country,
                funding=method.funding,
                expires=f"{method.expires_on:%Y-%m}" if method.expires_on is not None else None,
                added_at=clock.of(method.added_at),
                replaced_at=clock.of(renewed_at) if renewed_at is not None else None,
                removed_at=clock.of(gone_at) if gone_at is not None else None,
                never=method.is_never,
            )
        )
    return tuple(made)


async def _other_tries(
    connection: AsyncConnection, dunning: Dunning, found: Sequence[Method], tries: Sequence[InvoiceTry]
) -> tuple[OtherTry, ...]:
    """Return what the customer's cards were tried for beside this invoice, by whomever; what is undecided counts as a no."""
    of_cards = {method.card for method in found} | {tried.card for tried in tries}
    own = {tried.operation_id for tried in tries}
    rows = await cards.tries_of(connection, of_cards, dunning.failed_at - LONGEST_WINDOW) if of_cards else ()
    others = [row for row in rows if row.operation_id not in own]
    return tuple(
        OtherTry(
            at=row.tried_at,
            card=row.card,
            amount=Money(amount_minor=row.amount_minor, currency=row.currency),
            is_approved=row.is_approved,
            at_network=row.at_network,
            is_technical=row.is_technical,
        )
        for row in others[-MAX_OTHER_TRIES:]
    )


async def _payments(connection: AsyncConnection, dunning: Dunning, tries: Sequence[InvoiceTry]) -> tuple[datetime, ...]:
    """Return when earlier charges of the customer's succeeded, the oldest first."""
    statement = (
        select(payments.c.received_at)
        .where(
            payments.c.customer_id == dunning.customer_id,
            payments.c.kind == PaymentKind.CHARGE,
            payments.c.amount_minor > 0,
            payments.c.received_at < dunning.failed_at,
            payments.c.charge_id.not_in([tried.charge_id for tried in tries]),
        )
        .order_by(payments.c.received_at.desc())
        .limit(MAX_PAYMENTS)
    )
    return tuple(reversed((await connection.scalars(statement)).all()))


async def _outages(
    connection: AsyncConnection, dunning: Dunning, found: Sequence[Method], clock: Clock
) -> tuple[told.GatewayOutage, ...]:
    """Return the outages of the gateways of the customer's methods that were not over when dunning began."""
    gateways = {method.gateway for method in found}
    rows = await gateway_outages.of_gateways(connection, gateways, dunning.recorded_at) if gateways else ()
    return tuple(
        told.GatewayOutage(
            gateway=row.gateway,
            began_at=clock.of(row.began_at),
            ended_at=clock.of(row.ended_at) if row.ended_at is not None else None,
        )
        for row in rows
    )
