"""The calendar is what would be done: it runs the functions of the process, and ends as the process would."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from billing.dunning.decline_classes import Answer
from billing.dunning.history import EventKind
from billing.dunning.outlook import Clock, Entry, calendar
from tests.billing.dunning.histories import CODES, DAY, FAILED_AT, default, event, fixed, history, method, tries_of

UNTIL = FAILED_AT + 400 * DAY


def said(entries: Sequence[Entry], clock: Clock) -> list[str]:
    return [entry.what for entry in entries if entry.clock is clock]


@pytest.mark.parametrize("of_class", ["wait_for_funds", "generic", "technical", "unknown"])
def test_its_tries_are_those_that_would_be_made(of_class: str) -> None:
    """A preview that shows another calendar than the process keeps would be worse than none."""
    made, _, _ = tries_of(history(CODES[of_class]), default(), CODES[of_class])
    entries = calendar(history(CODES[of_class]), default(), lambda _: CODES[of_class], UNTIL)
    shown = [entry.at for entry in entries if entry.what.startswith("try ")]
    assert shown == [one.at for one in made]


@pytest.mark.parametrize("of_class", list(CODES))
def test_it_ends_with_the_policys_end_and_in_the_order_of_time(of_class: str) -> None:
    """Every class of decline comes to the end, with all clocks."""
    entries = calendar(history(CODES[of_class]), default(), lambda _: CODES[of_class], UNTIL)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert said(entries, Clock.END) == ["subscription cancel, invoice keep_open"]
    assert said(entries, Clock.ACCESS) == ["grace", "limited", "suspended", "ended"]
    assert said(entries, Clock.NOTICES)[-2:] == ["send last_warning by email", "send ended by email"]
    assert all(entry.why for entry in entries)


def test_an_approval_ends_it_with_access_and_a_word() -> None:
    """The third try is approved: nothing follows but the good news."""
    answers = iter([CODES["wait_for_funds"], CODES["wait_for_funds"], None])
    entries = calendar(history(), fixed(), lambda _: next(answers), UNTIL)
    assert said(entries, Clock.TRIES)[-1] == "try pm_1: approved"
    assert said(entries, Clock.NOTICES)[-1] == "send recovered by email"
    assert said(entries, Clock.ACCESS)[-1] == "active"
    assert said(entries, Clock.END) == []


def test_it_stops_where_it_was_asked_to() -> None:
    """The calendar of a week has no eighth day."""
    until = FAILED_AT + 7 * DAY
    entries = calendar(history(), fixed(), lambda _: CODES["generic"], until)
    assert entries
    assert all(entry.at <= until for entry in entries)


def test_what_waits_for_a_person_is_shown() -> None:
    """Whoever reads it sees why nothing happens."""
    doubtful = Answer(code="duplicate_transaction")
    entries = calendar(history(doubtful), fixed(), lambda _: doubtful, UNTIL)
    assert said(entries, Clock.TRIES) == ["wait until 2026-12-17 09:00 UTC: review"]


def test_a_pause_and_a_new_card_are_shown_as_what_they_are() -> None:
    """A hold is a wait; a renewed card is a try that uses up none."""
    added_at = FAILED_AT + timedelta(hours=1)
    paused = history(
        methods=[method("pm_2", added_at=added_at)], events=(event(EventKind.PAUSED, added_at, added_at + DAY),)
    )
    entries = calendar(paused.having(tries=()), fixed(), lambda _: CODES["never"], UNTIL)
    assert "try pm_2, which uses up no try: never" in said(entries, Clock.TRIES)
