"""Reads moments of the books as they were typed: ISO 8601 with a zone, or a date, which is a whole day of UTC."""

import re
from datetime import UTC, date, datetime, time

from commands.errors import WrongUse
from ledger.moments import Moment, Span

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FIRST_YEAR = 1900
"""Nothing in the books is older, and a slip of the keyboard is."""


def at(option: str, typed: str | None) -> datetime | None:
    """Read a moment; a date is the end of its day."""
    return _read(option, typed, time.max)


def beginning(option: str, typed: str | None) -> datetime | None:
    """Read the first moment of a time; a date is the beginning of its day."""
    return _read(option, typed, time.min)


def moment(happened: str | None, known: str | None) -> Moment:
    """Read `--at` and `--known-at`."""
    return Moment(happened=at("--at", happened), known=at("--known-at", known))


def span(first: str | None, last: str | None) -> Span:
    """Read `--from` and `--to`."""
    read = Span(first=beginning("--from", first), last=at("--to", last))
    if read.first is not None and read.last is not None and read.first > read.last:
        raise WrongUse(f"--from {first} is after --to {last}: give the earlier one first")
    return read


def _read(option: str, typed: str | None, of_day: time) -> datetime | None:
    if typed is None:
        return None
    text = typed.strip()
    try:
        if _DATE.fullmatch(text):
            found = datetime.combine(date.fromisoformat(text), of_day, UTC)
        else:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                raise WrongUse(f"{option} {typed!r} has no zone: write it like 2026-11-21T08:00Z, or give a date")
            found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongUse(f"{option} {typed!r} is no moment: write it like 2026-11-21 or 2026-11-21T08:00Z") from None
    if found.year < FIRST_YEAR:
        raise WrongUse(f"{option} {typed!r} is before {FIRST_YEAR}: give a later moment")
    return found
