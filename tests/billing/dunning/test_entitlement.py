"""What the customer may use: by days, not by tries; held back by holds, and given back by a payment."""

from datetime import datetime

import pytest

from billing.dunning.entitlement import Access, entitlement_at, entitlement_changes
from billing.dunning.history import Event, EventKind
from billing.dunning.policy import Access as AccessDays
from billing.dunning.policy import End, InvoiceEnd, SubscriptionEnd
from billing.dunning.zones import days_later
from tests.billing.dunning.histories import CODES, DAY, FAILED_AT, HOUR, event, fixed, history, tried

ZONE = "Europe/Berlin"
OVER_AT = FAILED_AT + 20 * DAY


def access_at(at: datetime, *events: Event, subscription: SubscriptionEnd = SubscriptionEnd.CANCEL) -> Access:
    end = End(subscription=subscription, invoice=InvoiceEnd.KEEP_OPEN)
    return entitlement_at(history(events=events), fixed(end=end), at).access


@pytest.mark.parametrize(
    ("day", "access"),
    [
        (-1, Access.ACTIVE),
        (0, Access.GRACE),
        (6, Access.GRACE),
        (7, Access.LIMITED),
        (13, Access.LIMITED),
        (14, Access.SUSPENDED),
    ],
)
def test_access_goes_down_by_days(day: int, access: Access) -> None:
    """Grace for a week, then limited, then suspended, whatever the tries do."""
    assert access_at(days_later(FAILED_AT, day, ZONE)) is access


def test_it_goes_down_at_the_hour_of_the_failure_across_a_change_of_clocks() -> None:
    """A week is a week by the customer's clock."""
    before = history(failed_at=datetime.fromisoformat("2026-10-20T07:00:00+00:00"))
    limited = entitlement_changes(before, fixed())[1]
    assert limited.since == datetime.fromisoformat("2026-10-27T08:00:00+00:00")


def test_tries_do_not_change_it() -> None:
    """The clocks are apart: a refused try takes nothing away."""
    before = history()
    more = before.having(tries=(*before.tries, tried(FAILED_AT + DAY, CODES["never"])))
    assert entitlement_changes(more, fixed()) == entitlement_changes(before, fixed())


@pytest.mark.parametrize("when", [8, 15, 25])
def test_a_payment_gives_everything_back(when: int) -> None:
    """From every state, the end too: who pays has access."""
    events = [event(EventKind.PAID, FAILED_AT + when * DAY)]
    if when > 20:
        events = [event(EventKind.GIVEN_UP, OVER_AT), event(EventKind.ENDED, OVER_AT), *events]
    paid_at = FAILED_AT + when * DAY
    assert access_at(paid_at - HOUR, *events[:-1]) is not Access.ACTIVE
    assert access_at(paid_at, *events) is Access.ACTIVE


def test_an_approved_try_gives_everything_back() -> None:
    """Whichever way the money came."""
    before = history()
    paid = before.having(tries=(*before.tries, tried(FAILED_AT + 15 * DAY, None)))
    assert entitlement_at(paid, fixed(), FAILED_AT + 15 * DAY).access is Access.ACTIVE


@pytest.mark.parametrize(
    ("subscription", "access"),
    [
        (SubscriptionEnd.CANCEL, Access.ENDED),
        (SubscriptionEnd.MARK_UNPAID, Access.SUSPENDED),
        (SubscriptionEnd.PAUSE, Access.SUSPENDED),
        (SubscriptionEnd.KEEP_PAST_DUE, Access.SUSPENDED),
    ],
)
def test_each_end_leaves_what_it_says(subscription: SubscriptionEnd, access: Access) -> None:
    """The policy's end decides; what was in force already stays where nothing more is done."""
    assert access_at(OVER_AT, event(EventKind.ENDED, OVER_AT), subscription=subscription) is access


def test_keeping_it_past_due_takes_nothing_further_away() -> None:
    """Given up in the grace period, the customer keeps what they had."""
    early = FAILED_AT + 2 * DAY
    events = (event(EventKind.GIVEN_UP, early), event(EventKind.ENDED, early))
    assert access_at(OVER_AT, *events, subscription=SubscriptionEnd.KEEP_PAST_DUE) is Access.GRACE


@pytest.mark.parametrize(
    ("kind", "access"), [(EventKind.VOIDED, Access.ACTIVE), (EventKind.SUBSCRIPTION_CANCELLED, Access.ENDED)]
)
def test_what_ends_it_from_outside_decides(kind: EventKind, access: Access) -> None:
    """Nothing is owed for a void invoice; a cancelled subscription has no access."""
    assert access_at(OVER_AT, event(kind, OVER_AT)) is access


def test_nothing_is_taken_away_during_a_hold() -> None:
    """A promise until the tenth day keeps the grace of the seventh."""
    ends = FAILED_AT + 10 * DAY
    promised = event(EventKind.PROMISED, FAILED_AT + DAY, ends)
    assert access_at(FAILED_AT + 9 * DAY, promised) is Access.GRACE
    assert access_at(ends, promised) is Access.LIMITED
    assert access_at(FAILED_AT + 14 * DAY + HOUR, promised) is Access.SUSPENDED


def test_states_can_be_left_out() -> None:
    """A policy without a limited state goes from grace to suspended, or stays in grace."""
    policy = fixed(access=AccessDays(suspended_after_days=5))
    assert [one.access for one in entitlement_changes(history(), policy)] == [Access.GRACE, Access.SUSPENDED]
    assert [one.access for one in entitlement_changes(history(), fixed(access=AccessDays()))] == [Access.GRACE]
