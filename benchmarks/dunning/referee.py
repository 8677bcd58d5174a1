"""Counts what a network forbids in the tries of one case, from what the gateway showed; knows nothing of any policy."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from benchmarks.dunning.networks import Ceiling, networks
from benchmarks.dunning.seen import Try


class Violations(NamedTuple):
    """How many tries should not have been made, by what they broke; one may break several."""

    after_never: int
    above_ceiling: int
    before_wait: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


def violations(tries: Sequence[Try]) -> Violations:
    """Count the violations among a case's tries, oldest first."""
    after_never = above = before = 0
    sent: dict[str, list[Try]] = {}
    forbidden: set[str] = set()
    waits_until: dict[str, datetime] = {}
    for tried in tries:
        if not tried.answer.reached_network:
            continue
        token = tried.card.token
        earlier = sent.setdefault(token, [])
        after_never += token in forbidden
        above += any(_is_above(ceiling, tried, earlier) for ceiling in networks().ceilings)
        before += token in waits_until and tried.at < waits_until[token]
        earlier.append(tried)
        if networks().forbids(tried.card.network, tried.answer):
            forbidden.add(token)
        if hours := networks().wait_hours(tried.answer):
            until = tried.at + timedelta(hours=hours)
            waits_until[token] = max(until, waits_until.get(token, until))
    return Violations(after_never, above, before)


def _is_above(ceiling: Ceiling, tried: Try, earlier: Sequence[Try]) -> bool:
    if ceiling.network != tried.card.network or len(earlier) < ceiling.most:
        return False
    within = timedelta(hours=ceiling.hours)
    counted = earlier if ceiling.counts_first else earlier[1:]
    return sum(tried.at - one.at < within for one in counted) >= ceiling.most
