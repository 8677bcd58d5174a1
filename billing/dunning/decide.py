"""What to do next about an unpaid invoice: a pure function of what happened, the policy, and the time.

The page reads like the policy: what is over, what is under way, what holds it, what a person or a renewed card asks for,
then the likeliest of the tries that are left, and at the deadline the end. Ceilings and waits bind all of them.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from billing.dunning.ceilings import CEILINGS, CardAsk, CardTry, next_allowed
from billing.dunning.decision import AskCustomer, Decision, GiveUp, Need, Purpose, Reason, TryAgain, Wait, WaitingFor
from billing.dunning.decline_classes import DeclineClass
from billing.dunning.history import Event, History, PaymentMethod, TryOutcome
from billing.dunning.likely_days import MAX_WEIGHED, Seen
from billing.dunning.lots import lot
from billing.dunning.methods import MethodStanding, Refusals, refusals_of, standings_of
from billing.dunning.pay_calendars import own_day
from billing.dunning.policy import Backups, Policy
from billing.dunning.schedules import Asked
from billing.dunning.standing import Standing, standing_of
from billing.dunning.zones import days_later, local_day

SETTLING = timedelta(hours=6)
"""How long an outcome that is not known is waited for before it is asked for again; a person may be at it."""
DUE_DAYS = 1
"""A payment so many days around the due day of the month was not late."""
A_DAY = timedelta(days=1)
PRESENT_CAN_HELP = frozenset({None, Need.AUTHENTICATE})
"""What stands in the way of a method that its customer, being present, is there to put right."""
VAGUE = frozenset({DeclineClass.GENERIC, DeclineClass.UNKNOWN})
"""Classes that name no reason."""
LOOK_AGAIN = timedelta(minutes=30)
"""How often an outage that nobody ended is looked at."""


def decide(history: History, policy: Policy, now: datetime) -> Decision:
    """Say what to do next, if nothing else happens. Asked again at the moment it names, it says the same."""
    standing = standing_of(history.events)
    if standing.over is not None:
        return GiveUp(standing.over, f"it was {standing.over.replace('_', ' ')}")
    if history.tries and history.tries[-1].outcome is not TryOutcome.DECLINED:
        return _after_no_decline(history, now)
    situation = _situation(history, policy, standing)
    if now >= situation.deadline and standing.hold_at(now) is None:
        return GiveUp(*_end_reason(situation))
    paying = _paying(situation)
    if paying is not None:
        return _unless_down(situation, paying, now)
    planned = _renewed(situation)
    return _held(situation, now, has_renewed=planned is not None) or _next(situation, planned, now)


def deadline_of(history: History, policy: Policy, standing: Standing | None = None) -> datetime:
    """Return when nothing more is tried: the policy's day, or what it was extended to; later after a hold."""
    standing = standing or standing_of(history.events)
    zone = policy.zone_of(history.customer)
    deadline = standing.extended_until or days_later(history.invoice.failed_at, policy.deadline_days, zone)
    for hold in standing.holds:
        deadline = max(deadline, hold.until + timedelta(days=policy.days_after_hold))
    return deadline


class _Situation(NamedTuple):
    """What the steps below look at."""

    history: History
    policy: Policy
    standing: Standing
    deadline: datetime
    zone: str
    methods: list[MethodStanding]
    refusals: Refusals
    counted: list[CardTry]
    last_at: datetime
    """Of the last try, or the failure."""
    resumed_at: datetime
    """Since when nothing holds it."""

    @property
    def rungs_left(self) -> int:
        """How many of the policy's tries are left."""
        return self.policy.most_tries - self.refusals.rungs_used


def _situation(history: History, policy: Policy, standing: Standing) -> _Situation:
    failed_at = history.invoice.failed_at
    refusals = refusals_of(history.tries)
    return _Situation(
        history,
        policy,
        standing,
        deadline_of(history, policy, standing),
        policy.zone_of(history.customer),
        standings_of(history, refusals),
        refusals,
        history.counted,
        history.tries[-1].at if history.tries else failed_at,
        max((hold.until for hold in standing.holds), default=failed_at),
    )


class _Planned(NamedTuple):
    """A try that could be made."""

    at: datetime
    method: PaymentMethod
    purpose: Purpose
    why: str


def _after_no_decline(history: History, now: datetime) -> Decision:
    last = history.tries[-1]
    if last.outcome is TryOutcome.APPROVED:
        return GiveUp(Reason.PAID, "a try was approved")
    passed = max(timedelta(), now - last.at) // SETTLING
    return Wait(last.at + (passed + 1) * SETTLING, WaitingFor.OUTCOME, "a try is not decided yet")


def _held(situation: _Situation, now: datetime, *, has_renewed: bool) -> Wait | None:
    """Return what keeps every try back; a promise gives way to a method that the customer has renewed."""
    doubtful = situation.refusals.may_be_paid
    if doubtful is not None:
        return Wait(situation.deadline, WaitingFor.REVIEW, doubtful.why)
    hold = situation.standing.hold_at(now)
    if hold is None or (has_renewed and hold.waiting_for is WaitingFor.PROMISE):
        return None
    return Wait(hold.until, hold.waiting_for, f"on hold: {hold.waiting_for.replace('_', ' ')}")


