"""Subscriptions: which plan a customer has, which period it is in, and which states follow each other.

Pure: what changes is computed here, and written down by `billing/subscription_books.py`. Periods are counted in dates of the
time zone that the customer had when the subscription began (`billing/calendar.py`).
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from billing import calendar
from billing.errors import ChangeRefused
from billing.invoices import InvoiceLine, InvoiceRequest
from billing.plans import MAX_TRIAL_DAYS, Plan
from ledger.record import Identifier, Record, Text, content_hash

SubscriptionId = Annotated[Identifier, Field(max_length=56)]
"""Short enough that its invoices can be named after it."""
KIND: Final = "subscription"


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    TRIALING = "trialing"
    """In its trial: nothing is billed."""
    ACTIVE = "active"
    PAST_DUE = "past_due"
    """A payment failed, and is being recovered."""
    PAUSED = "paused"
    """Nothing is billed until it is resumed; periods go by."""
    CANCELED = "canceled"
    """Ended for good."""
    UNPAID = "unpaid"
    """Recovery was given up, and the subscription kept: nothing more is billed."""


_STATE = SubscriptionState
FOLLOWS: Final = {
    _STATE.TRIALING: {_STATE.ACTIVE, _STATE.PAUSED, _STATE.CANCELED},
    _STATE.ACTIVE: {_STATE.PAST_DUE, _STATE.PAUSED, _STATE.CANCELED, _STATE.UNPAID},
    _STATE.PAST_DUE: {_STATE.ACTIVE, _STATE.PAUSED, _STATE.CANCELED, _STATE.UNPAID},
    _STATE.PAUSED: {_STATE.TRIALING, _STATE.ACTIVE, _STATE.PAST_DUE, _STATE.CANCELED},
    _STATE.UNPAID: {_STATE.ACTIVE, _STATE.CANCELED},
    _STATE.CANCELED: set[SubscriptionState](),
}
"""Which state may follow which; PostgreSQL keeps the same table."""
BILLED: Final = frozenset({_STATE.ACTIVE, _STATE.PAST_DUE})


class SubscriptionRequest(Record):
    """The wish to subscribe a customer to a plan; the same id may come again with the same content only."""

    subscription_id: SubscriptionId
    customer_id: Identifier
    plan_id: Identifier
    starts_on: date
    anchor: date | None = None
    """The day from which periods are counted, where that is not the day it starts (or its trial ends)."""
    trial_days: int | None = Field(default=None, ge=0, le=MAX_TRIAL_DAYS)
    """Without it, the plan's."""
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks."""
        return content_hash(self)


class Subscription(Record):
    """A subscription's row. `period_serial` counts its periods; a trial is one of them."""

    subscription_id: str
    customer_id: str
    currency: str
    request_hash: str
    time_zone: str
    plan_id: str
    plan_version: int
    state: SubscriptionState
    started_on: date
    trial_ends_on: date | None
    anchor: date
    period_serial: int
    period_begins: date
    period_ends: date
    cancel_at_period_end: bool
    paused_at: datetime | None
    paused_until: datetime | None
    next_plan_id: str | None
    next_plan_version: int | None
    canceled_at: datetime | None
    created_at: datetime
    changed_at: datetime
    changed_by: str
    because: str

    @property
    def period_ends_at(self) -> datetime:
        """The instant at which the next period begins."""
        return calendar.begins_at(self.period_ends, self.time_zone)


class Pause(Record):
    """The wish to stop billing for a while; without an end, until somebody resumes it."""

    until: AwareDatetime | None = None


def beginning(request: SubscriptionRequest, plan: Plan) -> dict[str, Any]:
    """Return the columns of a new subscription; raises ChangeRefused where the anchor does not fit."""
    days = plan.trial_days if request.trial_days is None else request.trial_days
    billed_from = request.starts_on + timedelta(days=days)
    anchor = request.anchor or billed_from
    first = None if anchor > billed_from else calendar.period_of(anchor, plan.interval, billed_from)
    if first is None or first.begins != billed_from:
        raise ChangeRefused(
            KIND,
            request.subscription_id,
            f"it is billed from {billed_from} on, and no period of {plan.interval} from the anchor {anchor} begins then: "
            "give an earlier anchor from which one does, or none",
        )
    trial_ends = billed_from if days else None
    return {
        "plan_id": plan.plan_id,
        "plan_version": plan.version,
        "state": _STATE.TRIALING if days else _STATE.ACTIVE,
        "started_on": request.starts_on,
        "trial_ends_on": trial_ends,
        "anchor": anchor,
        "period_serial": 0,
        "period_begins": request.starts_on,
        "period_ends": trial_ends or first.ends,
    }


