"""What dunning has brought: fixed definitions, so that two people who ask for the same number get the same one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.dunning.decision import Reason
from billing.dunning.recovery import HORIZONS, SPLITS, Course, Figures, RecoveredBy, figures

FAILED = datetime(2026, 11, 1, 9, tzinfo=UTC)
LATER = datetime(2027, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def course(days: float | None = None, reason: str | None = "paid", **changes: Any) -> Course:
    """An invoice of 19 dollars that was recovered, or else ended, after so many days."""
    fields: dict[str, Any] = {"invoice_id": "in_1", "customer_id": "cus_1", "policy": "2026-11/standard"}
    fields |= {"decline_class": "generic", "network": "visa", "amount_minor": 1900, "currency": "USD"}
    fields |= {"failed_at": FAILED, "ended_at": None if days is None else FAILED + days * DAY}
    fields |= {"reason": None if days is None else reason, "recovered_by": "retry" if reason == "paid" else None}
    fields |= {"tries": (), "rungs": (), "notices": (), "is_paid_after_end": False, "ended_subscription": False}
    return Course(**fields | {"next_decided": False, "next_failed": False} | changes)


def measured(*courses: Course, by: str | None = None, horizon: int = 30, now: datetime = LATER) -> Figures:
    [only] = figures(courses, by=by, horizons=(horizon,), now=now)
    return only


def test_a_recovery_counts_at_the_horizons_that_it_was_made_within() -> None:
    """Day 30 is within 30 days to the second; what came on day 31 is open at 30 and recovered at 60."""
    courses = (course(30), course(31), course(59, "deadline"), course())
    at_30, at_60 = figures(courses, by=None, horizons=HORIZONS, now=LATER)
    assert (at_30.recovered, at_30.still_open, at_30.ended, at_30.share) == (1, 3, {}, 0.25)
    assert (at_60.recovered, at_60.still_open, at_60.ended, at_60.share) == (2, 1, {"deadline": 1}, 0.5)


def test_a_cohort_that_is_younger_than_the_horizon_is_not_complete() -> None:
    """A share that can still rise is not compared with one that cannot."""
    assert measured(course(), now=FAILED + 30 * DAY).is_complete
    assert not measured(course(), now=FAILED + 30 * DAY - timedelta(seconds=1)).is_complete
    assert not measured(course(), course(1, failed_at=FAILED + DAY), now=FAILED + 30 * DAY).is_complete


def test_currencies_are_never_added() -> None:
    """Dollars and yen are two rows, also of the same group."""
    found = figures((course(1), course(1, currency="JPY")), by="class", horizons=(30,), now=LATER)
    assert [(each.group, each.currency, each.recovered_minor) for each in found] == [
        ("generic", "JPY", 1900),
        ("generic", "USD", 1900),
    ]


def test_what_brought_the_money_is_told_by_count_and_by_amount() -> None:
    """What nothing of ours is known to have brought came from outside."""
    found = measured(course(1), course(2, recovered_by="link", amount_minor=100), course(3, recovered_by=None))
    assert found.recovered_by == {"retry": 1, "new_method": 0, "link": 1, "outside": 1}
    assert found.recovered_minor_by == {"retry": 1900, "new_method": 0, "link": 100, "outside": 1900}


def test_a_recovery_costs_what_did_not_help_too() -> None:
    """Tries, rungs and notices are of the whole cohort, within the horizon, for each recovery."""
    acts = [FAILED + days * DAY for days in (1, 2, 30, 31)]
    found = measured(course(3, tries=acts[:1]), course(tries=acts, rungs=acts[1:], notices=acts))
    assert (found.tries, found.rungs, found.notices) == (4, 2, 3)
    assert (found.tries_per_recovery, found.rungs_per_recovery, found.notices_per_recovery) == (4.0, 2.0, 3.0)
    assert measured(course(tries=acts)).tries_per_recovery is None


def test_the_time_to_a_recovery_is_a_nearest_rank() -> None:
    """Of ten recoveries after one to ten days half took at most five days, and nine of ten at most nine."""
    found = measured(*(course(days) for days in range(1, 11)), course())
    assert (found.median_seconds, found.ninetieth_seconds) == (5 * 86_400, 9 * 86_400)
    assert measured(course()).median_seconds is None


def test_what_comes_after_is_counted_of_those_that_it_can_come_after() -> None:
    """Failing again is of recovered ones whose next invoice is decided; a subscription is lost by an end without money."""
    again: dict[str, Any] = {"next_decided": True, "next_failed": True}
    found = measured(
        course(1, **again),
        course(1, next_decided=True),
        course(1),
        course(**again),
        course(9, "tries_used_up", ended_subscription=True, is_paid_after_end=True),
    )
    assert (found.next_decided, found.next_failed, found.recurrence) == (2, 1, 0.5)
    assert (found.subscriptions_ended, found.paid_after_end) == (1, 1)


def test_groups_are_named_by_what_is_split() -> None:
    """Where there is nothing to name a group by, it says so."""
    one = course(decline_class="", network="")
    names = {by: measured(one, by=by).group for by in SPLITS}
    assert names == {
        "policy": "2026-11/standard",
        "class": "none",
        "network": "unknown",
        "recovered_by": "retry",
        "month": "2026-11",
    }
    assert measured(course(reason=None), by="recovered_by").group == "not recovered"


@st.composite
def courses(draw: st.DrawFn) -> Course:
    days = draw(st.none() | st.integers(0, 90))
    reason = draw(st.sampled_from([str(each) for each in Reason]))
    way = draw(st.sampled_from([*RecoveredBy, None])) if reason == "paid" else None
    failed_at = FAILED + draw(st.integers(0, 60)) * DAY
    return course(
        None,
        failed_at=failed_at,
        ended_at=None if days is None else failed_at + days * DAY,
        reason=None if days is None else reason,
        recovered_by=way,
        amount_minor=draw(st.integers(1, 10_000)),
        currency=draw(st.sampled_from(("USD", "EUR"))),
        decline_class=draw(st.sampled_from(("generic", "never", ""))),
    )


@given(st.lists(courses(), max_size=30), st.sampled_from([None, *SPLITS]))
def test_every_invoice_is_counted_once(found: list[Course], by: str | None) -> None:
    """Recovered, ended without, or open: one of the three, in one group; and the ways sum to the recovered."""
    rows = figures(found, by=by, horizons=HORIZONS, now=LATER)
    for days in HORIZONS:
        at = [row for row in rows if row.horizon_days == days]
        assert sum(row.invoices for row in at) == len(found)
        assert sum(row.amount_minor for row in at) == sum(one.amount_minor for one in found)
    for row in rows:
        assert row.recovered + sum(row.ended.values()) + row.still_open == row.invoices
        assert sum(row.recovered_by.values()) == row.recovered
        assert sum(row.recovered_minor_by.values()) == row.recovered_minor
