"""When a gateway counts as down for everybody: neither for bad luck, nor for longer than it is, nor for ever."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.dunning.outages import FAILURES, UNASKED, WITHIN, Attempt, Begins, Ends, Fails, Lasting, judge
from tests.billing.dunning.histories import FAILED_AT as NOW

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def attempts(told: str, *, newest: datetime = NOW, apart: timedelta = SECOND) -> list[Attempt]:
    """Attempts, the oldest first in `told`: `.` was answered, `x` was not; returned newest first."""
    return [Attempt(newest - number * apart, each == ".") for number, each in enumerate(reversed(told))]


def test_an_outage_begins_when_so_many_in_a_row_had_no_answer() -> None:
    """It is noticed within the time that the last of them takes, and dated by the first."""
    assert judge(attempts("." + "x" * (FAILURES - 1)), None, NOW) is None
    began = judge(attempts("." + "x" * FAILURES), None, NOW)
    assert began == Begins(NOW - (FAILURES - 1) * SECOND, NOW, "5 attempts in a row had no answer")


@pytest.mark.parametrize("told", ["", ".", "x", "xxxx.", "xxxx.xxxx", "xx.xx.xx.xx"])
def test_what_a_gateway_answers_between_failures_is_no_outage(told: str) -> None:
    """A gateway that is slow for some is not given up for all."""
    assert judge(attempts(told), None, NOW) is None


def test_failures_that_lie_far_apart_are_no_outage() -> None:
    """Five lost answers of a whole night say nothing; the schedule for technical failures does."""
    apart = WITHIN / (FAILURES - 1)
    assert isinstance(judge(attempts("x" * FAILURES, apart=apart), None, NOW), Begins)
    assert judge(attempts("x" * FAILURES, apart=apart + SECOND), None, NOW) is None
    assert judge(attempts("x" * FAILURES), None, NOW + WITHIN) is None


def test_an_outage_ends_with_the_first_answer() -> None:
    """An approval and a decline are worth the same: somebody is there again."""
    lasting = Lasting(NOW - 10 * SECOND, NOW - 6 * SECOND)
    assert judge(attempts(".xxxxx", newest=NOW - 5 * SECOND), lasting, NOW) == Fails(NOW - 5 * SECOND)
    assert judge(attempts("xxxxx."), lasting, NOW) == Ends("it answers again")
    assert judge(attempts("xxxxx.x"), lasting, NOW) == Ends("it answers again")


def test_an_answer_from_before_the_outage_does_not_end_it() -> None:
    """What was committed late was answered before."""
    lasting = Lasting(NOW - 4 * SECOND, NOW)
    assert judge(attempts(".xxxxx"), lasting, NOW) is None


def test_an_outage_in_which_nobody_asks_any_more_is_over_after_a_while() -> None:
    """Where dunning alone used the gateway, it would wait for an answer to a question that nobody asks."""
    lasting = Lasting(NOW - UNASKED, NOW)
    assert judge([], lasting, NOW + UNASKED - SECOND) is None
    assert judge([], lasting, NOW + UNASKED) == Ends("nobody has asked it for 30 minutes")
    probe = attempts("x", newest=NOW + 20 * MINUTE)
    assert judge(probe, lasting, NOW + UNASKED) == Fails(NOW + 20 * MINUTE)
    assert judge(probe, Lasting(NOW, NOW + 20 * MINUTE), NOW + UNASKED) is None


def test_it_begins_again_when_what_comes_then_fails_too() -> None:
    """Half open: the failures of before the end count no more, those of after do."""
    before = attempts("x" * FAILURES)
    after = attempts("x" * (FAILURES - 1), newest=NOW + UNASKED + MINUTE)
    assert judge([*after, *before], None, NOW + UNASKED + MINUTE) is None
    after = attempts("x" * FAILURES, newest=NOW + UNASKED + MINUTE)
    found = judge([*after, *before], None, NOW + UNASKED + MINUTE)
    assert found is not None
    assert isinstance(found, Begins)
    assert found.began_at == after[-1].at


@given(st.text("x.", max_size=30), st.integers(0, 120))
def test_nobody_waits_for_a_gateway_that_answered_last(told: str, seconds: int) -> None:
    """Whatever came before, and however far apart: an answer is never the beginning of an outage, and always the end."""
    seen = attempts(told + ".", apart=timedelta(seconds=seconds))
    assert judge(seen, None, NOW) is None
    assert judge(seen, Lasting(NOW - SECOND, NOW - SECOND), NOW) == Ends("it answers again")
