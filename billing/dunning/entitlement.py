"""The clock of the entitlement: what the customer may use while the invoice is unpaid. Each state can be taken back by a payment.

A pure function of what happened, the policy and the time, like `decide`, and apart from it: a try changes no access.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from billing.dunning.decision import Reason
from billing.dunning.ending import Ending, ending_of
from billing.dunning.history import History
from billing.dunning.policy import Policy, SubscriptionEnd
from billing.dunning.standing import Standing, standing_of
from billing.dunning.zones import days_later


class Access(StrEnum):
    """What the customer may use."""

    ACTIVE = "active"
    """Everything: nothing is owed, or not any more."""
    GRACE = "grace"
    """Everything, for a time."""
    LIMITED = "limited"
    """What the merchant leaves: typically reading."""
    SUSPENDED = "suspended"
    """Nothing; data is kept, and a payment brings all of it back."""
    ENDED = "ended"
    """The subscription is over for want of payment."""


class Entitlement(NamedTuple):
    """A state with since when and why."""

    access: Access
    since: datetime
    why: str


def entitlement_at(history: History, policy: Policy, now: datetime) -> Entitlement:
    """Return the state that is in force."""
    begun = [change for change in entitlement_changes(history, policy) if change.since <= now]
    return (
        begun[-1] if begun else Entitlement(Access.ACTIVE, history.invoice.failed_at, "the payment has not failed yet")
    )


def entitlement_changes(history: History, policy: Policy) -> list[Entitlement]:
    """Return the states, past and to come if nothing else happens, the oldest first."""
    standing = standing_of(history.events)
    ending = ending_of(history, standing)
    over_at = ending.recovered_at or ending.ended_at
    changes = [change for change in _by_days(history, policy, standing) if over_at is None or change.since < over_at]
    if over_at is not None:
        changes += _after_the_end(ending, over_at, policy, changes)
    return changes


def _by_days(history: History, policy: Policy, standing: Standing) -> list[Entitlement]:
    failed_at = history.invoice.failed_at
    zone = policy.zone_of(history.customer)
    changes = [Entitlement(Access.GRACE, failed_at, "the payment failed")]
    days = (
        (Access.LIMITED, policy.access.limited_after_days),
        (Access.SUSPENDED, policy.access.suspended_after_days),
    )
    for access, day in days:
        if day is None:
            continue
        at = days_later(failed_at, day, zone)
        # While a pause, a promise or another hold lasts, nothing is taken away.
        for hold in sorted(standing.holds, key=lambda hold: hold.began_at):
            if hold.began_at <= at < hold.until:
                at = hold.until
        changes.append(Entitlement(access, max(at, changes[-1].since), f"unpaid for {day} days"))
    return changes


def _after_the_end(ending: Ending, over_at: datetime, policy: Policy, before: list[Entitlement]) -> list[Entitlement]:
    if ending.recovered_at is not None:
        return [Entitlement(Access.ACTIVE, over_at, "it was paid")]
    if ending.reason is Reason.VOIDED:
        return [Entitlement(Access.ACTIVE, over_at, "the invoice was voided")]
    if ending.reason is Reason.SUBSCRIPTION_CANCELLED:
        return [Entitlement(Access.ENDED, over_at, "the subscription was cancelled")]
    match policy.end.subscription:
        case SubscriptionEnd.CANCEL:
            return [Entitlement(Access.ENDED, over_at, "the subscription was cancelled for want of payment")]
        case SubscriptionEnd.MARK_UNPAID | SubscriptionEnd.PAUSE:
            said = "marked unpaid" if policy.end.subscription is SubscriptionEnd.MARK_UNPAID else "paused"
            return [Entitlement(Access.SUSPENDED, over_at, f"the subscription was {said}")]
        case SubscriptionEnd.KEEP_PAST_DUE:
            # What was in force stays; nothing further is taken away.
            state = before[-1].access if before else Access.GRACE
            return [Entitlement(state, over_at, "the subscription stays past due")]