def _next(situation: _Situation, renewed: _Planned | None, now: datetime) -> Decision:
    planned = renewed or _asked_for(situation) or _next_rung(situation, now)
    if planned is not None and planned.at < situation.deadline:
        return _unless_down(situation, planned, now)
    return _ask(situation)


def _renewed(situation: _Situation) -> _Planned | None:
    """Return the try that a new or renewed payment method is worth: at once, and none of the policy's."""
    for method in situation.methods:
        renewed_at = method.method.renewed_at
        if method.need is None and method.is_fresh and renewed_at > situation.history.invoice.failed_at:
            # A promise does not keep back what the customer gave meanwhile.
            holds = [hold.until for hold in situation.standing.holds if hold.waiting_for is not WaitingFor.PROMISE]
            at = _allowed(situation, method, max([renewed_at, *holds]), ours=False)
            return _Planned(at, method.method, Purpose.NEW_METHOD, "the payment method is new")
    return None


def _paying(situation: _Situation) -> _Planned | None:
    """Return the try of a customer who is there to pay: nothing holds it back but what the networks forbid."""
    asked = _wish(situation)
    if asked is None or not asked.customer_present or situation.refusals.may_be_paid is not None:
        return None
    for method in situation.methods:
        if method.need in PRESENT_CAN_HELP and asked.method in {None, method.method.method_id}:
            at = _allowed(situation, method, asked.at, ours=False)
            return _Planned(at, method.method, Purpose.CUSTOMER, "the customer pays, and is there to act")
    return None


def _asked_for(situation: _Situation) -> _Planned | None:
    """Return the try that a person asked for: at once, and none of the policy's."""
    asked = _wish(situation)
    if asked is None or asked.customer_present:
        return None
    for method in situation.methods:
        if method.need is None and asked.method in {None, method.method.method_id}:
            at = _allowed(situation, method, asked.at, ours=False)
            return _Planned(at, method.method, Purpose.COMMAND, "a person asked for it")
    return None


def _wish(situation: _Situation) -> Event | None:
    """Return what a person asked for, as long as it was not done."""
    asked = situation.standing.retry_asked
    return asked if asked is not None and asked.at > situation.last_at else None


def _next_rung(situation: _Situation, now: datetime) -> _Planned | None:
    """Return the earliest of the tries that the policy has left, in the customer's order where two are as early."""
    if situation.rungs_left <= 0:
        return None
    best: _Planned | None = None
    for number, method in enumerate(situation.methods):
        if number and situation.policy.backups is Backups.NEVER:
            break
        if method.need is not None:
            continue
        planned = _planned(situation, method)
        if planned is not None and (best is None or _sooner(situation, planned, best, now)):
            best = planned
        if best is not None and situation.policy.backups is Backups.WHEN_UNUSABLE:
            break
    return best


def _sooner(situation: _Situation, planned: _Planned, best: _Planned, now: datetime) -> bool:
    """Whether a try comes sooner than the best so far; one that is due at a gateway that is down gives way."""
    if best.at <= now and _is_down(situation.history, best.method.gateway):
        return planned.at <= now and not _is_down(situation.history, planned.method.gateway)
    return planned.at < best.at


def _planned(situation: _Situation, method: MethodStanding) -> _Planned | None:
    failures = len(method.technical)
    minutes = situation.policy.technical_minutes(at_network=method.technical[-1].at_network) if failures else ()
    promised_until = situation.standing.promised_until
    if promised_until is not None and promised_until > situation.last_at:
        at, why = promised_until, "the customer promised to pay by now"
    elif 0 < failures <= len(minutes):
        at, why = method.technical[-1].at + timedelta(minutes=minutes[failures - 1]), "nobody said no: once more, soon"
    elif failures:
        return _scheduled(situation, method, method.technical[-1].at + A_DAY)
    elif method.declined is not None:
        return _scheduled(situation, method, method.declined.at)
    else:
        at, why = situation.last_at, "this payment method was not tried yet"
    return _Planned(_allowed(situation, method, max(at, situation.resumed_at)), method.method, Purpose.RUNG, why)


def _scheduled(situation: _Situation, method: MethodStanding, earliest: datetime) -> _Planned | None:
    """Return the next try by the schedule of the card's newest decline."""
    history, zone = situation.history, situation.zone
    schedule = situation.policy.by_class.get(_scheduled_class(history, method))
    if schedule is None:
        return None
    due = schedule.due(
        Asked(
            invoice_id=history.invoice.invoice_id,
            zone=zone,
            failed_at=history.invoice.failed_at,
            earliest=_allowed(situation, method, max(earliest, situation.resumed_at)),
            deadline=situation.deadline,
            rungs_used=situation.refusals.rungs_used,
            rungs_left=situation.rungs_left,
            seen=Seen(_failed_days(history, method, zone), *_rhythm(history.payments, history.invoice.failed_at, zone)),
        )
    )
    return None if due is None else _Planned(due.at, method.method, Purpose.RUNG, due.why)


