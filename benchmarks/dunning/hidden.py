"""A failed payment as it is: why it failed, when that ends, and what the customer will do. No policy sees this.

All of it is settled by the world, the seed and the case's number before any policy is asked.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from benchmarks.dunning.account import Account, Payer, account, arrival
from benchmarks.dunning.luck import Draws, Luck, mixed
from benchmarks.dunning.outages import Span, outages
from benchmarks.dunning.paydays import paydays
from benchmarks.dunning.worlds import DAY_SECONDS, FIRST, HORIZON_DAYS, SPAN_DAYS, World

LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
"""Ids are in letters: a long number may look like a card's, which is refused everywhere."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the customer does about the notices, if anything: `pays`, `replaces_card` or `cancels`."""

    at: float
    does: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """One case. Moments are in seconds since 1970."""

    key: int
    """Of the case's luck."""
    cause: str
    """funds, risk, technical, lifecycle, hard or authentication"""
    country: str
    zone: ZoneInfo
    currency: str
    gateway: str
    network: str
    funding: str
    amount_minor: int
    failed_at: float
    past_payments: tuple[float, ...]
    money: Account | None
    """Of those who are short of it."""
    risk_chance: float
    """The odds of the first retry of those refused for risk; 0 for never."""
    ends_at: float | None
    """When the issuer is well again, or the network has sent the new card."""
    update_is_told: bool
    reply: Reply | None
    notices: tuple[float, ...]
    """Those sent while the invoice is open and the customer has not answered."""
    outages: tuple[Span, ...]
    """Of its gateway while it is open."""

    @property
    def horizon(self) -> float:
        """Until when it is tried."""
        return self.failed_at + HORIZON_DAYS * DAY_SECONDS

    @property
    def invoice_id(self) -> str:
        """As policies see it; nothing of the cause is in it."""
        return f"in_{f'{self.key:016x}'.translate(LETTERS)}"


def hidden(world: World, seed: int, number: int) -> Hidden:
    """Draw a case."""
    key = mixed(seed, number, Luck.CASE)
    draws = Draws(key, Luck.CASE)
    country = draws.one_of({name: one.share for name, one in world.countries.items()})
    its = world.countries[country]
    zone = ZoneInfo(its.zones[int(draws.share() * len(its.zones))])
    funding = "debit" if draws.happens(its.debit) else "credit"
    amount = int(draws.spread(world.amount_minor.median, world.amount_minor.sigma)) + 100
    gateway, network = draws.one_of(world.gateways), draws.one_of(world.networks)
    cause = draws.one_of(world.causes)
    payer = Payer(country, zone, funding)
    money, failed_at = _failure(world, payer, Draws(key, Luck.ACCOUNT), short=cause == "funds")
    horizon = failed_at + HORIZON_DAYS * DAY_SECONDS
    customer = Draws(key, Luck.CUSTOMER)
    reply, notices = _reply(world, cause, failed_at, horizon, customer)
    ends_at = _ends_at(world, cause, failed_at, draws)
    drawn = outages(world.outages_every_days, world.outage_hours, seed, gateway)
    risk = draws.between(world.risk_chance.low, world.risk_chance.high)
    return Hidden(
        key=key,
        cause=cause,
        country=country,
        zone=zone,
        currency=its.currency,
        gateway=gateway,
        network=network,
        funding=funding,
        amount_minor=amount,
        failed_at=failed_at,
        past_payments=_past_payments(world, failed_at, zone, money, customer),
        money=money,
        risk_chance=0.0 if draws.happens(world.risk_forever) else risk,
        ends_at=ends_at,
        update_is_told=draws.happens(world.update_is_told),
        reply=reply,
        notices=notices,
        outages=tuple(span for span in drawn if span[0] < horizon and span[1] > failed_at),
    )


def _failure(world: World, payer: Payer, draws: Draws, *, short: bool) -> tuple[Account | None, float]:
    """Draw when the payment failed; of those short of money, until it is a moment without money."""
    while True:
        failed_at = float(int(FIRST + draws.share() * SPAN_DAYS * DAY_SECONDS))
        if not short:
            return None, failed_at
        money = account(world, payer, failed_at, draws)
        if not money.covers(failed_at):
            return money, failed_at


def _ends_at(world: World, cause: str, failed_at: float, draws: Draws) -> float | None:
    if cause == "technical":
        return failed_at + draws.spread(world.technical_hours.median, world.technical_hours.sigma) * 3600
    if cause == "lifecycle" and draws.happens(world.network_updates):
        return failed_at + draws.spread(world.update_days.median, world.update_days.sigma) * DAY_SECONDS
    return None


def _reply(
    world: World, cause: str, failed_at: float, horizon: float, draws: Draws
) -> tuple[Reply | None, tuple[float, ...]]:
    """Draw what the customer does first; notices go on until then."""
    heeded, cancels = world.heeded[cause], world.cancels
    first: Reply | None = None
    sent = []
    for day in world.notice_days:
        at = failed_at + day * DAY_SECONDS
        if at >= horizon or (first and first.at <= at):
            break
        sent.append(at)
        drawn, answers_at = draws.share(), at + 3600 * draws.spread(world.answer_hours.median, world.answer_hours.sigma)
        pays = draws.happens(world.pays_at_once)
        if drawn < heeded + cancels and answers_at < horizon and (first is None or answers_at < first.at):
            first = Reply(answers_at, "cancels" if drawn >= heeded else "pays" if pays else "replaces_card")
        heeded, cancels = heeded * world.fatigue, cancels * world.cancels_grows_by
    return first, tuple(sent)


def _past_payments(
    world: World, failed_at: float, zone: ZoneInfo, money: Account | None, draws: Draws
) -> tuple[float, ...]:
    """Draw the payments of the months before: on their day, or late, after a payday, by those short of money."""
    if not draws.happens(world.has_history):
        return ()
    due = datetime.fromtimestamp(failed_at, UTC).astimezone(zone)
    kept = []
    for months in range(1 + int(draws.share() * world.history_months), 0, -1):
        on = _months_before(due, months)
        at = on.timestamp()
        if money and money.calendar and draws.happens(world.was_late):
            coming = paydays(money.calendar, on.date(), on.date() + timedelta(days=40), money.own)
            hour = draws.between(world.payday_hours.low, 24)
            at = max(at, arrival(coming[0] + timedelta(days=int(draws.between(0, 3))), min(hour, 23.9), zone))
        if draws.happens(world.history_is_kept) and at < failed_at - DAY_SECONDS:
            kept.append(at)
    return tuple(sorted(kept))


def _months_before(due: datetime, months: int) -> datetime:
    """Return the same time on the same day of an earlier month, or on its last day."""
    year, month = divmod(due.year * 12 + due.month - 1 - months, 12)
    return due.replace(year=year, month=month + 1, day=min(due.day, monthrange(year, month + 1)[1]))
