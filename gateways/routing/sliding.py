"""Outcomes within a window that slides: each is counted when it comes and when it goes, and never in between.

What they add up to at a moment is a `Windows`; taking one copies the counts, not the outcomes.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from gateways.routing.segments import Segment, segments_of
from gateways.routing.windows import NOTHING, OutcomeClass, Run, Tally, Windows

LONGEST_RUN = 1000
"""How far back a run is followed: more than any policy asks for."""


class Outcome(NamedTuple):
    """What became of an attempt, and what it was like."""

    decided_at: datetime
    operation_id: str
    gateway: str
    outcome_class: OutcomeClass
    currency: str
    brand: str | None = None
    card_country: str | None = None


_ADDED = {
    OutcomeClass.APPROVED: Tally(approved=1),
    OutcomeClass.DECLINED: Tally(declined=1),
    OutcomeClass.TECHNICAL: Tally(technical=1),
}


class SlidingOutcomes:
    """The newest outcomes, at most `most` and `window` old; they may come in any order, and again."""

    def __init__(self, window: timedelta, most: int = 10_000) -> None:
        self._window = window
        self._most = most
        self._by_operation: dict[str, Outcome] = {}
        self._by_time: list[Outcome] = []
        self._by_gateway: defaultdict[str, list[Outcome]] = defaultdict(list)
        self._tallies: dict[tuple[str, Segment], Tally] = {}

    def __len__(self) -> int:
        return len(self._by_time)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes; a newer one of the same operation replaces what was known of it."""
        for outcome in outcomes:
            known = self._by_operation.get(outcome.operation_id)
            if known is not None:
                if known.decided_at >= outcome.decided_at:
                    continue
                self._remove(known)
            self._by_operation[outcome.operation_id] = outcome
            insort(self._by_time, outcome)
            insort(self._by_gateway[outcome.gateway], outcome)
            self._count(outcome, 1)

    def at(self, moment: datetime) -> Windows:
        """Forget what is older than the window at that moment, and return the counts of the rest."""
        old = bisect_left(self._by_time, moment - self._window, key=lambda outcome: outcome.decided_at)
        self._forget(max(old, len(self._by_time) - self._most))
        return Windows(dict(self._tallies), {name: _run(kept) for name, kept in self._by_gateway.items()})

    def _forget(self, oldest: int) -> None:
        if oldest <= 0:
            return
        for outcome in self._by_time[:oldest]:
            del self._by_operation[outcome.operation_id]
            self._count(outcome, -1)
        last = self._by_time[oldest - 1]
        del self._by_time[:oldest]
        for kept in self._by_gateway.values():
            del kept[: bisect_right(kept, last)]

    def _remove(self, outcome: Outcome) -> None:
        for kept in (self._by_time, self._by_gateway[outcome.gateway]):
            del kept[bisect_left(kept, outcome)]
        self._count(outcome, -1)

    def _count(self, outcome: Outcome, times: int) -> None:
        added = _ADDED[outcome.outcome_class]
        for segment in segments_of(outcome.currency, outcome.brand, outcome.card_country):
            key = (outcome.gateway, segment)
            before = self._tallies.get(key, NOTHING)
            after = Tally(*(old + times * new for old, new in zip(before, added, strict=True)))
            if after == NOTHING:
                del self._tallies[key]
            else:
                self._tallies[key] = after


def _run(outcomes: list[Outcome]) -> Run:
    """Follow the newest outcomes back while they are alike; `outcomes` is in order of time."""
    outages = answers = 0
    for outcome in reversed(outcomes[-LONGEST_RUN:]):
        if outcome.outcome_class is OutcomeClass.TECHNICAL:
            if answers:
                return Run(0, answers, outcome.decided_at)
            outages += 1
        elif outages:
            break
        else:
            answers += 1
    last = outcomes[-1].decided_at if outages else None
    return Run(outages, answers, last)
