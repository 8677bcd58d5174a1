"""When a gateway is down for everybody, and when it is up again: a pure function of what its newest attempts came to.

Numbers of our own: so few failures in a row are rare where a gateway works, and so short a time is soon noticed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

FAILURES = 5
"""An outage begins when so many attempts in a row had no answer,"""
WITHIN = timedelta(minutes=10)
"""all of them in this time; with fewer, nobody can tell an outage from bad luck, and the schedule for failures does."""
UNASKED = timedelta(minutes=30)
"""An outage in which nothing has failed for so long may be over: the tries that come then, spread by lot, show it."""
MOST_READ = 50
"""Attempts of a gateway, the newest, that are looked at."""


class Attempt(NamedTuple):
    """What an attempt at a gateway came to, as far as that tells of the gateway."""

    at: datetime
    was_answered: bool
    """Whether there was any answer of it, a no among them."""


class Lasting(NamedTuple):
    """An outage that is known, and not over."""

    began_at: datetime
    last_failed_at: datetime


class Begins(NamedTuple):
    """The gateway is down."""

    began_at: datetime
    """Of the first of the failures."""
    last_failed_at: datetime
    why: str


class Fails(NamedTuple):
    """It is down still."""

    last_failed_at: datetime


class Ends(NamedTuple):
    """It is up again, or may be."""

    because: str


def judge(attempts: Sequence[Attempt], lasting: Lasting | None, now: datetime) -> Begins | Fails | Ends | None:
    """Say what is new about a gateway from its attempts, the newest first; None where nothing is."""
    if lasting is not None:
        return _of_lasting(attempts, lasting, now)
    failed = takewhile(lambda attempt: not attempt.was_answered, attempts)
    recent = [attempt.at for attempt in failed if now - attempt.at <= WITHIN]
    if len(recent) < FAILURES:
        return None
    return Begins(recent[-1], recent[0], f"{len(recent)} attempts in a row had no answer")


def _of_lasting(attempts: Sequence[Attempt], lasting: Lasting, now: datetime) -> Fails | Ends | None:
    if any(attempt.was_answered and attempt.at > lasting.began_at for attempt in attempts):
        return Ends("it answers again")
    last_failed_at = max([lasting.last_failed_at, *(each.at for each in attempts if not each.was_answered)])
    if now - last_failed_at >= UNASKED:
        return Ends(f"nobody has asked it for {UNASKED // timedelta(minutes=1)} minutes")
    return Fails(last_failed_at) if last_failed_at > lasting.last_failed_at else None
