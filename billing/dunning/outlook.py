"""The calendar of an unpaid invoice: what would happen if every try were answered as somebody supposes, and why.

It runs the functions that the process runs, so that what it shows is what would be done.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from billing.dunning.decide import decide
from billing.dunning.decision import AskCustomer, Decision, GiveUp, TryAgain, Wait
from billing.dunning.decline_classes import Answer
from billing.dunning.entitlement import entitlement_changes
from billing.dunning.history import Event, EventKind, History, PaymentMethod, SentNotice, Try, TryOutcome
from billing.dunning.notices import planned_notices
from billing.dunning.policy import Policy

MAX_STEPS = 2000
"""A calendar that is longer is no calendar: a policy with limits cannot come to it."""

A_VAGUE_NO = Answer(code="generic_decline")
"""What is supposed of an invoice that nobody has declined yet."""

Supposed = Callable[[TryAgain], Answer | None]
"""What a try is answered with; None for an approval."""


class Clock(StrEnum):
    """What an entry belongs to, in the order of entries of the same moment."""

    TRIES = "tries"
    NOTICES = "notices"
    ACCESS = "access"
    END = "end"


class Entry(NamedTuple):
    """Something that would happen."""

    at: datetime
    clock: Clock
    what: str
    why: str


def plan(history: History, policy: Policy, now: datetime, until: datetime) -> list[Entry]:
    """Play what is left of it from now on, as if the newest decline repeated; of a try that is not decided, too."""
    declined = [tried.answer for tried in history.tries if tried.answer is not None]
    answer = declined[-1] if declined else A_VAGUE_NO
    last = history.tries[-1] if history.tries else None
    if last is not None and last.outcome is TryOutcome.UNDECIDED:
        supposed = Try(**{**dict(last), "outcome": TryOutcome.DECLINED, "answer": answer})
        history = history.having(tries=(*history.tries[:-1], supposed))
    return calendar(history, policy, lambda _: answer, until, since=now)


def calendar(
    history: History, policy: Policy, supposed: Supposed, until: datetime, *, since: datetime | None = None
) -> list[Entry]:
    """Play it from the failure on, or from `since`, up to its end or to `until`; in the order of time."""
    entries: list[Entry] = []
    now = begin = since or history.invoice.failed_at
    asked: Decision | None = None
    for _ in range(MAX_STEPS):
        decision = decide(history, policy, now)
        if decision != asked and isinstance(decision, (AskCustomer, Wait)):
            entries.append(_of_question(decision, now))
            asked = decision
        notices = planned_notices(history, policy, now)
        acts_at = _acts_at(decision, now)
        if notices and notices[0].at <= acts_at:
            notice = notices[0]
            now = max(now, notice.at)
            if now > until:
                break
            history = history.having(notices=(*history.notices, SentNotice(key=notice.key, at=now)))
            entries.append(Entry(now, Clock.NOTICES, f"send {notice.template} by {notice.channel}", notice.why))
            continue
        if isinstance(decision, GiveUp) and (decision.is_recovered or _has_ended(history)):
            break
        now = max(now, acts_at)
        if now > until:
            break
        match decision:
            case TryAgain():
                made = decision._replace(at=now)
                history = _tried(history, made, supposed(made))
                entries.append(_of_try(made, history.tries[-1]))
            case GiveUp():
                history = history.having(events=(*history.events, Event(at=now, kind=EventKind.ENDED)))
                entries.append(_of_end(decision, policy, now))
    changes = entitlement_changes(history, policy)
    last = max(now, *(entry.at for entry in entries)) if entries else now
    entries += [Entry(at, Clock.ACCESS, access, why) for access, at, why in changes if begin <= at <= min(last, until)]
    order = list(Clock)
    return sorted(entries, key=lambda entry: (entry.at, order.index(entry.clock)))


def _acts_at(decision: Decision, now: datetime) -> datetime:
    match decision:
        case TryAgain(at=at):
            return at
        case AskCustomer(until=until) | Wait(until=until):
            return until
        case GiveUp():
            return now


def _has_ended(history: History) -> bool:
    return any(event.kind is EventKind.ENDED for event in history.events)


def _tried(history: History, decision: TryAgain, answer: Answer | None) -> History:
    method = _method(history, decision.method)
    tried = Try(
        at=decision.at,
        method_id=method.method_id,
        card=method.card,
        gateway=method.gateway,
        network=method.network,
        country=method.country,
        amount=history.invoice.amount,
        outcome=TryOutcome.APPROVED if answer is None else TryOutcome.DECLINED,
        answer=answer,
        is_rung=decision.is_rung,
    )
    return history.having(tries=(*history.tries, tried))


def _method(history: History, method_id: str) -> PaymentMethod:
    return next(method for method in history.methods if method.method_id == method_id)


def _of_try(decision: TryAgain, tried: Try) -> Entry:
    number = "" if decision.is_rung else ", which uses up no try"
    found = tried.classified.decline_class if tried.classified else "approved"
    return Entry(decision.at, Clock.TRIES, f"try {decision.method}{number}: {found}", decision.why)


def _of_question(decision: AskCustomer | Wait, now: datetime) -> Entry:
    match decision:
        case AskCustomer(what=what, until=until, why=why):
            return Entry(now, Clock.TRIES, f"no further try by itself until {until:%Y-%m-%d}: customer, {what}", why)
        case Wait(until=until, waiting_for=waiting_for, why=why):
            return Entry(now, Clock.TRIES, f"wait until {until:%Y-%m-%d %H:%M} UTC: {waiting_for}", why)


def _of_end(decision: GiveUp, policy: Policy, now: datetime) -> Entry:
    end = policy.end
    return Entry(now, Clock.END, f"subscription {end.subscription}, invoice {end.invoice}", decision.why)
