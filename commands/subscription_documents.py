"""The documents of the `subscriptions` commands with `--json`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from billing.subscription_books import SubscriptionChange
from billing.subscriptions import Subscription, SubscriptionState
from commands.documents import Document


class SubscriptionDocument(Document):
    """A subscription."""

    subscription_id: str
    customer_id: str
    currency: str
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


class SubscriptionChangeDocument(Document):
    """A change of a subscription; `before` and `after` hold the fields that changed."""

    changed_at: datetime
    changed_by: str
    because: str
    before: dict[str, Any]
    after: dict[str, Any]


class SubscriptionSheetDocument(SubscriptionDocument):
    """A subscription with its trail."""

    changes: list[SubscriptionChangeDocument]


def of_subscription(subscription: Subscription) -> SubscriptionDocument:
    """Show a subscription."""
    return SubscriptionDocument(**{name: getattr(subscription, name) for name in SubscriptionDocument.model_fields})


def of_sheet(subscription: Subscription, changes: Sequence[SubscriptionChange]) -> SubscriptionSheetDocument:
    """Show a subscription and what changed of it."""
    told = [
        SubscriptionChangeDocument(**{name: getattr(change, name) for name in SubscriptionChangeDocument.model_fields})
        for change in changes
    ]
    return SubscriptionSheetDocument(**of_subscription(subscription).model_dump(), changes=told)
