"""The steps of dunning: each is one short database transaction, and running it again changes nothing.

What is to be done next is decided here, by the pure policy over what the database knows at that moment.
"""

from datetime import datetime

from temporalio import activity

from activities.database_errors import translated
from activities.dunning_messages import (
    AccessChange,
    BeginTry,
    DunningView,
    EndDunning,
    Moment,
    NoteEvent,
    Outlook,
    Surplus,
    TellAccess,
    TryBegun,
    WithdrawTry,
)
from activities.dunning_outlook import outlook_of
from billing import dunning_books
from billing.dunning.decision import Purpose
from billing.dunning.history import Event
from billing.dunning.policy import Policies
from ledger.database import Connection, Database

ACTOR = "process:dunning"


class DunningBooks:
    """Local activities of dunning."""

    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies

    @activity.defn(name="look_at_dunning")
    @translated
    async def look(self, moment: Moment) -> Outlook:
        """Say what is to be done now. What the newest try collected is applied to the invoice first."""
        surplus = await self._surplus(moment.invoice_id)
        async with self._database.begin() as connection:
            outlook = await _outlook(connection, moment)
        return outlook.model_copy(update={"surplus": surplus})

    @activity.defn(name="begin_try")
    @translated
    async def begin_try(self, asked: BeginTry) -> TryBegun:
        """Write a try down, under the locks of the customer and the card; the same one again while it is not decided."""
        async with self._database.begin() as connection:
            return await begun(connection, asked, ours=asked.purpose is Purpose.RUNG)

    @activity.defn(name="withdraw_try")
    @translated
    async def withdraw_try(self, withdrawn: WithdrawTry) -> None:
        """Write down that the charge of a try never came to be."""
        async with self._database.begin() as connection:
            await dunning_books.withdraw_try(connection, withdrawn.charge_id, withdrawn.because)

    @activity.defn(name="tell_access")
    @translated
    async def tell_access(self, told: TellAccess) -> None:
        """Tell what the customer may use from now on."""
        async with self._database.begin() as connection:
            await dunning_books.tell_access(connection, told.invoice_id, told.change)

    @activity.defn(name="note_dunning_event")
    @translated
    async def note(self, said: NoteEvent) -> DunningView:
        """Write down what a person said, where it does not contradict what is; return where the invoice stands then."""
        event = Event(at=said.now, kind=said.kind, until=said.until, policy=said.policy, by=said.by, method=said.method)
        async with self._database.begin() as connection:
            await dunning_books.note(connection, said.invoice_id, event, because=said.because, policies=self._policies)
        async with self._database.begin() as connection:
            return (await _outlook(connection, Moment(invoice_id=said.invoice_id, now=said.now))).view

    @activity.defn(name="end_dunning")
    @translated
    async def end(self, ended: EndDunning) -> None:
        """Carry out what the policy has for the end, of the subscription and of the invoice."""
        async with self._database.begin() as connection:
            await dunning_books.end(
                connection, ended.invoice_id, reason=ended.reason, why=ended.why, now=ended.now, actor=ACTOR
            )

    async def _surplus(self, invoice_id: str) -> Surplus | None:
        async with self._database.begin() as connection:
            taken = await dunning_books.newest_taken(connection, invoice_id)
        if taken is None:
            return None
        async with self._database.begin() as connection:
            money = await dunning_books.apply(connection, taken, actor=ACTOR)
        return None if money is None else Surplus(charge_id=taken, money=money)
