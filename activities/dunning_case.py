"""Reads all that is known of an unpaid invoice, for whoever asks what is to be done: its process, and people who look at it."""

from activities.dunning_outlook import Case
from billing import access_books, dunning_books, dunning_history
from billing.dunning.history import TryOutcome
from billing.dunning_books import Dunning
from ledger.database import Connection


async def case_of(connection: Connection, dunning: Dunning) -> Case:
    """Read it: of one state of the books where the connection reads one."""
    read = await dunning_history.read(connection, dunning)
    told = await access_books.told_of(connection, dunning.invoice_id)
    last = read.tries[-1] if read.tries else None
    return Case(
        history=read.history,
        policy=await dunning_books.policy_of(connection, dunning),
        policy_name=dunning.policy,
        due=read.invoice.due,
        told=told[-1].access if told else None,
        next_number=last.number + 1 if last is not None else 1,
        open_try=last.charge_id if last is not None and last.outcome is TryOutcome.UNDECIDED else None,
    )