def _scheduled_class(history: History, method: MethodStanding) -> DeclineClass:
    """Return the class that decides: the newest, but an issuer that spoke of money before is thought to mean it still."""
    found = method.declined.classified if method.declined is not None else None
    if found is None:
        return DeclineClass.GENERIC
    card = method.method.card
    if found.decline_class in VAGUE and any(tried.is_for_funds and tried.card == card for tried in history.tries):
        return DeclineClass.WAIT_FOR_FUNDS
    return found.decline_class


def _failed_days(history: History, method: MethodStanding, zone: str) -> tuple[int, ...]:
    """Return the newest days on which the card was refused; technical failures count where there is nothing else."""
    card, counts_all = method.method.card, bool(method.technical)
    days: list[int] = []
    for tried in reversed(history.tries):
        if tried.card == card and (counts_all or not tried.is_technical):
            days.append(local_day(tried.at, zone).toordinal())
            if len(days) == MAX_WEIGHED:
                break
    return tuple(reversed(days))


@lru_cache(maxsize=16_384)
def _rhythm(payments: tuple[datetime, ...], failed_at: datetime, zone: str) -> tuple[tuple[int, ...], int | None]:
    """Return the days of late payments, and the day of the month that they point to; one on its due day says nothing."""
    due = local_day(failed_at, zone).day
    days = [local_day(at, zone) for at in payments[-MAX_WEIGHED:]]
    late = [day for day in days if abs(day.day - due) > DUE_DAYS]
    return tuple(day.toordinal() for day in late), own_day(late)


def _allowed(situation: _Situation, method: MethodStanding, earliest: datetime, *, ours: bool = True) -> datetime:
    """Return the first moment from `earliest` on that the ceilings and an advice's wait leave free."""
    card = method.method
    amount = situation.history.invoice.amount
    rules = CEILINGS.of(card.network, card.country, earliest)
    if not ours:
        rules = tuple(rule for rule in rules if not rule.is_ours)
    ask = CardAsk(card.card, amount.amount_minor, amount.currency)
    free = next_allowed(rules, situation.counted, ask, earliest)
    return max(free, method.not_before) if method.not_before is not None else free


def _is_down(history: History, gateway: str) -> bool:
    return any(outage.gateway == gateway and outage.ended_at is None for outage in history.outages)


def _unless_down(situation: _Situation, planned: _Planned, now: datetime) -> Decision:
    """Move a try out of an outage of its gateway: past its end, spread by lot, or, while it lasts, to another look."""
    at, gateway = planned.at, planned.method.gateway
    for outage in situation.history.outages:
        if outage.gateway != gateway:
            continue
        if outage.ended_at is None:
            if at <= now:
                looked = max(timedelta(), now - outage.began_at) // LOOK_AGAIN
                return Wait(outage.began_at + (looked + 1) * LOOK_AGAIN, WaitingFor.OUTAGE, f"{gateway} is down")
        elif at < outage.ended_at or _comes_of(situation, planned, outage.began_at, outage.ended_at):
            at = _spread(situation, max(at, outage.ended_at))
    return TryAgain(max(at, now), planned.method.method_id, planned.purpose, planned.why)


def _comes_of(situation: _Situation, planned: _Planned, began_at: datetime, ended_at: datetime) -> bool:
    """Whether a try follows a failure in an outage so soon that it would come together with those of all others."""
    last = situation.history.tries[-1] if situation.history.tries else None
    if last is None or planned.purpose is not Purpose.RUNG or not last.is_technical:
        return False
    soon = ended_at + timedelta(minutes=situation.policy.outages.spread_minutes)
    return last.gateway == planned.method.gateway and last.at < ended_at and began_at <= planned.at < soon


def _spread(situation: _Situation, at: datetime) -> datetime:
    """Return the moment that falls to an invoice by lot, from this one on, and before its deadline."""
    latest = max(situation.deadline - at, timedelta(seconds=1))
    span = min(timedelta(minutes=situation.policy.outages.spread_minutes), latest)
    invoice_id = situation.history.invoice.invoice_id
    return at + timedelta(seconds=lot(invoice_id, "outage", max(1, int(span.total_seconds()))))


def _ask(situation: _Situation) -> Decision:
    """Return what to ask the customer for; whoever has several methods is asked about the one that they prefer."""
    if not situation.methods:
        return AskCustomer(Need.NEW_METHOD, situation.deadline, "there is no payment method")
    preferred = situation.methods[0]
    if preferred.need is not None and not any(method.need is None for method in situation.methods):
        return AskCustomer(preferred.need, situation.deadline, preferred.why)
    why = "no further try fits before the deadline" if situation.rungs_left > 0 else "all tries are used up"
    return AskCustomer(Need.NEW_METHOD, situation.deadline, why)


def _end_reason(situation: _Situation) -> tuple[Reason, str]:
    if all(method.need is not None for method in situation.methods):
        return Reason.CUSTOMER_DID_NOT_ACT, "the deadline has passed, and only the customer could have helped"
    if situation.rungs_left <= 0:
        return Reason.TRIES_USED_UP, "the deadline has passed, and all tries were used"
    return Reason.DEADLINE, "the deadline has passed"
