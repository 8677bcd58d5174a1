"""What dunning has brought, by fixed definitions (docs/dunning.md, What is measured): pure, from the courses of its invoices.

A cohort is the invoices whose payment failed in a time; it is looked at a number of days after each failure, its horizon.
Amounts are minor units of one currency, and are never added over currencies.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.dunning.decision import Reason
from ledger.record import Record

HORIZONS = (30, 60)
"""Days after the failure."""


class RecoveredBy(StrEnum):
    """What brought the money."""

    RETRY = "retry"
    """A try of a method that was there, by the policy or by a person's command."""
    NEW_METHOD = "new_method"
    """A try of a method that was added or renewed since the failure."""
    LINK = "link"
    """The customer paid, and was present."""
    OUTSIDE = "outside"
    """No try of ours: a transfer, credit, or another charge."""


class Course(NamedTuple):
    """What became of one unpaid invoice."""

    invoice_id: str
    customer_id: str
    policy: str
    """`version/name`, by which it went last."""
    decline_class: str
    """Of the first decline; empty where there was none."""
    network: str
    """Of the first try's card; empty where it is not known."""
    amount_minor: int
    """What was due when the payment failed."""
    currency: str
    failed_at: datetime
    ended_at: datetime | None
    reason: str | None
    recovered_by: str | None
    tries: Sequence[datetime]
    """Tries after the failure that reached the network, whatever they were made for."""
    rungs: Sequence[datetime]
    """Those that used up one of the policy's."""
    notices: Sequence[datetime]
    is_paid_after_end: bool
    """Whether the invoice was paid after its dunning had ended without."""
    ended_subscription: bool
    next_decided: bool
    """Whether the next invoice of the subscription was paid or failed."""
    next_failed: bool


Split = Callable[[Course], str]
SPLITS: dict[str, Split] = {
    "policy": lambda course: course.policy,
    "class": lambda course: course.decline_class or "none",
    "network": lambda course: course.network or "unknown",
    "recovered_by": lambda course: course.recovered_by or "not recovered",
    "month": lambda course: f"{course.failed_at:%Y-%m}",
}


class Figures(Record):
    """What is measured of one cohort in one currency at one horizon. Times are seconds; shares are of one, None of nothing."""

    group: str
    """By what the report is split; `all` where it is not."""
    currency: str
    horizon_days: int
    is_complete: bool
    """Whether the horizon of every invoice is over: what is not complete can still become more."""
    invoices: int
    amount_minor: int
    recovered: int
    recovered_minor: int
    share: float | None
    share_of_amount: float | None
    recovered_by: dict[str, int]
    """Of the recovered, how many by what."""
    recovered_minor_by: dict[str, int]
    tries: int
    """Of the whole cohort: what a recovery costs counts what did not help, too."""
    rungs: int
    notices: int
    tries_per_recovery: float | None
    rungs_per_recovery: float | None
    notices_per_recovery: float | None
    median_seconds: int | None
    """From the failure to the recovery: half of the recovered took at most so long."""
    ninetieth_seconds: int | None
    """Nine of ten took at most so long."""
    ended: dict[str, int]
    """Ended without a payment, by the reason."""
    still_open: int
    paid_after_end: int
    subscriptions_ended: int
    next_decided: int
    """Recovered ones whose subscription's next invoice was paid or failed."""
    next_failed: int
    recurrence: float | None


def figures(courses: Sequence[Course], *, by: str | None, horizons: Sequence[int], now: datetime) -> list[Figures]:
    """Measure each group, in each currency, at each horizon."""
    split = SPLITS[by] if by is not None else lambda _course: "all"
    groups: dict[tuple[str, str], list[Course]] = {}
    for course in courses:
        groups.setdefault((split(course), course.currency), []).append(course)
    return [
        _measured(group, currency, found, days, now)
        for (group, currency), found in sorted(groups.items())
        for days in horizons
    ]


def _measured(group: str, currency: str, courses: Sequence[Course], days: int, now: datetime) -> Figures:
    seen = [_seen(course, timedelta(days=days)) for course in courses]
    recovered = [course for course in seen if course.reason == Reason.PAID]
    ended = [course for course in seen if course.reason not in {None, Reason.PAID}]
    waits = sorted((course.ended_at - course.failed_at) for course in recovered if course.ended_at is not None)
    tries, rungs, notices = (sum(map(len, each)) for each in zip(*(_acts(course) for course in seen), strict=True))
    decided = [course for course in recovered if course.next_decided]
    failed = [course for course in decided if course.next_failed]
    amount_minor, recovered_minor = _sum(seen), _sum(recovered)
    by = {way: [course for course in recovered if _way(course) is way] for way in RecoveredBy}
    return Figures(
        group=group,
        currency=currency,
        horizon_days=days,
        is_complete=all(course.failed_at + timedelta(days=days) <= now for course in courses),
        invoices=len(seen),
        amount_minor=amount_minor,
        recovered=len(recovered),
        recovered_minor=recovered_minor,
        share=_ratio(len(recovered), len(seen)),
        share_of_amount=_ratio(recovered_minor, amount_minor),
        recovered_by={way: len(found) for way, found in by.items()},
        recovered_minor_by={way: _sum(found) for way, found in by.items()},
        tries=tries,
        rungs=rungs,
        notices=notices,
        tries_per_recovery=_ratio(tries, len(recovered)),
        rungs_per_recovery=_ratio(rungs, len(recovered)),
        notices_per_recovery=_ratio(notices, len(recovered)),
        median_seconds=_rank(waits, 50),
        ninetieth_seconds=_rank(waits, 90),
        ended={reason: len([one for one in ended if one.reason == reason]) for reason in sorted(_reasons(ended))},
        still_open=len(seen) - len(recovered) - len(ended),
        paid_after_end=sum(course.is_paid_after_end for course in ended),
        subscriptions_ended=sum(course.ended_subscription for course in ended),
        next_decided=len(decided),
        next_failed=len(failed),
        recurrence=_ratio(len(failed), len(decided)),
    )


def _seen(course: Course, horizon: timedelta) -> Course:
    """Return it as it stood at its horizon."""
    until = course.failed_at + horizon
    is_over = course.ended_at is not None and course.ended_at <= until
    return course._replace(
        ended_at=course.ended_at if is_over else None,
        reason=course.reason if is_over else None,
        tries=[at for at in course.tries if at <= until],
        rungs=[at for at in course.rungs if at <= until],
        notices=[at for at in course.notices if at <= until],
    )


def _acts(course: Course) -> tuple[Sequence[datetime], Sequence[datetime], Sequence[datetime]]:
    return course.tries, course.rungs, course.notices


def _way(course: Course) -> RecoveredBy:
    """Return what brought the money: from outside, where nothing of ours is known to have."""
    return RecoveredBy(course.recovered_by) if course.recovered_by is not None else RecoveredBy.OUTSIDE


def _reasons(courses: Sequence[Course]) -> set[str]:
    return {course.reason for course in courses if course.reason is not None}


def _sum(courses: Sequence[Course]) -> int:
    return sum(course.amount_minor for course in courses)


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rank(ordered: Sequence[timedelta], percent: int) -> int | None:
    """Return the nearest rank: the least of them that so many percent do not exceed."""
    return int(ordered[-(-len(ordered) * percent // 100) - 1].total_seconds()) if ordered else None
