"""What follows for a split from where its legs stand, as pure functions: reserve all, take all, or give everything back.

Each fact that turns a split back stays a fact, so that it never turns forward again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Literal

from pydantic import Field

from ledger.charges import ChargeStatus
from ledger.record import Record
from ledger.split_legs import Leg
from ledger.splits import Split, SplitStatus


class Begin(Record):
    """Start the charge of a leg; whoever has done so does nothing.

    Also of a leg that was begun and has no charge: a worker may have died between the two.
    """

    step: Literal["begin"] = "begin"
    leg: int


class Capture(Record):
    """Take what a leg has reserved."""

    step: Literal["capture"] = "capture"
    leg: int


class CallOff(Record):
    """Call legs off, in this order: the last one first."""

    step: Literal["call_off"] = "call_off"
    legs: tuple[int, ...]


class Wait(Record):
    """Wait for a leg that is under way."""

    step: Literal["wait"] = "wait"


class End(Record):
    """Nothing is left to do."""

    step: Literal["end"] = "end"


Step = Annotated[Begin | Capture | CallOff | Wait | End, Field(discriminator="step")]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Where the split stands, and what comes next."""

    status: SplitStatus
    step: Begin | Capture | CallOff | Wait | End
    because: str | None = None
    """Why it is undone."""
    message: str | None = None


class State(Enum):
    """Where a leg stands, for the split."""

    UNTOUCHED = auto()
    UNDER_WAY = auto()
    HELD = auto()
    """Reserved, and free to be taken."""
    TAKEN = auto()
    SPOILT = auto()
    """It holds or has taken something, and can no longer be a part of the whole."""
    GONE = auto()
    """Nothing of it is held or taken, and nothing will be."""


_STATES = {
    ChargeStatus.AUTHORIZED: State.HELD,
    ChargeStatus.CAPTURED: State.TAKEN,
    ChargeStatus.PARTIALLY_CAPTURED: State.SPOILT,
    ChargeStatus.VOIDED: State.GONE,
    ChargeStatus.REFUNDED: State.GONE,
    ChargeStatus.CANCELED: State.GONE,
    ChargeStatus.DECLINED: State.GONE,
    ChargeStatus.EXPIRED: State.GONE,
    ChargeStatus.DISPUTED: State.SPOILT,
    ChargeStatus.REVERSED: State.GONE,
}
"""All others are under way."""
SLOW = frozenset({ChargeStatus.PENDING, ChargeStatus.NEEDS_REVIEW})
"""A gateway or a person takes days, perhaps."""


def state_of(leg: Leg) -> State:
    """Say where a leg stands."""
    if leg.status is None:
        if leg.refusal is not None:
            return State.GONE
        return State.UNTOUCHED if leg.started_at is None else State.UNDER_WAY
    state = _STATES.get(leg.status, State.UNDER_WAY)
    if state is State.HELD and leg.capture_refused:
        return State.SPOILT
    if state in {State.HELD, State.TAKEN} and leg.canceled_by is not None:
        return State.SPOILT
    return state


def decide(split: Split, legs: Sequence[Leg]) -> Verdict:
    """Decide what follows from the rows as they stand."""
    if split.status is SplitStatus.CAPTURED and split.canceled_by is None:
        # It was whole once: what becomes of a leg later, such as a refund, is no reason to undo the others.
        return Verdict(status=SplitStatus.CAPTURED, step=End())
    because = split.because or _why_undone(split, legs)
    if because is None:
        return _collect(legs)
    return _undo(legs, because)


def _why_undone(split: Split, legs: Iterable[Leg]) -> str | None:
    """Say why it cannot be whole; None while it can."""
    if split.canceled_by is not None:
        return f"it was canceled by {split.canceled_by}"
    lost = (leg for leg in legs if leg.canceled_by is not None or state_of(leg) in {State.GONE, State.SPOILT})
    return next((_what_is_wrong(leg) for leg in lost), None)


def _what_is_wrong(leg: Leg) -> str:
    name = f"leg {leg.number} ({leg.charge_id})"
    if leg.refusal is not None and leg.status is None:
        return f"{name} was not made: {leg.refusal}"
    if leg.canceled_by is not None:
        return f"{name} was canceled by {leg.canceled_by}"
    said = ": ".join(text for text in (leg.decline_code, leg.message) if text)
    told = f": {said}" if said else ""
    if leg.status is ChargeStatus.AUTHORIZED:
        return f"{name} could not be captured{told}"
    return f"{name} is {str(leg.status).replace('_', ' ')}{told}"


def _collect(legs: Sequence[Leg]) -> Verdict:
    """Reserve one leg after the other; only when all are reserved, take one after the other."""
    states = [state_of(leg) for leg in legs]
    status, message = _under_way(legs)
    for leg, state in zip(legs, states, strict=True):
        if state is State.UNTOUCHED or (state is State.UNDER_WAY and leg.status is None):
            return Verdict(status=status, step=Begin(leg=leg.number), message=message)
        if state is State.UNDER_WAY:
            return Verdict(status=status, step=Wait(), message=message)
    held = [leg.number for leg, state in zip(legs, states, strict=True) if state is State.HELD]
    if held:
        return Verdict(status=status, step=Capture(leg=held[0]), message=message)
    return Verdict(status=SplitStatus.CAPTURED, step=End())


def _under_way(legs: Sequence[Leg]) -> tuple[SplitStatus, str | None]:
    """What callers see of legs that are under way: whoever has to do something is named."""
    review = _in_review(legs)
    if review is not None:
        return SplitStatus.NEEDS_REVIEW, review
    statuses = {leg.status for leg in legs}
    if ChargeStatus.REQUIRES_ACTION in statuses:
        return SplitStatus.REQUIRES_ACTION, None
    if ChargeStatus.PENDING in statuses:
        return SplitStatus.PENDING, next(leg.message for leg in legs if leg.status is ChargeStatus.PENDING)
    return SplitStatus.PROCESSING, next((leg.message for leg in legs if leg.status is ChargeStatus.UNKNOWN), None)


def _in_review(legs: Iterable[Leg]) -> str | None:
    waits = (leg for leg in legs if leg.status is ChargeStatus.NEEDS_REVIEW)
    return next((f"leg {leg.number} ({leg.charge_id}) needs review: {leg.message}" for leg in waits), None)


def _undo(legs: Sequence[Leg], because: str) -> Verdict:
    """Call off what is held or taken, the last leg first; who waits for a gateway or a person holds up none of the others."""
    ask: list[int] = []
    for leg in reversed(legs):
        if state_of(leg) in {State.UNTOUCHED, State.GONE}:
            continue
        ask.append(leg.number)
        if leg.status not in SLOW and not leg.refund_waits:
            break
    if not ask:
        return Verdict(status=SplitStatus.UNDONE, step=End(), because=because)
    review = _in_review(legs)
    status = SplitStatus.UNDOING if review is None else SplitStatus.NEEDS_REVIEW
    return Verdict(status=status, step=CallOff(legs=tuple(ask)), because=because, message=review)
