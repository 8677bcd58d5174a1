"""Local time: days and hours where the customer lives, on both sides of a change of clocks.

A local time that the clocks jump over is taken for as much later as they jump; one that comes twice is its first coming.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator


@lru_cache(maxsize=512)
def zone_info(name: str) -> ZoneInfo:
    """Return a zone; raises ValueError with what to do."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name}: use a name of the IANA list, such as Europe/Berlin") from None


def _known(name: str) -> str:
    zone_info(name)
    return name


Zone = Annotated[str, AfterValidator(_known)]
"""An IANA time zone."""


@lru_cache(maxsize=65_536)
def local_day(moment: datetime, zone: str) -> date:
    """Return the day that it is there."""
    return moment.astimezone(zone_info(zone)).date()


@lru_cache(maxsize=65_536)
def at_local(day: date, hour_of_day: time, zone: str) -> datetime:
    """Return the moment, in UTC, at which clocks there show this time of this day."""
    return datetime.combine(day, hour_of_day, zone_info(zone)).astimezone(UTC)


@lru_cache(maxsize=65_536)
def days_later(moment: datetime, days: int, zone: str) -> datetime:
    """Return the same time of day, as clocks there show it, so many days later; in UTC."""
    local = moment.astimezone(zone_info(zone))
    shifted = local.replace(tzinfo=None) + timedelta(days=days)
    return shifted.replace(tzinfo=local.tzinfo, fold=local.fold).astimezone(UTC)
