"""The payment methods of a history as they stand now: which may be tried by itself, and what only the customer can do.

A refusal for ever sticks to the card, whatever came after it, at each gateway. Wrong data and a missing authentication
block one method until it is renewed. A method that was removed is not tried any more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from billing.dunning.decision import Need
from billing.dunning.decline_classes import Classified, DeclineClass, Scope
from billing.dunning.history import History, PaymentMethod, Try

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


def standings_of(history: History) -> list[MethodStanding]:
    """Return how each method stands that was not removed, in the customer's order."""
    refused = _refused_cards(history)
    last_at = history.tries[-1].at if history.tries else history.invoice.failed_at
    return [
        _standing(method, history.tries, last_at, is_refused=method.never or method.card in refused)
        for method in history.methods
        if method.removed_at is None
    ]


def may_be_paid(history: History) -> Classified | None:
    """Return the newest answer that may mean that the invoice is paid already."""
    for tried in reversed(history.tries):
        if tried.classified is not None and tried.classified.scope is Scope.INVOICE:
            return tried.classified
    return None


def _refused_cards(history: History) -> set[str]:
    return {
        tried.card
        for tried in history.tries
        if tried.answer is not None and tried.classified is not None and tried.classified.scope is Scope.CARD
    }


def _standing(method: PaymentMethod, tries: Sequence[Try], last_at: datetime, *, is_refused: bool) -> MethodStanding:
    card, renewed = method.card, method.renewed_at
    is_fresh = renewed > last_at
    if is_refused:
        return MethodStanding(method, Need.NEW_METHOD, "the card was refused for ever", None, (), None, is_fresh)
    declined: Try | None = None
    technical: list[Try] = []
    not_before: datetime | None = None
    need, why = None, ""
    for tried in tries:
        if tried.at < renewed or (tried.card != card and tried.method_id != method.method_id):
            continue
        found = tried.classified
        if found is None:
            continue
        if found.wait:
            until = tried.at + found.wait
            not_before = until if not_before is None else max(not_before, until)
        if found.decline_class is DeclineClass.TECHNICAL:
            if tried.method_id == method.method_id:
                technical.append(tried)
            continue
        if tried.card == card:
            declined, technical = tried, []
        if tried.method_id == method.method_id and found.decline_class in NEED_OF:
            need, why = NEED_OF[found.decline_class], found.why
    return MethodStanding(method, need, why, declined, tuple(technical), not_before, is_fresh)
