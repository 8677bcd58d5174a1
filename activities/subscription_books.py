"""The steps of a subscription's process: each is one short database transaction, and running it again changes nothing."""

from collections.abc import Sequence

from temporalio import activity

from activities.database_errors import translated
from activities.dunning_books import applied
from activities.dunning_messages import Moment
from activities.subscription_messages import Collected, SubscriptionMoment, SubscriptionView, Turn
from billing import (
    calendar,
    customers,
    dunning_books,
    expiring_methods,
    invoice_books,
    methods,
    plan_books,
    subscription_books,
    try_books,
)
from billing.dunning.decision import Purpose
from billing.dunning.history import TryOutcome
from billing.dunning.policy import Policies
from billing.invoices import Invoice, InvoiceState
from billing.plans import Plan
from billing.subscriptions import Subscription
from billing.tries import CardRests, InvoiceTry, Nothing
from billing.try_books import COLLECTS
from ledger.charges import ChargeRequest
from ledger.database import Connection, Database


class SubscriptionBooks:
    """Local activities of subscriptions."""

    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies

    @activity.defn(name="turn_subscription")
    @translated
    async def turn(self, moment: SubscriptionMoment) -> Turn:
        """Go on to the period that has begun, draft its invoice, and say what is to be done and when to look again.

        A period is billed when it begins, or not at all: one in which a paused subscription is resumed has gone by.
        """
        async with self._database.begin() as connection:
            found = await subscription_books.known(connection, moment.subscription_id, lock=True)
            serial = found.period_serial
            found = await subscription_books.advance(connection, moment.subscription_id, now=moment.now, actor=COLLECTS)
            begins_at = calendar.begins_at(found.period_begins, found.time_zone)
            if moment.now >= begins_at and (found.period_serial != serial or serial == 0):
                await subscription_books.bill(connection, moment.subscription_id, actor=COLLECTS)
            plan = await plan_books.known(connection, found.plan_id, found.plan_version)
            open_invoices = await subscription_books.uncollected(connection, moment.subscription_id)
            drafts = [each.invoice_id for each in open_invoices if each.state is InvoiceState.DRAFT]
            issued = [each.invoice_id for each in open_invoices if each.state is InvoiceState.OPEN]
            expiring = await expiring_methods.expiring_notices(
                connection, moment.subscription_id, self._policies.at(moment.now), moment.now
            )
            ends_at = found.period_ends_at
            to_come = [ends_at, begins_at, found.paused_until, expiring.next_at]
            return Turn(
                view=_view(found, plan),
                issue=drafts[0] if drafts else None,
                collect=issued[0] if issued else None,
                expiring=expiring.due,
                period_ends_at=ends_at,
                wake_at=min((at for at in to_come if at is not None and at > moment.now), default=ends_at),
            )

    @activity.defn(name="issue_invoice")
    @translated
    async def issue(self, invoice_id: str) -> None:
        """Number the invoice, and issue it in the books; the customer's credit pays what it can."""
        async with self._database.begin() as connection:
            await invoice_books.finalize(connection, invoice_id, actor=COLLECTS)

    @activity.defn(name="collect_invoice")
    @translated
    async def collect(self, moment: Moment) -> Collected:
        """Say how the first collection stands, and take the step that is due: begin it, apply it, or hand it to dunning."""
        invoice_id, now = moment.invoice_id, moment.now
        async with self._database.begin() as connection:
            invoice = await invoice_books.known(connection, invoice_id)
            await customers.known(connection, invoice.customer_id, lock=True)
            # Read once: its charge may be decided at any moment, and nothing of two moments may be put together.
            made = await try_books.of_invoice(connection, invoice_id)
            surplus = await applied(connection, made, COLLECTS)
            invoice = await invoice_books.known(connection, invoice_id)
            if invoice.state is not InvoiceState.OPEN:
                return Collected(surplus=surplus, why=f"it is {invoice.state}")
            charge, why = await _first_try(connection, invoice, made, moment)
            if charge is not None:
                return Collected(charge=charge, surplus=surplus)
            edition = self._policies.at(now)
            await dunning_books.begin(connection, invoice_id, edition, failed_at=now, now=now, actor=COLLECTS)
            return Collected(in_dunning=True, surplus=surplus, why=why)


async def _first_try(
    connection: Connection, invoice: Invoice, made: Sequence[InvoiceTry], moment: Moment
) -> tuple[ChargeRequest | None, str]:
    """Return the charge of the first try, new or under way; or why there is none, or none any more."""
    if made:
        if made[-1].outcome is TryOutcome.UNDECIDED:
            return await try_books.charge_of(connection, made[-1].charge_id), ""
        return None, "the payment failed"
    usable = await methods.usable(connection, invoice.customer_id)
    if not usable:
        return None, "there is no payment method that may be charged"
    begun = await try_books.begin_try(
        connection,
        invoice.invoice_id,
        method_id=usable[0].method_id,
        purpose=Purpose.FIRST,
        now=moment.now,
    )
    return (None, begun.why) if isinstance(begun, CardRests | Nothing) else (begun, "")


def _view(found: Subscription, plan: Plan) -> SubscriptionView:
    return SubscriptionView(
        subscription_id=found.subscription_id,
        customer_id=found.customer_id,
        state=found.state,
        plan=f"{plan.name}, version {plan.version}",
        price=plan.amount,
        period_serial=found.period_serial,
        period=f"{found.period_begins} to {found.period_ends}",
    )
