"""Which commands make sense as an unpaid invoice stands: whatever contradicts it is refused, with what to do instead."""

from datetime import datetime
from typing import Final

from billing.dunning.decide import deadline_of
from billing.dunning.decision import Need, Reason, WaitingFor
from billing.dunning.history import Event, EventKind, History, TryOutcome
from billing.dunning.methods import MethodStanding, refusals_of, standings_of
from billing.dunning.policy import Policy
from billing.dunning.standing import LONGEST_HOLD, MILD, STRICT, Hold, Standing, standing_of

COMMANDS: Final = frozenset(
    {
        EventKind.LEGAL_HOLD_BEGAN,
        EventKind.LEGAL_HOLD_ENDED,
        EventKind.PROMISED,
        EventKind.PAUSED,
        EventKind.RESUMED,
        EventKind.EXTENDED,
        EventKind.RETRIED_NOW,
        EventKind.GIVEN_UP,
        EventKind.MOVED_TO_POLICY,
    }
)
MOST_COMMANDS: Final = 500
OVER_SAID: Final = {
    Reason.PAID: "the invoice is paid",
    Reason.VOIDED: "the invoice is void",
    Reason.SUBSCRIPTION_CANCELLED: "its subscription was cancelled",
    Reason.GIVEN_UP: "it was given up",
}
ENDED_BY: Final = {
    WaitingFor.DISPUTE: "that ends when the gateway decides it",
    WaitingFor.LEGAL_HOLD: "end the legal hold first",
}


def why_not(history: History, policy: Policy, event: Event) -> str | None:
    """Say why a command is refused at its moment, and what to do instead; None where it may be given."""
    standing = standing_of(history.events)
    return _never(history, standing, event) or _not_as_it_stands(history, policy, standing, event)


def _never(history: History, standing: Standing, event: Event) -> str | None:
    """Say why no command of this kind, or no command at all, is taken."""
    if event.kind not in COMMANDS:
        return f"{_words(event.kind)} is no command: that is known from what happened"
    if standing.over is not None:
        return f"{OVER_SAID[standing.over]}, so that it takes no command any more"
    if sum(known.kind in COMMANDS for known in history.events) >= MOST_COMMANDS:
        return f"it has taken {MOST_COMMANDS} commands, which is the most: give it up, or collect the invoice by hand"
    if event.until is not None and event.until > event.at + LONGEST_HOLD:
        return f"until {_minute(event.until)} is over {LONGEST_HOLD.days} days: give a time up to {_minute(event.at + LONGEST_HOLD)}"
    return None


def _not_as_it_stands(history: History, policy: Policy, standing: Standing, event: Event) -> str | None:
    match event.kind:
        case EventKind.RESUMED:
            return _not_resumed(standing, event.at)
        case EventKind.EXTENDED:
            return _not_extended(deadline_of(history, policy, standing), event.until)
        case EventKind.RETRIED_NOW:
            return _not_retried(history, policy, standing, event)
        case EventKind.LEGAL_HOLD_BEGAN:
            hold = _hold(standing, WaitingFor.LEGAL_HOLD, event.at)
            return f"it is under a legal hold since {_minute(hold.began_at)} already" if hold is not None else None
        case EventKind.LEGAL_HOLD_ENDED:
            return None if _hold(standing, WaitingFor.LEGAL_HOLD, event.at) else "it is under no legal hold to end"
        case _:
            return None


def _not_resumed(standing: Standing, now: datetime) -> str | None:
    for mild in MILD.values():
        if _hold(standing, mild, now) is not None:
            return None
    hold = standing.hold_at(now)
    if hold is None:
        return "it is neither paused nor waits for a promise: there is nothing to resume"
    return f"what holds it is a {_words(hold.waiting_for)}, and no pause: {ENDED_BY[hold.waiting_for]}"


def _not_extended(deadline: datetime, until: datetime | None) -> str | None:
    if until is None or until > deadline:
        return None
    return f"its deadline is {_minute(deadline)} already: extend it until later"


def _not_retried(history: History, policy: Policy, standing: Standing, event: Event) -> str | None:
    for waiting_for, _ in STRICT.values():
        if _hold(standing, waiting_for, event.at) is not None:
            return f"it is under a {_words(waiting_for)}, in which nothing is tried: {ENDED_BY[waiting_for]}"
    last = history.tries[-1].outcome if history.tries else TryOutcome.DECLINED
    if last is TryOutcome.UNDECIDED:
        return "a try is not decided yet: wait for its outcome"
    if last is TryOutcome.APPROVED:
        return "a try took the payment, and the invoice is open again: look at its charge, and collect by hand"
    deadline = deadline_of(history, policy, standing)
    if event.at >= deadline and standing.hold_at(event.at) is None:
        return f"its deadline was {_minute(deadline)}: nothing is tried any more"
    return _not_with(history, event)


def _not_with(history: History, event: Event) -> str | None:
    """Say why no method, or not the one that is named, may be tried; a customer who is there can confirm with their bank."""
    refusals = refusals_of(history.tries)
    if refusals.may_be_paid is not None:
        return f"the gateway's answer may mean that it is paid already ({refusals.may_be_paid.why}): look there first"
    methods = standings_of(history, refusals)
    if event.method is not None:
        methods = [each for each in methods if each.method.method_id == event.method]
        if not methods:
            return f"payment method {event.method} is gone, or is not the customer's: name one of `methods list`"
    if not methods:
        return "the customer has no payment method: ask for one"
    if any(_may_be_tried(each, event) for each in methods):
        return None
    return f"payment method {methods[0].method.method_id} may not be tried ({methods[0].why}): ask the customer for another"


def _may_be_tried(standing: MethodStanding, event: Event) -> bool:
    return standing.need is None or (event.customer_present and standing.need is Need.AUTHENTICATE)


def _hold(standing: Standing, waiting_for: WaitingFor, now: datetime) -> Hold | None:
    """Return what of this kind holds it now."""
    return next(
        (hold for hold in standing.holds if hold.waiting_for is waiting_for and hold.began_at <= now < hold.until), None
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
