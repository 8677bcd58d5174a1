"""How often a card may be tried at one merchant: the networks' ceilings and our own minimum, as dated data.

A ceiling counts the tries of one card over all invoices, subscriptions and manual tries, at whichever gateway. What is
here is a function over counted tries; who counts them, and keeps two processes from counting past each other, is the caller.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import Field

from billing.dunning import dated_rows
from billing.dunning.dated_rows import DatedRow
from billing.dunning.regions import is_in

DATA: Final = Path(__file__).with_name("network_ceilings.csv")
ANY: Final = "any"
MANY: Final = 1_000_000


class Counts(StrEnum):
    """Which tries a ceiling counts."""

    ANSWERS = "answers"
    """Whatever reached the network and was not approved, whoever failed there."""
    REFUSALS = "refusals"
    """What the issuer itself said no to, without technical failures."""


class Row(DatedRow):
    """A line of the data."""

    counts: Counts
    same_amount: bool
    """Whether only tries of the same amount count together."""
    consecutive: bool
    """Whether an approval starts the count anew."""
    window_hours: int = Field(ge=1, le=8760)
    most: int = Field(ge=1, le=1000)


class Ceiling(NamedTuple):
    """A row, ready to be asked."""

    counts: Counts
    same_amount: bool
    consecutive: bool
    window: timedelta
    most: int
    is_ours: bool
    """Our own minimum, which a person's command or a renewed card may pass; a network's may nobody."""
    note: str


class CardTry(NamedTuple):
    """One try of a card, as ceilings count it."""

    at: datetime
    card: str
    amount_minor: int
    currency: str
    is_approved: bool
    at_network: bool
    """Whether it reached the network at all."""
    is_technical: bool


class CardAsk(NamedTuple):
    """The try that is asked about."""

    card: str
    amount_minor: int
    currency: str


class Room(NamedTuple):
    """How much is left under the ceilings."""

    left: int
    """Tries that are allowed at once; never below zero."""
    next_at: datetime
    """From when the next one is allowed: never earlier than asked for."""
    why: str
    """The ceiling that leaves the least."""


class NetworkCeilings:
    """The data, selected by network, region and day."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._selected = lru_cache(maxsize=1024)(self._selection)

    def of(self, network: str | None, country: str | None, at: datetime) -> tuple[Ceiling, ...]:
        """Return the ceilings that hold for a card of this network and country at this moment."""
        return self._selected(network or "", country, at.date())

    def most_in_30_days(self, day: date) -> tuple[int, str]:
        """Return the smallest ceiling over 30 days of any card network from this day on, and the network."""
        return min(
            (row.most, row.network)
            for row in self._rows
            if row.network not in {ANY, "ach"}
            and row.window_hours == 720
            and (row.effective_until is None or row.effective_until > day)
        )

    @property
    def rows(self) -> Sequence[Row]:
        """All rows."""
        return self._rows

    def _selection(self, network: str, country: str | None, day: date) -> tuple[Ceiling, ...]:
        return tuple(
            Ceiling(
                row.counts,
                row.same_amount,
                row.consecutive,
                timedelta(hours=row.window_hours),
                row.most,
                row.network == ANY,
                row.note,
            )
            for row in self._rows
            if row.network in {ANY, network} and is_in(country, row.region) and row.holds_on(day)
        )


def room(rules: Sequence[Ceiling], tries: Sequence[CardTry], ask: CardAsk, now: datetime) -> Room:
    """Say how many further tries of a card are allowed at `now`, and when the next one is.

    `tries` are all at this merchant that a window can reach, oldest first; those of other cards are passed over.
    """
    left, why = MANY, "no ceiling"
    for rule in rules:
        free = rule.most - sum(at > now - rule.window for at in _counted(rule, tries, ask))
        if free < left:
            left, why = free, rule.note
    return Room(max(left, 0), next_allowed(rules, tries, ask, now), why)


def next_allowed(rules: Sequence[Ceiling], tries: Sequence[CardTry], ask: CardAsk, earliest: datetime) -> datetime:
    """Return from when the next try is allowed, at `earliest` or later, whatever the time is now; `tries` as for `room`."""
    found = earliest
    for rule in rules:
        # As many tries as fill the ceiling, whatever they are of: where they are too old, those that count are too.
        if len(tries) < rule.most or tries[-rule.most].at + rule.window <= found:
            continue
        filled_at = _filled_at(rule, tries, ask)
        if filled_at is not None and filled_at + rule.window > found:
            found = filled_at + rule.window
    return found


def _filled_at(rule: Ceiling, tries: Sequence[CardTry], ask: CardAsk) -> datetime | None:
    """Return when the oldest try was made of the newest that fill a ceiling; None where they do not fill it."""
    missing = rule.most
    for tried in reversed(tries):
        if tried.card != ask.card:
            continue
        if tried.is_approved:
            if rule.consecutive:
                return None
        elif _counts(rule, tried, ask):
            missing -= 1
            if not missing:
                return tried.at
    return None


def _counts(rule: Ceiling, tried: CardTry, ask: CardAsk) -> bool:
    if not tried.at_network or (tried.is_technical and rule.counts is Counts.REFUSALS):
        return False
    return not rule.same_amount or (tried.amount_minor == ask.amount_minor and tried.currency == ask.currency)


def _counted(rule: Ceiling, tries: Sequence[CardTry], ask: CardAsk) -> list[datetime]:
    counted: list[datetime] = []
    for tried in tries:
        if tried.card != ask.card:
            continue
        if tried.is_approved:
            if rule.consecutive:
                counted.clear()
        elif _counts(rule, tried, ask):
            counted.append(tried.at)
    return counted


def read(path: Path = DATA) -> NetworkCeilings:
    """Read the data; raises ValueError where a line cannot be used."""
    return NetworkCeilings(dated_rows.read(path, Row))


CEILINGS: Final = read()
"""The ceilings that the project ships."""