def next_period(subscription: Subscription, plan: Plan, next_plan: Plan | None, now: datetime) -> dict[str, Any]:
    """Return what changes where the period is over: nothing while it lasts, and one period at a time.

    `plan` is that of the subscription, `next_plan` the one that follows it at the end of the period.
    """
    if subscription.state is _STATE.CANCELED or now < subscription.period_ends_at:
        return {}
    if subscription.cancel_at_period_end:
        return {"state": _STATE.CANCELED, "canceled_at": now, "cancel_at_period_end": False, **_NO_PAUSE, **_NO_PLAN}
    changes: dict[str, Any] = {"period_serial": subscription.period_serial + 1}
    anchor, after = subscription.anchor, plan
    if next_plan is not None:
        changes |= {"plan_id": next_plan.plan_id, "plan_version": next_plan.version, **_NO_PLAN}
        after = next_plan
        if next_plan.interval != plan.interval:
            changes["anchor"] = anchor = subscription.period_ends
    following = calendar.period_of(anchor, after.interval, subscription.period_ends)
    changes |= {"period_begins": following.begins, "period_ends": following.ends}
    if subscription.state is _STATE.TRIALING:
        changes["state"] = _STATE.ACTIVE
    return changes


def cancellation(subscription: Subscription, *, at_period_end: bool, now: datetime) -> dict[str, Any]:
    """Return what changes where it is canceled; raises ChangeRefused."""
    _require(subscription, _STATE.CANCELED)
    if at_period_end:
        return {"cancel_at_period_end": True}
    return {"state": _STATE.CANCELED, "canceled_at": now, "cancel_at_period_end": False, **_NO_PAUSE, **_NO_PLAN}


def pause(subscription: Subscription, until: datetime | None, now: datetime) -> dict[str, Any]:
    """Return what changes where it is paused; raises ChangeRefused."""
    _require(subscription, _STATE.PAUSED)
    if until is not None and until <= now:
        raise ChangeRefused(
            KIND, subscription.subscription_id, f"{until:%Y-%m-%d %H:%M} UTC is over: pause it until later"
        )
    return {"state": _STATE.PAUSED, "paused_at": now, "paused_until": until}


def resumption(subscription: Subscription, *, is_overdue: bool, now: datetime) -> dict[str, Any]:
    """Return what changes where a pause, or else a cancellation at the end of the period, is taken back."""
    if subscription.state is _STATE.PAUSED:
        trial = subscription.trial_ends_on
        state = _STATE.PAST_DUE if is_overdue else _STATE.ACTIVE
        if trial is not None and now < calendar.begins_at(trial, subscription.time_zone):
            state = _STATE.TRIALING
        return {"state": state, **_NO_PAUSE}
    if subscription.cancel_at_period_end and subscription.state is not _STATE.CANCELED:
        return {"cancel_at_period_end": False}
    raise ChangeRefused(
        KIND,
        subscription.subscription_id,
        f"it is {subscription.state}, neither paused nor to be canceled: there is nothing to resume",
    )


def change_of_plan(subscription: Subscription, plan: Plan) -> dict[str, Any]:
    """Return what changes where another plan follows at the end of the period; the one it has takes that back."""
    if subscription.state is _STATE.CANCELED:
        raise ChangeRefused(KIND, subscription.subscription_id, "it is canceled: start another one")
    if plan.amount.currency != subscription.currency:
        raise ChangeRefused(
            KIND,
            subscription.subscription_id,
            f"it is in {subscription.currency}, and plan {plan.plan_id} in {plan.amount.currency}",
        )
    if (plan.plan_id, plan.version) == (subscription.plan_id, subscription.plan_version):
        return _NO_PLAN
    return {"next_plan_id": plan.plan_id, "next_plan_version": plan.version}


def standing(subscription: Subscription, state: SubscriptionState, now: datetime) -> dict[str, Any]:
    """Return what changes where the recovery of a payment says how it stands; raises ChangeRefused."""
    if state is subscription.state:
        return {}
    _require(subscription, state)
    return {"state": state, "canceled_at": now} if state is _STATE.CANCELED else {"state": state}


def invoice_of_period(subscription: Subscription, plan: Plan, actor: str) -> InvoiceRequest | None:
    """Return what is owed for the period that it is in; None where it is not billed."""
    if subscription.state not in BILLED:
        return None
    days = {"begins": subscription.period_begins, "ends": subscription.period_ends}
    line = InvoiceLine(description=plan.name, amount_minor=plan.amount.amount_minor, earns_to=plan.earns_to, **days)
    return InvoiceRequest(
        invoice_id=f"{subscription.subscription_id}.{subscription.period_serial}",
        customer_id=subscription.customer_id,
        currency=subscription.currency,
        lines=(line,),
        subscription_id=subscription.subscription_id,
        period_number=subscription.period_serial,
        actor=actor,
    )


_NO_PAUSE: Final[dict[str, Any]] = {"paused_at": None, "paused_until": None}
_NO_PLAN: Final[dict[str, Any]] = {"next_plan_id": None, "next_plan_version": None}


def _require(subscription: Subscription, state: SubscriptionState) -> None:
    if state not in FOLLOWS[subscription.state]:
        raise ChangeRefused(
            KIND, subscription.subscription_id, f"it is {subscription.state}, and cannot become {state}"
        )
