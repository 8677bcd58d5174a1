"""The payment methods of a history as they stand now: which may be tried by itself, and what only the customer can do.

A refusal for ever sticks to the card, whatever came after it, at each gateway. Wrong data and a missing authentication
block one method until it is renewed. A method that was removed is not tried any more.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from billing.dunning.decision import Need
from billing.dunning.decline_classes import DECLINE_CLASSES, Classified, DeclineClass, Scope
from billing.dunning.history import History, PaymentMethod, Try

USES_RUNG = attrgetter("uses_rung")
NEED_OF = {
    DeclineClass.NEVER: Need.NEW_METHOD,
    DeclineClass.FIX_DATA: Need.FIX_DATA,
    DeclineClass.NEEDS_AUTHENTICATION: Need.AUTHENTICATE,
}


class MethodStanding(NamedTuple):
    """A method with what its tries, and those of its card, have come to."""

    method: PaymentMethod
    need: Need | None
    """What only the customer can do about it; None where it may be tried by itself."""
    why: str
    declined: Try | None
    """The newest decline of its card since it was renewed, where somebody said no."""
    technical: tuple[Try, ...]
    """The technical failures in a row of this method, since."""
    not_before: datetime | None
    """The end of a wait that an advice asked for."""
    is_fresh: bool
    """Whether it was added or renewed after the last try, so that it is worth one at once."""


class Refusals(NamedTuple):
    """What was refused for ever, and what the tries have used up."""

    cards: frozenset[str]
    methods: frozenset[str]
    may_be_paid: Classified | None
    """The newest answer that may mean that the invoice is paid already."""
    rungs_used: int


def refusals_of(tries: Sequence[Try]) -> Refusals:
    """Look through all tries."""
    scoped = [tried for tried in tries if tried.scope is not None]
    doubtful = [tried.classified for tried in scoped if tried.scope is Scope.INVOICE]
    return Refusals(
        frozenset(tried.card for tried in scoped if tried.scope is Scope.CARD),
        frozenset(tried.method_id for tried in scoped if tried.scope is Scope.METHOD),
        doubtful[-1] if doubtful else None,
        sum(map(USES_RUNG, tries)),
    )


def standings_of(history: History, refusals: Refusals) -> list[MethodStanding]:
    """Return how each method stands that was not removed, in the customer's order."""
    last_at = history.tries[-1].at if history.tries else history.invoice.failed_at
    return [
        _standing(method, history.tries, last_at, refusals) for method in history.methods if method.removed_at is None
    ]


def _standing(method: PaymentMethod, tries: Sequence[Try], last_at: datetime, refusals: Refusals) -> MethodStanding:
    is_fresh = method.renewed_at > last_at
    if method.never or method.card in refusals.cards:
        return MethodStanding(method, Need.NEW_METHOD, "the card was refused for ever", None, (), None, is_fresh)
    if method.method_id in refusals.methods and not is_fresh:
        why = "it was refused for ever for this invoice"
        return MethodStanding(method, Need.NEW_METHOD, why, None, (), None, is_fresh)
    newest = _newest(method, tries, last_at - DECLINE_CLASSES.longest_wait)
    need, why = _need_of(newest.own)
    return MethodStanding(method, need, why, newest.of_card, newest.technical, newest.not_before, is_fresh)


class _Newest(NamedTuple):
    """What the newest answers to a method and its card were."""

    of_card: Try | None
    own: Try | None
    technical: tuple[Try, ...]
    not_before: datetime | None


def _newest(method: PaymentMethod, tries: Sequence[Try], waits_since: datetime) -> _Newest:
    """Look back from the newest try as far as it matters; what is older than any wait and overtaken does not."""
    card, method_id, renewed = method.card, method.method_id, method.renewed_at
    of_card: Try | None = None
    own: Try | None = None
    technical: list[Try] = []
    waits: list[datetime] = []
    for tried in reversed(tries):
        at = tried.at
        if at < renewed or (at < waits_since and own is not None and of_card is not None):
            break
        is_own = tried.method_id == method_id
        if not (is_own or tried.card == card) or tried.answer is None:
            continue
        if tried.wait_until is not None:
            waits.append(tried.wait_until)
        if not tried.is_technical:
            own = own or (tried if is_own else None)
            of_card = of_card or (tried if tried.card == card else None)
        elif is_own and of_card is None:
            technical.append(tried)
    return _Newest(of_card, own, tuple(reversed(technical)), max(waits, default=None))


def _need_of(newest: Try | None) -> tuple[Need | None, str]:
    """Return what only the customer can do after the newest answer to a method: an older one was overtaken by it."""
    found = newest.classified if newest is not None else None
    need = NEED_OF.get(found.decline_class) if found is not None else None
    return need, found.why if found is not None and need is not None else ""
