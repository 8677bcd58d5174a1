"""The clock of the notices: which notice of the ladder is due, once each, outside the quiet hours and under the caps.

A pure function of what happened, the policy and the time, like `decide`, and apart from it: a try is no notice.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import NamedTuple

from billing.dunning.decide import deadline_of
from billing.dunning.decline_classes import DeclineClass
from billing.dunning.ending import Ending, ending_of
from billing.dunning.history import History, PaymentMethod, SentNotice
from billing.dunning.notice_ladder import Channel, Notices, QuietHours, Step, Template
from billing.dunning.policy import Policy
from billing.dunning.standing import Standing, standing_of
from billing.dunning.zones import at_local, days_later, local_day, zone_info

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
ENDINGS = frozenset((Template.ENDED, Template.RECOVERED))
"""What is told in spite of the caps, and when everything else is out of date."""


class Notice(NamedTuple):
    """One that is due, or will be."""

    key: str
    """Of the step; whoever sent it keeps this, so that it is not sent again."""
    template: Template
    channel: Channel
    at: datetime
    """When it may go, by the ladder, the quiet hours and the caps."""
    why: str


def notices_due(history: History, policy: Policy, now: datetime) -> list[Notice]:
    """Return the notices to send now; of several of one kind that came due together, only the newest."""
    return [notice for notice in planned_notices(history, policy, now) if notice.at <= now]


def planned_notices(history: History, policy: Policy, now: datetime) -> list[Notice]:
    """Return all that will be sent if nothing else happens, as it looks now: the next one is certain, those after it may move."""
    standing = standing_of(history.events)
    zone = policy.zone_of(history.customer)
    sent = {notice.key for notice in history.notices}
    steps = sorted(_steps(history, policy, standing, zone), key=lambda found: found.at)
    planned: list[Notice] = []
    for number, found in enumerate(steps):
        if found.step.key in sent or _is_outdated(found, steps[number + 1 :], sent, now):
            continue
        at = _allowed(found, policy.notices, history.notices, zone)
        planned.append(Notice(found.step.key, found.step.template, found.step.channel, at, found.why))
    return sorted(planned, key=lambda notice: notice.at)


def before_expiry(method: PaymentMethod, policy: Policy, zone: str) -> list[tuple[datetime, Step]]:
    """Return when the customer is to be told that a card expires, by each step that says so; also without a failure."""
    if method.expires is None or method.removed_at is not None:
        return []
    year, month = (int(part) for part in method.expires.split("-"))
    over_on = date(year + month // 12, month % 12 + 1, 1)
    steps = [step for step in policy.notices.ladder if step.days_before_expiry is not None]
    return [(at_local(over_on - timedelta(days=step.days), policy.notices.at, zone), step) for step in steps]


class _Found(NamedTuple):
    """A step with its moment by the ladder."""

    step: Step
    at: datetime
    why: str

    @property
    def kind(self) -> str:
        """Steps of one kind replace each other."""
        if self.step.template in ENDINGS or self.step.template is Template.CARD_EXPIRING:
            return self.step.template
        return "unpaid"


def _steps(history: History, policy: Policy, standing: Standing, zone: str) -> Iterator[_Found]:
    ending = ending_of(history, standing)
    if ending.is_over:
        yield from _of_ending(policy, ending, zone)
        return
    told = {notice.key.partition(".")[0] for notice in history.notices}
    failed_at = history.invoice.failed_at
    for step in policy.notices.ladder:
        if step.template is Template.PAYMENT_FAILED and step.template in told:
            continue
        at = _moment(step, history, policy, standing, zone)
        if at is not None:
            held_until = max((hold.until for hold in standing.holds if hold.began_at <= at < hold.until), default=at)
            yield _Found(step, held_until, _said(step))
    if history.methods:
        for at, step in before_expiry(history.methods[0], policy, zone):
            if at > failed_at:
                yield _Found(step, at, _said(step))


def _of_ending(policy: Policy, ending: Ending, zone: str) -> Iterator[_Found]:
    at = ending.recovered_at or ending.ended_at
    expected = Template.RECOVERED if ending.recovered_at else Template.ENDED
    if at is None or ending.is_silent:
        return
    for step in policy.notices.ladder:
        if step.template is expected:
            yield _Found(step, _on_day(at, step.days, policy.notices.at, zone), _said(step))


def _moment(step: Step, history: History, policy: Policy, standing: Standing, zone: str) -> datetime | None:
    if step.days_after_failure is not None:
        since = history.invoice.failed_at if step.classes is None else _class_since(history, step.classes)
        return None if since is None else _on_day(since, step.days, policy.notices.at, zone)
    if step.days_before_deadline is not None:
        if step.classes is not None and _class_since(history, step.classes) is None:
            return None
        day = local_day(deadline_of(history, policy, standing), zone) - timedelta(days=step.days)
        return at_local(day, policy.notices.at, zone)
    return None


def _class_since(history: History, classes: Sequence[DeclineClass]) -> datetime | None:
    """Return since when the newest declines are of these classes; None where the newest is not."""
    run = takewhile(
        lambda tried: tried.classified is not None and tried.classified.decline_class in classes,
        reversed(history.tries),
    )
    return min((tried.at for tried in run), default=None)


def _on_day(since: datetime, days: int, clock: time, zone: str) -> datetime:
    """Return the ladder's time of day so many days later; the same day is at once."""
    if not days:
        return since
    return at_local(local_day(days_later(since, days, zone), zone), clock, zone)


def _is_outdated(found: _Found, later: Sequence[_Found], sent: set[str], now: datetime) -> bool:
    """Whether a later step of its kind was sent, or is due as well."""
    return any(
        other.kind == found.kind and other.at >= found.at and (other.step.key in sent or other.at <= now)
        for other in later
    )


def _allowed(found: _Found, notices: Notices, sent: Sequence[SentNotice], zone: str) -> datetime:
    at = _after_quiet_hours(found.at, notices.quiet_hours, zone)
    if found.step.template in ENDINGS:
        return at
    times = sorted(notice.at for notice in sent)
    for most, window in ((notices.most_per_day, A_DAY), (notices.most_per_week, A_WEEK)):
        if len(times) >= most:
            at = max(at, times[-most] + window)
    return _after_quiet_hours(at, notices.quiet_hours, zone)


def _after_quiet_hours(at: datetime, quiet: QuietHours | None, zone: str) -> datetime:
    local = at.astimezone(zone_info(zone))
    if quiet is None or not quiet.covers(local.time()):
        return at
    day = local.date() + timedelta(days=local.time() >= quiet.until)
    return at_local(day, quiet.until, zone)


def _said(step: Step) -> str:
    unit = "day" if step.days == 1 else "days"
    before, _, what = step.moment.removeprefix("days_").partition("_")
    return f"{step.days} {unit} {before} the {what}" if step.days else f"on the day of the {what}"
