"""What a webhook event is to us: news for a process, or of a payment method, known already, of nothing that we know, or of no payment. Pure.

An event that says what the books say is not passed on: most events do, and each would cost a process and its requests.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.methods import Method
from gateways.webhooks.events import WebhookEvent
from gateways.webhooks.stripe_events import CREATED, FEE_KNOWN
from ledger.operations import UNDECIDED, Operation

ASKING_TAKES = timedelta(seconds=10)
"""How long after it was written down an operation without an outcome is still being asked for the first time."""


@dataclass(frozen=True)
class News:
    """A process has to look: `reference` is the gateway's object."""

    operation: Operation
    reference: str | None
    is_later: bool = False
    """The operation is decided, so the charge's process does not look back at it; the search for later facts does.

    A late success, a reversal, a dispute, a refund that came back.
    """


@dataclass(frozen=True)
class Known:
    """The books say so already."""

    operation: Operation


@dataclass(frozen=True)
class AskedJustNow:
    """The process waits for the gateway's answer at this moment, and will know as much as the event does."""

    operation: Operation


@dataclass(frozen=True)
class NotFound:
    """It speaks of a payment that is not in the books, or not yet."""


@dataclass(frozen=True)
class NotOurs:
    """It is of no concern to any payment or payment method."""

    reason: str


@dataclass(frozen=True)
class MethodNews:
    """A payment method of ours is to be read again."""

    method: Method


Verdict = News | Known | AskedJustNow | NotFound | NotOurs | MethodNews


def verdict_of_method(event: WebhookEvent, known: Collection[Method]) -> Verdict:
    """Judge an event about a payment method by those of ours at its gateway."""
    for method in known:
        if method.token in event.tokens:
            return MethodNews(method)
    return NotOurs("no payment method of ours has this token")


def verdict_of(event: WebhookEvent, known: Collection[Operation], now: datetime, *, anyway: bool = False) -> Verdict:
    """Judge an event by the operations at its gateway, newest first; `anyway` makes news of whatever is found."""
    if not event.names:
        return NotOurs("it speaks of no payment")
    operation = _best(event, known)
    if operation is None:
        return NotFound()
    news = News(operation, event.references[0] if event.references else None, _is_later(event, operation, known))
    if anyway:
        return news
    if _is_being_asked(operation, now):
        return AskedJustNow(operation)
    return Known(operation) if _is_known(event, known) else news


def _best(event: WebhookEvent, known: Collection[Operation]) -> Operation | None:
    """Return the operation that it names, or else the one whose object it is about, or else one of the payment."""
    by_name = [operation for operation in known if operation.operation_id in event.operation_ids]
    by_object = [operation for operation in known if operation.gateway_reference in event.references]
    by_payment = [operation for operation in known if operation.payment_reference in event.references]
    kinds = event.claim.kinds if event.claim else frozenset()
    for found in (by_name, by_object, by_payment):
        of_kind = [operation for operation in found if operation.kind in kinds]
        if of_kind or found:
            return (of_kind or found)[0]
    return None


def _is_later(event: WebhookEvent, operation: Operation, known: Collection[Operation]) -> bool:
    """Whether the charge waits for nothing of this payment any more, but for a fee."""
    if operation.excess or operation.compensates is not None:
        return True
    is_of_fee = event.claim is not None and event.claim.outcome == FEE_KNOWN
    of_payment = [each for each in known if each.payment_reference == operation.payment_reference]
    return operation.is_decided and not is_of_fee and all(each.is_decided for each in of_payment)


def _is_being_asked(operation: Operation, now: datetime) -> bool:
    return operation.outcome is None and now - operation.requested_at < ASKING_TAKES


def _is_known(event: WebhookEvent, known: Collection[Operation]) -> bool:
    """Whether an operation that it can mean has the outcome that it claims, and none of them is open."""
    if event.claim is None:
        return False
    if event.claim.outcome == CREATED:
        return True
    meant = [operation for operation in known if operation.kind in event.claim.kinds and _is_meant(event, operation)]
    return (
        bool(meant)
        and all(_agrees(event.claim.outcome, operation) or operation.is_decided for operation in meant)
        and any(_agrees(event.claim.outcome, operation) for operation in meant)
    )


def _is_meant(event: WebhookEvent, operation: Operation) -> bool:
    """A payment has one authorization, but any number of refunds: another refund of the payment is not this one."""
    if operation.operation_id in event.operation_ids or operation.gateway_reference in event.references:
        return True
    return operation.kind != "refund" and operation.payment_reference in event.references


def _agrees(claimed: str, operation: Operation) -> bool:
    if claimed == FEE_KNOWN:
        return operation.outcome == "succeeded" and operation.fee_status != "pending"
    # What has succeeded was open before: such an event is only late.
    return operation.outcome == claimed or (claimed in UNDECIDED and operation.outcome == "succeeded")
