"""When a customer has enough money for an invoice: spans of time that begin on paydays, or with other money."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.dunning.luck import Draws
from benchmarks.dunning.paydays import paydays
from benchmarks.dunning.worlds import DAY_SECONDS, HORIZON_DAYS, World

BEFORE_DAYS = 40
"""Money that came so long before a failure may still be there."""
LENGTHS = (0.6, 1.4)
"""How long money lasts, from time to time, to how long it does with this customer."""


class Payer(NamedTuple):
    """What the money of a customer depends on."""

    country: str
    zone: ZoneInfo
    funding: str


@dataclass(frozen=True, slots=True)
class Account:
    """One customer's money, in seconds since 1970."""

    spans: tuple[tuple[float, float], ...]
    """From and until when it is enough."""
    calendar: str | None
    """Of pay; `own_day` for credit cards, None for money that comes at any time."""
    own: int
    """Settles the days of calendars that differ by customer."""

    def covers(self, at: float) -> bool:
        """Whether there is enough at a moment."""
        return any(begin <= at < end for begin, end in self.spans)

    def covers_from(self, at: float) -> float | None:
        """Return when there is enough next, at once or later; None for not within the time that was drawn."""
        return min((max(begin, at) for begin, end in self.spans if end > at), default=None)


def account(world: World, payer: Payer, failed_at: float, draws: Draws) -> Account:
    """Draw the money of a customer around a failure."""
    calendar = _calendar(world, payer, draws)
    own = int(draws.share() * 2**32)
    hour = draws.between(world.payday_hours.low, world.payday_hours.high)
    lasts = DAY_SECONDS * draws.spread(world.money_lasts_days.median, world.money_lasts_days.sigma)
    if draws.happens(world.never_enough):
        return Account((), calendar, own)
    begin = failed_at - BEFORE_DAYS * DAY_SECONDS
    # A day more than cases are open, so that an advised wait can point past the end.
    end = failed_at + (HORIZON_DAYS + 1) * DAY_SECONDS
    spans = []
    for day in paydays(calendar, _day(begin, payer.zone), _day(end, payer.zone), own) if calendar else ():
        late = int(draws.between(1, 3)) if draws.happens(world.pay_is_late) else 0
        enough, length = draws.happens(world.pay_covers), lasts * draws.between(*LENGTHS)
        if enough:
            comes = arrival(day + timedelta(days=late), hour, payer.zone)
            spans.append((comes, comes + length))
    every = DAY_SECONDS * (world.other_money_every_days if calendar else world.no_calendar_every_days)
    comes = begin + draws.waiting(every)
    while comes < end:
        spans.append((comes, comes + lasts * draws.between(*LENGTHS)))
        comes += draws.waiting(every)
    return Account(tuple(spans), calendar, own)


def arrival(day: date, hour: float, zone: ZoneInfo) -> float:
    """Return the moment of an hour of a customer's day."""
    minutes = int(hour * 60)
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).timestamp()


def _calendar(world: World, payer: Payer, draws: Draws) -> str | None:
    if not draws.happens(world.on_calendar):
        return None
    if payer.funding == "credit":
        return "own_day"
    return draws.one_of(world.calendars.get(payer.country) or world.countries[payer.country].paydays)


def _day(at: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date()
