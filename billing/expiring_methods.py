"""Cards that expire, told of before anything fails: which notices of a subscription's customer are due, and what they say.

The ladder is the policy's whose segment the subscription's invoices are in; a card is told of once for each of its steps, however
many subscriptions, and dunnings, go by it. Functions take a connection and never commit; `now` is the caller's.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from billing import customers, dunning_books, methods, notice_books, plan_books, subscription_books
from billing.dunning import history
from billing.dunning.notice_ladder import Channel, Step, Template
from billing.dunning.notices import before_expiry
from billing.dunning.policy import Edition, Policy
from billing.methods import Method
from billing.notice_books import NoticeRow
from billing.notice_reading import Telling, reader_of
from billing.notices.facts import Card, NoticeFacts
from billing.plans import Plan
from billing.subscriptions import BILLED, Subscription, SubscriptionState
from ledger.record import Record

TOLD = BILLED | {SubscriptionState.TRIALING}
"""Subscriptions that will be paid with the card."""


class ExpiringNotice(Record):
    """A notice that a card expires."""

    subscription_id: str
    method_id: str
    key: str
    """Of the step and the month, such as `card_expiring.days_before_expiry.30/2027-03`."""
    channel: Channel
    due_at: datetime


class ExpiringNotices(Record):
    """What is due, and when to look again."""

    due: tuple[ExpiringNotice, ...] = ()
    next_at: datetime | None = None
    """When the next one will be; None where none is foreseen."""


class _Paying(NamedTuple):
    """A subscription with the card that it is paid by first."""

    subscription: Subscription
    plan: Plan
    method: Method
    policy: Policy


async def expiring_notices(
    connection: AsyncConnection, subscription_id: str, edition: Edition, now: datetime
) -> ExpiringNotices:
    """Say what is to be told now of the first card of a subscription's customer; raises UnknownId."""
    found = await _paying(connection, subscription_id, edition)
    if found is None or found.method.expires_on is None:
        return ExpiringNotices()
    steps = _steps(found)
    next_at = min((at for at, _ in steps if at > now), default=None)
    begun = [(at, step) for at, step in steps if at <= now]
    if not begun or found.method.expires_on < now.date():
        return ExpiringNotices(next_at=next_at)
    # Of several that came due together only the newest is sent.
    at, step = max(begun, key=lambda pair: pair[0])
    key = key_of(step.key, found.method.expires_on)
    standing = await notice_books.standing_of(connection, notice_books.of_method(found.method.method_id, key))
    if standing is not None and standing.claimed_at is not None:
        return ExpiringNotices(next_at=next_at)
    notice = ExpiringNotice(
        subscription_id=subscription_id,
        method_id=found.method.method_id,
        key=key,
        channel=step.channel,
        due_at=at,
    )
    return ExpiringNotices(due=(notice,), next_at=next_at)


async def telling(connection: AsyncConnection, notice: ExpiringNotice, edition: Edition, *, merchant: str) -> Telling:
    """Read what is told of a card that expires; it is not due any more where another is paid with first."""
    subscription = await subscription_books.known(connection, notice.subscription_id)
    customer = await customers.known(connection, subscription.customer_id)
    contact = await customers.contact_of(connection, customer.customer_id)
    plan = await plan_books.known(connection, subscription.plan_id, subscription.plan_version)
    method = await methods.known(connection, notice.method_id)
    paying = await _paying(connection, notice.subscription_id, edition)
    facts = NoticeFacts(
        template=Template.CARD_EXPIRING,
        reader=reader_of(customer, contact, merchant),
        plan=plan.name,
        card=Card(brand=method.brand, expires=method.expires_on and method.expires_on.replace(day=1)),
    )
    is_due = paying is not None and paying.method.method_id == notice.method_id
    return Telling(customer.customer_id, contact.email if contact else None, facts, is_due)


def key_of(step_key: str, expires_on: date) -> str:
    """Name a step of one card's."""
    return f"{step_key}/{expires_on:%Y-%m}"


async def row_of_first(connection: AsyncConnection, customer_id: str, step_key: str) -> NoticeRow | None:
    """Return the row that a dunning's notice of an expiring card stands for too, so that no card is told of twice."""
    usable = await methods.usable(connection, customer_id)
    if not usable or usable[0].expires_on is None:
        return None
    return notice_books.of_method(usable[0].method_id, key_of(step_key, usable[0].expires_on))


async def _paying(connection: AsyncConnection, subscription_id: str, edition: Edition) -> _Paying | None:
    subscription = await subscription_books.known(connection, subscription_id)
    usable = await methods.usable(connection, subscription.customer_id)
    if subscription.state not in TOLD or not usable:
        return None
    plan = await plan_books.known(connection, subscription.plan_id, subscription.plan_version)
    customer = await customers.known(connection, subscription.customer_id)
    # As the next invoice will be sorted, if its payment fails.
    supposed = history.Invoice(invoice_id=subscription_id, amount=plan.amount, failed_at=subscription.period_ends_at)
    policy = edition.policy_for(supposed, dunning_books.debtor(customer, subscription))
    return _Paying(subscription, plan, usable[0], policy)


def _steps(found: _Paying) -> Sequence[tuple[datetime, Step]]:
    """Return the steps of the card; whoever gave one that is about to expire knows that."""
    method = found.method
    asked = history.PaymentMethod(
        method_id=method.method_id,
        gateway=method.gateway,
        expires=None if method.expires_on is None else f"{method.expires_on:%Y-%m}",
        added_at=method.added_at,
    )
    zone = found.subscription.time_zone
    return [(at, step) for at, step in before_expiry(asked, found.policy, zone) if at > method.added_at]
