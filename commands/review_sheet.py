"""Draws reviews for people: what is not known, what the gateway said last, where to look, and what each word would do."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from commands import output
from commands.review_documents import ReviewDocument
from ledger.money import Money
from ledger.reviews import Evidence


def show(reviews: Sequence[ReviewDocument]) -> None:
    """Print each case as a whole."""
    for number, review in enumerate(reviews):
        if number:
            output.line("")
        for line in _sheet(review):
            output.line(line)


def show_list(reviews: Sequence[ReviewDocument]) -> None:
    """Print cases, one a line."""
    columns = ("charge", "refund", "operation", "amount", "since", "reason", "resolved")
    rows = [
        (
            review.charge_id,
            review.refund_id or "",
            review.operation_id or "",
            _money(review.evidence, review.evidence.amount_minor) if review.evidence else "",
            _time(review.opened_at),
            review.reason,
            f"{_time(review.resolved_at)} {review.resolution}, {review.resolved_by}" if review.resolved_at else "",
        )
        for review in reviews
    ]
    output.table(columns, rows, numbers=("amount",))


def subject(review: ReviewDocument) -> str:
    """What a case is about."""
    return f"charge {review.charge_id}" + (f", refund {review.refund_id}" if review.refund_id else "")


def _sheet(review: ReviewDocument) -> Iterator[str]:
    state = "open" if review.resolved_at is None else "closed"
    yield f"review {review.review_id} of {subject(review)}: {state}, opened {_time(review.opened_at)}"
    yield f"  reason          {review.reason}"
    if review.operation_id is not None:
        yield f"  operation       {review.operation_id}, which is also its key at the gateway"
    if review.evidence is not None:
        yield from _evidence(review.evidence)
    if review.resolved_at is None:
        for choice in review.choices:
            yield f"  {f'as {choice.resolution}':<14}  {choice.consequence}"
    else:
        yield f"  resolved        {review.resolution}, by {review.resolved_by}, {_time(review.resolved_at)}"
        yield f"  because         {review.because}"
    yield f"  Web UI          {review.web_ui}"


def _evidence(evidence: Evidence) -> Iterator[str]:
    yield f"  asked for       {evidence.kind} {_money(evidence, evidence.amount_minor)} at {evidence.gateway}, {_time(evidence.asked_at)}"
    yield f"  said last       {': '.join(text for text in (evidence.outcome or 'no answer', evidence.message) if text)}"
    objects = (evidence.payment_reference, evidence.target_reference, evidence.gateway_reference)
    named = list(dict.fromkeys(name for name in objects if name))
    yield f"  look at         {', '.join(named) or 'no object'} at {evidence.gateway}"
    yield f"  exposure        {_money(evidence, evidence.exposure_minor)}"


def _money(evidence: Evidence, amount_minor: int) -> str:
    return str(Money(amount_minor=amount_minor, currency=evidence.currency))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
