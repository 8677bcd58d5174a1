"""The steps of dunning: each is one short database transaction, and running it again changes nothing.

What is to be done next is decided here, by the pure policy over what the database knows at that moment.
"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from activities import ended_dunnings
from activities.database_errors import translated
from activities.dunning_case import case_of
from activities.dunning_messages import (
    BeginTry,
    DunningView,
    EndDunning,
    Moment,
    NextKind,
    NoteEvent,
    Outlook,
    Surplus,
    TryBegun,
    WithdrawTry,
)
from activities.dunning_outlook import Case, outlook_of
from billing import access_books, dunning_books, dunning_commands, dunning_endings, dunning_history, try_books
from billing.dunning.entitlement import entitlement_changes
from billing.dunning.history import Event, TryOutcome
from billing.dunning.policy import Policies
from billing.dunning_books import PROCESS
from billing.tries import CardRests, InvoiceTry, Nothing
from ledger import operations, snapshots
from ledger.charges import ChargeRequest
from ledger.database import Connection, Database
from ledger.refunds import undoing_refund_id

REFUNDS_WITHIN = timedelta(minutes=1)
"""From the start of a refund to its row, as a rule; its start is asked for again where there is none by then."""


class DunningBooks:
    """Local activities of dunning."""

    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies

    @activity.defn(name="look_at_dunning")
    @translated
    async def look(self, moment: Moment) -> Outlook:
        """Say what is to be done now. What the newest try collected is applied to the invoice first."""
        surplus = None
        case = await self._case(moment.invoice_id)
        if case.history.tries and case.history.tries[-1].outcome is TryOutcome.APPROVED:
            async with self._database.begin() as connection:
                surplus = await applied(connection, await try_books.of_invoice(connection, moment.invoice_id), PROCESS)
            case = await self._case(moment.invoice_id)
        outlook = outlook_of(case, moment.now)
        if outlook.next.kind is NextKind.OVER and not case.due.amount_minor:
            # It may have been paid after its end.
            async with self._database.begin() as connection:
                await dunning_endings.reinstate(connection, moment.invoice_id, now=moment.now, actor=PROCESS)
        if surplus is not None:
            # Nobody tells when its refund is written down, so that it is none any more.
            soon = moment.now + REFUNDS_WITHIN
            soon = soon if outlook.wake_at is None else min(soon, outlook.wake_at)
            outlook = outlook.model_copy(update={"surplus": surplus, "wake_at": soon})
        return outlook

    async def _case(self, invoice_id: str) -> Case:
        """Read it in one state of the books."""
        async with self._database.connect() as connection:
            dunning = await dunning_books.known(await snapshots.begun(connection), invoice_id)
            return await case_of(connection, dunning)

    @activity.defn(name="begin_try")
    @translated
    async def begin_try(self, asked: BeginTry) -> TryBegun:
        """Write a try down, under the locks of the customer and the card; the same one again while it is not decided."""
        async with self._database.begin() as connection:
            begun = await try_books.begin_try(
                connection,
                asked.invoice_id,
                method_id=asked.method_id,
                purpose=asked.purpose,
                now=asked.now,
                number=asked.number,
            )
        match begun:
            case CardRests(next_at=next_at, why=why):
                return TryBegun(look_again_at=next_at, why=why)
            case Nothing(why=why):
                return TryBegun(why=why)
            case charge:
                return TryBegun(charge=charge)

    @activity.defn(name="charge_of_try")
    @translated
    async def charge_of_try(self, charge_id: str) -> ChargeRequest:
        """Return the charge of a try as it was begun."""
        async with self._database.connect() as connection:
            return await try_books.charge_of(connection, charge_id)

    @activity.defn(name="withdraw_try")
    @translated
    async def withdraw_try(self, withdrawn: WithdrawTry) -> None:
        """Write down that the charge of a try never came to be."""
        async with self._database.begin() as connection:
            await try_books.withdraw_try(connection, withdrawn.charge_id, withdrawn.because)

    @activity.defn(name="tell_access")
    @translated
    async def tell_access(self, moment: Moment) -> None:
        """Tell what the customer may use, as far as it was not told."""
        async with self._database.begin() as connection:
            dunning = await dunning_books.known(connection, moment.invoice_id, lock=True)
            history = await dunning_history.history(connection, dunning)
            changes = entitlement_changes(history, await dunning_books.policy_of(connection, dunning))
            begun = [change for change in changes if change.since <= moment.now]
            await access_books.tell_access(connection, moment.invoice_id, begun)

    @activity.defn(name="note_dunning_event")
    @translated
    async def note(self, said: NoteEvent) -> DunningView:
        """Write down what a person said, where it does not contradict what is; return where the invoice stands then."""
        event = Event(at=said.now, kind=said.kind, until=said.until, policy=said.policy, by=said.by, method=said.method)
        async with self._database.begin() as connection:
            await dunning_commands.note(
                connection,
                said.invoice_id,
                event,
                because=said.because,
                policies=self._policies,
            )
            dunning = await dunning_books.known(connection, said.invoice_id)
            return outlook_of(await case_of(connection, dunning), said.now).view

    @activity.defn(name="end_dunning")
    @translated
    async def end(self, ended: EndDunning) -> None:
        """Carry out what the policy has for the end, of the subscription and of the invoice."""
        async with self._database.begin() as connection:
            dunning = await dunning_books.known(connection, ended.invoice_id)
            policy = await dunning_books.policy_of(connection, dunning)
            over = await dunning_endings.end(
                connection, ended.invoice_id, reason=ended.reason, policy=policy, now=ended.now, actor=PROCESS
            )
        if dunning.ended_at is None:
            ended_dunnings.count(over)


async def applied(connection: Connection, made: Sequence[InvoiceTry], actor: str) -> Surplus | None:
    """Apply what the newest of an invoice's tries collected; return what it collected too much, and is not given back yet."""
    if not made or made[-1].outcome is not TryOutcome.APPROVED:
        return None
    charge_id = made[-1].charge_id
    left = await try_books.apply(connection, charge_id, actor=actor)
    if left is None or await operations.of_refund(connection, surplus_refund(charge_id)) is not None:
        return None
    return Surplus(charge_id=charge_id, money=left)


def surplus_refund(charge_id: str) -> str:
    """Name the refund that gives back what a charge collected too much."""
    return undoing_refund_id(charge_id, "surplus", 1)
