"""Which notice is due when: once each, outside quiet hours, under the caps, and none that is out of date."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from billing.dunning.decline_classes import Answer
from billing.dunning.history import EventKind, History, SentNotice
from billing.dunning.notice_ladder import Notices, QuietHours
from billing.dunning.notices import Notice, before_expiry, notices_due, planned_notices
from billing.dunning.policy import Policy
from billing.dunning.zones import at_local, zone_info
from tests.billing.dunning.histories import CODES, DAY, FAILED_AT, HOUR, default, event, fixed, history, method, tried

ZONE = "Europe/Berlin"


def sent(before: History, *notices: Notice) -> History:
    return before.having(notices=(*before.notices, *(SentNotice(key=one.key, at=one.at) for one in notices)))


def all_sent(before: History, policy: Policy, until: datetime) -> list[Notice]:
    """Send each notice when it is due, hour by hour, as a process does."""
    found: list[Notice] = []
    now = before.invoice.failed_at
    while now <= until:
        for notice in notices_due(before, policy, now):
            found.append(notice)
            before = before.having(notices=(*before.notices, SentNotice(key=notice.key, at=now)))
        now += HOUR
    return found


def templates(notices: list[Notice]) -> list[str]:
    return [str(one.template) for one in notices]


def test_the_ladder_is_sent_in_order_and_each_once() -> None:
    """Nobody gets a reminder twice, and nobody is cancelled without a last warning."""
    assert templates(all_sent(history(), fixed(), FAILED_AT + 20 * DAY)) == [
        "payment_failed",
        "reminder",
        "last_warning",
    ]


@pytest.mark.parametrize(
    ("of_class", "first"),
    [
        ("never", "update_method"),
        ("fix_data", "update_method"),
        ("generic", "payment_failed"),
        ("technical", "payment_failed"),
    ],
)
def test_what_is_said_first_depends_on_the_decline(of_class: str, first: str) -> None:
    """Whoever has to act is told at once; whoever may not have to is told a day later."""
    notices = all_sent(history(CODES[of_class]), fixed(), FAILED_AT + 2 * DAY)
    assert templates(notices) == [first]
    assert (notices[0].at == FAILED_AT) == (first == "update_method")


def test_a_later_refusal_for_ever_is_told_when_it_comes() -> None:
    """The card that was short of money is stolen now: the customer is asked for another one, after what was sent already."""
    before = sent(history(), planned_notices(history(), fixed(), FAILED_AT)[0])
    stolen_at = FAILED_AT + 5 * DAY
    stolen = before.having(tries=(*before.tries, tried(stolen_at, CODES["never"])))
    assert templates(notices_due(stolen, fixed(), stolen_at)) == ["update_method"]


def test_nothing_is_sent_in_quiet_hours() -> None:
    """A failure at night is told in the morning, where the customer lives."""
    night = at_local(FAILED_AT.date(), datetime(2026, 1, 1, 23, 30).time(), ZONE)  # noqa: DTZ001 - only its clock is used
    before = history(CODES["never"], failed_at=night)
    assert notices_due(before, fixed(), night) == []
    local = planned_notices(before, fixed(), night)[0].at.astimezone(zone_info(ZONE))
    assert (local.day, local.hour, local.minute) == (27, 8, 0)


@pytest.mark.parametrize(("hour", "is_quiet"), [(0, True), (7, True), (8, False), (19, False), (20, True)])
def test_quiet_hours_go_past_midnight(hour: int, *, is_quiet: bool) -> None:
    """From eight in the evening to eight in the morning, the end not included."""
    quiet = QuietHours.model_validate({"begin": "20:00", "until": "08:00"})
    assert quiet.covers(datetime(2026, 1, 1, hour).time()) is is_quiet  # noqa: DTZ001 - only its clock is used


@pytest.mark.parametrize("month", [3, 10])
def test_quiet_hours_end_when_clocks_say_so_on_the_day_they_change(month: int) -> None:
    """Eight in the morning is eight in the morning after a night of 23 hours, or of 25."""
    day = {3: 29, 10: 25}[month]
    failed_at = at_local(datetime(2026, month, day).date(), datetime(2026, 1, 1, 1).time(), ZONE)  # noqa: DTZ001 - as above
    before = history(CODES["never"], failed_at=failed_at)
    local = planned_notices(before, fixed(), failed_at)[0].at.astimezone(zone_info(ZONE))
    assert (local.day, local.hour, local.minute) == (day, 8, 0)


def test_the_caps_hold_whatever_came_before() -> None:
    """Three in a week and one in a day at most; what is over them comes later, not never."""
    busy = fixed(notices=fixed().notices.model_copy(update={"most_per_week": 1}))
    notices = all_sent(history(), busy, FAILED_AT + 20 * DAY)
    assert templates(notices) == ["payment_failed", "reminder", "last_warning"]
    for earlier, later in pairwise(notices):
        assert later.at - earlier.at >= 7 * DAY


def test_of_several_that_came_due_together_only_the_newest_is_sent() -> None:
    """After a week without a worker nobody gets three mails at once, of which two are out of date."""
    late = FAILED_AT + 18 * DAY + 3 * HOUR
    assert templates(notices_due(history(), fixed(), late)) == ["last_warning"]
    told = sent(history(), *notices_due(history(), fixed(), late))
    assert all_sent(told, fixed(), FAILED_AT + 20 * DAY) == []


def test_what_was_recovered_is_told_and_nothing_else_any_more() -> None:
    """No reminder after the money is there."""
    paid_at = FAILED_AT + 6 * DAY
    paid = history(events=(event(EventKind.PAID, paid_at),))
    assert templates(planned_notices(paid, fixed(), paid_at)) == ["recovered"]
    approved = history().having(tries=(*history().tries, tried(paid_at, None)))
    assert templates(planned_notices(approved, fixed(), paid_at)) == ["recovered"]


def test_the_end_is_told_in_spite_of_the_caps_but_not_at_night() -> None:
    """Whoever loses access hears of it, when they are awake."""
    ended_at = at_local(datetime(2026, 12, 17).date(), datetime(2026, 1, 1, 22).time(), ZONE)  # noqa: DTZ001 - as above
    keys = [SentNotice(key=f"reminder.days_after_failure.{number}", at=ended_at - HOUR) for number in range(3)]
    ended = history(events=(event(EventKind.ENDED, ended_at),), notices=tuple(keys))
    (notice,) = planned_notices(ended, fixed(), ended_at)
    local = notice.at.astimezone(zone_info(ZONE))
    assert (notice.template, local.day, local.hour) == ("ended", 18, 8)


@pytest.mark.parametrize("kind", [EventKind.VOIDED, EventKind.SUBSCRIPTION_CANCELLED])
def test_nothing_is_told_of_what_the_customer_or_the_merchant_ended(kind: EventKind) -> None:
    """A void invoice is nobody's concern any more."""
    assert planned_notices(history(events=(event(kind, FAILED_AT + DAY),)), fixed(), FAILED_AT + DAY) == []


