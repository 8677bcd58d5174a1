"""What a person may say of an operation in review, what that means, and who may say it: pure functions.

The gateway's word is worth more than a person's: `decide` has the table of what is compatible with what it says now.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from gateways.port import (
    ActionRequired,
    Declined,
    OperationKind,
    OperationRequest,
    Outcome,
    Pending,
    RefusalCode,
    Refused,
    Succeeded,
)
from ledger.operations import Operation
from ledger.reviews import Choice, Evidence, Word

FAILED_BY_REVIEW = "failed_by_review"
"""Code of the refusal that stands for a person's word. Not `no_effect`: it lets nothing be tried again, days later."""

TAKEN_FOR_FAILED = frozenset({FAILED_BY_REVIEW, str(RefusalCode.NO_EFFECT)})
"""Codes of refusals of which the gateway did not say itself that they are for good: it may show an effect later."""


@dataclass(frozen=True)
class Taken:
    """The resolution is taken; this outcome is to be recorded, as if the gateway had said it."""

    outcome: Outcome


@dataclass(frozen=True)
class Contradicted:
    """The gateway says otherwise; `why` is a sentence with what to do."""

    why: str


def may_resolve(reviewers: Collection[str], by: str) -> str | None:
    """Why this person may not resolve a case, with what to do; None if they may.

    Whoever is a reviewer may also resolve a charge that they asked for: two pairs of eyes are not asked for here.
    """
    if not reviewers:
        return "there are no reviewers: name them in the worker's setting REVIEWERS, as in `REVIEWERS=alice,bob`"
    if by not in reviewers:
        return "they are not among the reviewers of the worker's setting REVIEWERS: ask one who is"
    return None


def decide(
    operation: OperationRequest, resolution: Word, because: str, read: Outcome | None, now: datetime
) -> Taken | Contradicted:
    """Hold a person's word against what the gateway says now; `read` None: it shows no trace of the operation.

    | the gateway says   | as succeeded                                 | as failed                                       |
    |--------------------|----------------------------------------------|-------------------------------------------------|
    | succeeded          | recorded as the gateway says it              | refused                                         |
    | declined, refused  | refused                                      | recorded as the gateway says it                 |
    | pending            | recorded as succeeded, with the fee to come  | given up; a success that comes is a later fact  |
    | action required    | refused: the customer has not acted          | given up; a success that comes is a later fact  |
    | no trace           | refused: no books without an effect          | given up; a success that comes is a later fact  |
    """
    match resolution, read:
        case (Word.SUCCEEDED, Succeeded() as known) | (Word.FAILED, (Declined() | Refused()) as known):
            return Taken(known)
        case Word.SUCCEEDED, Pending() as pending:
            return Taken(_succeeded(operation, pending, now))
        case Word.FAILED, (Pending() | ActionRequired() | None) as open_still:
            return Taken(_given_up(because, open_still))
        case _:
            return Contradicted(_contradiction(operation, resolution, read))


def choices(operation: Operation) -> tuple[Choice, ...]:
    """What a person may say of an operation, each with what it does to the charge and to the books."""
    return (
        Choice(resolution=Word.SUCCEEDED, consequence=_if_succeeded(operation) + _exposure_ends(operation)),
        Choice(resolution=Word.FAILED, consequence=_if_failed(operation) + _exposure_ends(operation)),
    )


def evidence(operation: Operation) -> Evidence:
    """What is known of an operation now, for whoever has to settle it."""
    return Evidence(
        kind=operation.kind,
        gateway=operation.gateway,
        amount_minor=operation.amount_minor,
        currency=operation.currency,
        payment_reference=operation.payment_reference,
        target_reference=operation.target_reference,
        gateway_reference=operation.gateway_reference,
        asked_at=operation.requested_at,
        outcome=operation.outcome,
        message=operation.message,
        exposure_minor=operation.amount_minor if operation.outcome == "unknown" else 0,
    )


def said(read: Outcome | None) -> str:
    """What the gateway says of an operation, as the end of a sentence that starts with its name."""
    match read:
        case None:
            return "shows no trace of it"
        case Succeeded():
            return f"says that it succeeded ({read.reference})"
        case Declined() | Refused():
            return f"says that it was {read.outcome} ({read.code}: {read.message})"
        case Pending():
            return f"says that it is pending ({read.reason})"
        case ActionRequired():
            return "still waits for the customer to act"


def _succeeded(operation: OperationRequest, read: Pending, now: datetime) -> Succeeded:
    """Only a capture has a fee that can still come."""
    return Succeeded(
        reference=read.reference,
        amount=operation.amount,
        fee_pending=operation.kind is OperationKind.CAPTURE,
        occurred_at=now,
    )


def _given_up(because: str, read: Pending | ActionRequired | None) -> Refused:
    return Refused(code=FAILED_BY_REVIEW, message=because, reference=read.reference if read is not None else None)


def _contradiction(operation: OperationRequest, resolution: Word, read: Outcome | None) -> str:
    told = f"{operation.operation_id} cannot be resolved as {resolution}: {operation.gateway} {said(read)}"
    if resolution is Word.FAILED:
        return f"{told}; resolve it as succeeded"
    if isinstance(read, Declined | Refused):
        return f"{told}; resolve it as failed"
    return f"{told}, and the books hold nothing that no gateway did; resolve it as failed, or wait"


def _if_succeeded(operation: Operation) -> str:
    money, gateway = operation.amount, operation.gateway
    match operation.kind, operation.target_reference:
        case "authorize", _:
            return f"{money} is authorized: memo:authorizations:{gateway} is debited, and it can be captured or voided"
        case "capture", None:
            return f"{money} is captured: clearing:{gateway} is debited, revenue or the customer's receivable credited"
        case "capture", _:
            return (
                f"{money} is captured: clearing:{gateway} is debited, revenue or the customer's receivable credited; "
                f"the authorization is used up and leaves memo:authorizations:{gateway}"
            )
        case "void", None:
            return "the payment is abandoned: nothing was reserved, and nothing is posted"
        case "void", _:
            return f"{money} is released: the authorization leaves memo:authorizations:{gateway}"
        case _:
            return f"{money} is refunded: liability:refunds_payable is debited, clearing:{gateway} credited"


def _if_failed(operation: Operation) -> str:
    money = operation.amount
    if operation.compensates is not None:
        return f"nothing was given back: {money} is still in excess, and is to be given back in another way"
    match operation.kind, operation.target_reference:
        case ("authorize", _) | ("capture", None):
            return "nothing was taken or reserved: the charge is declined, and nothing is posted"
        case "void", None:
            return "the payment is not abandoned: nothing is posted"
        case (("capture" | "void"), _):
            return f"{money} stays authorized: nothing is posted, and it can be captured or voided again"
        case _:
            return f"nothing was given back: the reservation of {money} is taken back, and it can be refunded again"


def _exposure_ends(operation: Operation) -> str:
    if operation.outcome != "unknown":
        return ""
    return f"; the exposure leaves memo:unresolved:{operation.gateway}"
