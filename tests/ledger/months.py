"""Months as the books name them, told from today, since a period can be closed only once it is over."""

from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb


def first_day(ago: int) -> date:
    """The first day of the month so many months ago; negative for months to come."""
    today = datetime.now(UTC).date()
    year, month = divmod(today.year * 12 + today.month - 1 - ago, 12)
    return date(year, month + 1, 1)


def name_of(ago: int) -> str:
    """Name of the period so many months ago."""
    return f"{first_day(ago):%Y-%m}"


def within(ago: int) -> datetime:
    """A moment in the month so many months ago: the noon of its second day."""
    return datetime.combine(first_day(ago), datetime.min.time(), UTC) + timedelta(days=1, hours=12)


def appoint(superuser: psycopg.Connection, **persons: str) -> None:
    """Make these persons the only ones of their roles, as `closer="alice bob"`."""
    given = Jsonb({role: names.split() for role, names in persons.items()})
    superuser.execute("SELECT public.keep_roles(%s)", [given])
