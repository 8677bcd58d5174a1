"""Reads all that is known of an unpaid invoice, for whoever asks what is to be done: its process, and people who look at it."""

from activities.dunning_outlook import Case
from billing import access_books, dunning_books, dunning_history, invoice_books, try_books
from billing.dunning.history import TryOutcome
from billing.dunning_books import Dunning
from ledger.database import Connection


async def case_of(connection: Connection, dunning: Dunning) -> Case:
    """Read it in one state of the books."""
    invoice = await invoice_books.known(connection, dunning.invoice_id)
    tries = await try_books.of_invoice(connection, dunning.invoice_id)
    told = await access_books.told_of(connection, dunning.invoice_id)
    last = tries[-1] if tries else None
    return Case(
        history=await dunning_history.history(connection, dunning),
        policy=await dunning_books.policy_of(connection, dunning),
        policy_name=dunning.policy,
        due=invoice.due,
        told=told[-1].access if told else None,
        next_number=last.number + 1 if last is not None else 1,
        open_try=last.charge_id if last is not None and last.outcome is TryOutcome.UNDECIDED else None,
    )
