"""Gives back some or all of a split that was taken: ordinary refunds of its legs, the last leg first.

Each leg's refund has an id made of the whole's, so that the same command given again goes on where it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commands import connections, refund_process, split_rows
from commands.charge_documents import RefundDocument
from commands.errors import AnswerIsNo
from commands.split_documents import SplitRefundDocument
from ledger import operations
from ledger.money import Money
from ledger.refunds import RefundRequest, RefundStatus
from ledger.split_legs import Leg
from ledger.splits import Split, SplitStatus
from settings import Settings

GIVEN_UP = frozenset({"declined", "refused", "failed"})
"""Outcomes of a refund after which its money is not set aside any more."""
WORST_FIRST = (
    RefundStatus.FAILED,
    RefundStatus.REFUSED,
    RefundStatus.NEEDS_REVIEW,
    RefundStatus.UNKNOWN,
    RefundStatus.PROCESSING,
    RefundStatus.PENDING,
)
"""What the whole is called after, where one of its parts is so: the first that there is."""


@dataclass(frozen=True)
class Wanted:
    """What a person wants back; `amount` None for all that is left."""

    refund_id: str
    amount: Money | None
    reason: str | None
    actor: str


@dataclass(frozen=True)
class Made:
    """What this refund has asked of a leg already."""

    amount_minor: int
    was_given_up: bool
    """The gateway said no, so that it is not set aside any more."""


@dataclass(frozen=True)
class Part:
    """What is given back of one leg."""

    leg: Leg
    refund_id: str
    amount_minor: int


async def refund(settings: Settings, split: Split, wanted: Wanted, timeout_seconds: float) -> SplitRefundDocument:
    """Refund the legs one after the other, and tell what became of each."""
    _, legs = await split_rows.known(settings, split.split_id)
    _require_taken(split)
    made = await _made(settings, wanted.refund_id, legs)
    parts = plan(split, legs, wanted, made)
    done = [await _refund_one(settings, part, wanted, timeout_seconds) for part in parts]
    return SplitRefundDocument(
        refund_id=wanted.refund_id,
        split_id=split.split_id,
        status=_status(done),
        amount_minor=sum(part.amount_minor for part in parts),
        currency=split.currency,
        refunds=done,
    )


def plan(split: Split, legs: Sequence[Leg], wanted: Wanted, made: Mapping[int, Made]) -> list[Part]:
    """Share an amount out among the legs, the last one first; `made` is what this refund has asked of legs before.

    Raises AnswerIsNo where less is left, or where what was made is not a part of this.
    """
    left = {leg.number: _left_for(leg, made.get(leg.number)) for leg in legs}
    most = sum(left.values())
    rest = most if wanted.amount is None else wanted.amount.amount_minor
    if rest > most or most == 0:
        raise AnswerIsNo(_too_much(split, most))
    parts: list[Part] = []
    for leg in reversed(legs):
        amount = min(rest, left[leg.number])
        rest -= amount
        before = made.get(leg.number)
        if before is not None and before.amount_minor != amount:
            raise AnswerIsNo(_conflict(wanted.refund_id))
        if amount:
            parts.append(Part(leg, part_id(wanted.refund_id, leg.number), amount))
    return parts


def part_id(refund_id: str, number: int) -> str:
    """Name the refund of a leg."""
    return f"{refund_id}.{number}"


def _left_for(leg: Leg, made: Made | None) -> int:
    """What could be given back of a leg before this refund asked for anything."""
    left = leg.captured_minor - leg.refunded_minor - leg.refund_reserved_minor
    return left if made is None or made.was_given_up else left + made.amount_minor


def _conflict(refund_id: str) -> str:
    return f"refund {refund_id} exists with other content: use another id for another refund"


def _too_much(split: Split, most: int) -> str:
    if most == 0:
        return f"split {split.split_id} has nothing left to refund"
    left = Money(amount_minor=most, currency=split.currency)
    return f"that is more than the {left} that is left to refund of split {split.split_id}"


def _require_taken(split: Split) -> None:
    if split.status is not SplitStatus.CAPTURED:
        status = split.status.replace("_", " ")
        advice = "" if split.status is SplitStatus.UNDONE else f": call it off with `split cancel {split.split_id}`"
        raise AnswerIsNo(f"split {split.split_id} is {status}, so there is nothing to refund{advice}")


async def _made(settings: Settings, refund_id: str, legs: Sequence[Leg]) -> dict[int, Made]:
    """Read what this refund has asked of each leg already, whatever became of it."""
    found: dict[int, Made] = {}
    async with connections.books(settings) as connection:
        for leg in legs:
            operation = await operations.of_refund(connection, part_id(refund_id, leg.number))
            if operation is None:
                continue
            if operation.charge_id != leg.charge_id:
                raise AnswerIsNo(_conflict(refund_id))
            found[leg.number] = Made(operation.amount_minor, operation.outcome in GIVEN_UP)
    return found


async def _refund_one(settings: Settings, part: Part, wanted: Wanted, timeout_seconds: float) -> RefundDocument:
    request = RefundRequest(
        refund_id=part.refund_id,
        charge_id=part.leg.charge_id,
        amount_minor=part.amount_minor,
        reason=wanted.reason,
        actor=wanted.actor,
    )
    return await refund_process.refund(settings, part.refund_id, part.leg.charge_id, lambda _: request, timeout_seconds)


def _status(done: Sequence[RefundDocument]) -> str:
    statuses = {refund.status for refund in done}
    return next((status for status in WORST_FIRST if status in statuses), RefundStatus.SUCCEEDED)