def test_nobody_is_reminded_during_a_hold() -> None:
    """A customer who promised to pay on the tenth hears nothing on the seventh."""
    ends = FAILED_AT + 10 * DAY
    held = history(events=(event(EventKind.PROMISED, FAILED_AT + DAY / 2, ends),))
    assert all(notice.at >= ends for notice in planned_notices(held, fixed(), FAILED_AT + DAY))


def test_a_card_that_expires_is_told_before_it_does() -> None:
    """The first day on which it is good no more is the first of the next month."""
    card = method(expires="2026-12")
    ((at, step),) = before_expiry(card, fixed(), ZONE)
    assert (at, step.days) == (at_local(datetime(2026, 12, 25).date(), fixed().notices.at, ZONE), 7)  # noqa: DTZ001 - a day
    kinds = templates(planned_notices(history(methods=[card]), fixed(deadline_days=60), FAILED_AT))
    assert "card_expiring" in kinds
    assert before_expiry(method(expires="2026-12", removed_at=FAILED_AT), fixed(), ZONE) == []
    assert before_expiry(method(), fixed(), ZONE) == []


def test_without_quiet_hours_it_is_sent_when_it_is_due() -> None:
    """Quiet hours are a policy's choice."""
    loud = fixed(notices=Notices(ladder=fixed().notices.ladder))
    night = FAILED_AT + 14 * HOUR
    before = history(CODES["never"], failed_at=night)
    assert planned_notices(before, loud, night)[0].at == night


def test_the_shipped_ladder_speaks_first_to_those_who_have_to_act() -> None:
    """Authentication and new data are asked for at once; those short of money after three days, since payday may come."""
    for of_class, days in (("needs_authentication", 0), ("fix_data", 0), ("generic", 1), ("wait_for_funds", 3)):
        first = planned_notices(history(CODES[of_class]), default(), FAILED_AT)[0]
        assert (first.at - FAILED_AT) // DAY in {days, days - 1}


def test_a_payment_that_failed_is_told_once_though_the_reason_changed() -> None:
    """First no reason, then no money: the customer knows already that it failed."""
    before = history(CODES["generic"])
    told = sent(before, planned_notices(before, default(), FAILED_AT)[0])
    changed = told.having(tries=(*told.tries, tried(FAILED_AT + 2 * DAY, CODES["wait_for_funds"])))
    assert "payment_failed" not in templates(planned_notices(changed, default(), FAILED_AT + 2 * DAY))


def test_a_notice_at_an_unknown_answer_is_as_at_a_generic_one() -> None:
    """What no rule knows is treated like what has no reason."""
    unknown = history(Answer(code="brand_new"))
    assert templates(planned_notices(unknown, default(), FAILED_AT))[0] == "payment_failed"
    assert planned_notices(unknown, default(), FAILED_AT)[0].at - FAILED_AT < DAY + timedelta(hours=12)
