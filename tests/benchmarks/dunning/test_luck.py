"""Luck belongs to the case and the moment, so that policies are compared on the same."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from benchmarks.dunning import issuer
from benchmarks.dunning.hidden import hidden
from benchmarks.dunning.luck import Draws, Luck, chosen, share
from benchmarks.dunning.play import play
from benchmarks.dunning.seen import SeenCase, Try
from benchmarks.dunning.worlds import BASE, worlds

WORLD = worlds().by_name[BASE]


@dataclass
class OnDays:
    """Tries on these days whatever is answered, and remembers the answers."""

    days: tuple[float, ...]
    name: str = "on days"
    tries: list[Try] = field(default_factory=list)

    def next_try(self, seen: SeenCase, now: datetime) -> datetime | None:
        """Return the next of the days."""
        self.tries = seen.tries
        days = (seen.failed_at + timedelta(days=day) for day in self.days)
        return next((day for day in days if day > max(now, seen.tries[-1].at)), None)


def test_the_same_seed_gives_the_same_cases_and_the_same_tries() -> None:
    """A figure of the report can be made again, by anyone."""
    for number in range(40):
        assert hidden(WORLD, 7, number) == hidden(WORLD, 7, number)
        case = hidden(WORLD, 7, number)
        assert play(WORLD, case, OnDays((1, 4, 9)), 8) == play(WORLD, case, OnDays((1, 4, 9)), 8)
    assert hidden(WORLD, 7, 1) != hidden(WORLD, 8, 1)


def test_luck_is_pinned() -> None:
    """The draws are those of the published report, on every machine and version of Python."""
    assert share(1, 2, 3) == 0.814259011529328
    assert hidden(WORLD, 1, 1).invoice_id == "in_hajfloolnhgfhfoe"


def test_a_try_more_does_not_shift_the_luck_of_those_that_follow() -> None:
    """Whoever tries at other times before meets the same issuer later: its code and its approval are those of the moment."""
    compared = 0
    for number in range(300):
        case = hidden(WORLD, 3, number)
        if case.cause == "risk":
            continue  # its odds fall with each decline, which is meant
        few, many = OnDays((9.0,)), OnDays((1.0, 2.0, 3.5, 9.0))
        play(WORLD, case, few, 8)
        play(WORLD, case, many, 8)
        at = few.tries[-1].at
        there = [tried for tried in many.tries if tried.at == at]
        if len(few.tries) == 2 and there and few.tries[-1].card == there[0].card:
            ours, theirs = few.tries[-1].answer, there[0].answer
            if ours.succeeded == theirs.succeeded:
                assert ours == theirs
                compared += 1
            else:
                assert ours.succeeded  # a little lower odds after more declines
    assert compared > 60


def test_two_tries_within_a_slot_have_the_same_luck() -> None:
    """Nothing is won by asking again at once."""
    for number in range(200):
        case = hidden(WORLD, 4, number)
        slot = (int(case.failed_at // 21_600) + 9) * 21_600.0
        first, second = (issuer.cause(WORLD, case, issuer.Ask(at, 1, case.failed_at)) for at in (slot + 60, slot + 120))
        assert first == second


def test_draws_are_even_and_chosen_by_their_shares() -> None:
    """Chance is neither stuck nor skewed."""
    draws = Draws(5)
    drawn = [draws.share() for _ in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.02)
    assert len(set(drawn)) == len(drawn)
    assert min(drawn) >= 0
    assert max(drawn) < 1
    names = [chosen({"a": 0.2, "b": 0.8}, share(Luck.CODE, number)) for number in range(4000)]
    assert names.count("a") / len(names) == pytest.approx(0.2, abs=0.03)
