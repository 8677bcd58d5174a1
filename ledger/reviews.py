"""Reviews: the case of a charge or a refund that a person has to settle, with what is known and what may be said.

A case is open once for each charge and each refund, and resolved once. Functions take a connection and never commit.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.charges import MAX_LISTED
from ledger.database import reviews
from ledger.errors import NotInReview, ReviewClosed
from ledger.record import Record, Text


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("must say why, for whoever reads the books later")
    return text


Because = Annotated[Text, Field(max_length=500), AfterValidator(_says_something)]
"""Why a case is resolved so, in the words of the person who did."""


class Word(StrEnum):
    """What a person may say of an operation."""

    SUCCEEDED = "succeeded"
    """It took effect."""
    FAILED = "failed"
    """It did not, and will not."""


class Resolution(StrEnum):
    """How a case ended."""

    SUCCEEDED = "succeeded"
    """A person said so."""
    FAILED = "failed"
    """A person said so."""
    SETTLED_BY_GATEWAY = "settled_by_gateway"
    """A later reading of the gateway said what became of it."""


class Choice(Record):
    """What a person may say of the operation, and what that does."""

    resolution: Word
    consequence: str
    """What becomes of the charge and of the books, in a sentence."""


class Evidence(Record):
    """What is known of the operation when its case is opened; amounts in minor units of `currency`."""

    kind: str
    gateway: str
    amount_minor: int
    currency: str
    payment_reference: str | None
    """The gateway's object that groups the payment, to be looked at there."""
    target_reference: str | None
    """The gateway's object that is acted on."""
    gateway_reference: str | None
    """The gateway's object of the operation itself, where it has named one."""
    asked_at: datetime
    """Since when the outcome has been open."""
    outcome: str | None
    """What was written down of it last: `unknown`, `pending`, `action_required`; None where there was no answer at all."""
    message: str | None
    """What the gateway, or the failure to reach it, said last."""
    exposure_minor: int
    """What stands on the memo account of unresolved outcomes: money that may or may not have moved."""


class NewReview(Record):
    """A case to open; without an operation there is nothing that a person could say of it."""

    charge_id: str
    refund_id: str | None = None
    operation_id: str | None = None
    """The operation in question, which is also its idempotency key at the gateway."""
    reason: str
    evidence: Evidence | None = None
    choices: tuple[Choice, ...] = ()


class Review(Record):
    """A case's row."""

    review_id: int
    charge_id: str
    refund_id: str | None
    operation_id: str | None
    reason: str
    evidence: Evidence | None
    choices: tuple[Choice, ...]
    opened_at: datetime
    resolved_at: datetime | None
    resolution: Resolution | None
    because: str | None
    resolved_by: str | None

    @property
    def is_open(self) -> bool:
        """Whether it waits for a person, or for the gateway."""
        return self.resolved_at is None

    def closed(self) -> ReviewClosed:
        """Make the error of whoever comes too late."""
        return ReviewClosed(self.charge_id, self.refund_id, resolution=self.resolution, resolved_by=self.resolved_by)


# Built once: building a statement costs more than sending it.
_OF_SUBJECT = (
    select(reviews)
    .where(reviews.c.charge_id == bindparam("charge"), reviews.c.refund_id.is_not_distinct_from(bindparam("refund")))
    .order_by(reviews.c.review_id.desc())
    .limit(1)
)
_OPEN = _OF_SUBJECT.where(reviews.c.resolved_at.is_(None))
_ONE = select(reviews).where(reviews.c.review_id == bindparam("id"))
_INSERT = insert(reviews).on_conflict_do_nothing().returning(reviews)
_CLOSE = (
    update(reviews).where(reviews.c.review_id == bindparam("id"), reviews.c.resolved_at.is_(None)).returning(reviews)
)


async def open_case(connection: AsyncConnection, new: NewReview) -> Review:
    """Open a case, or return the one that is open for this charge or refund, as it is."""
    values = new.model_dump(mode="json")
    while True:
        row = (await connection.execute(_INSERT, values)).mappings().first()
        present = _review(row) if row is not None else await open_of(connection, new.charge_id, new.refund_id)
        # None: the case that was in the way has been closed since, so there is room for this one.
        if present is not None:
            return present


async def open_of(connection: AsyncConnection, charge_id: str, refund_id: str | None) -> Review | None:
    """Read the open case of a charge, or of a refund; None where there is none."""
    row = (await connection.execute(_OPEN, {"charge": charge_id, "refund": refund_id})).mappings().first()
    return None if row is None else _review(row)


async def latest_of(connection: AsyncConnection, charge_id: str, refund_id: str | None) -> Review:
    """Read the open case of a charge, or of a refund, or else its last one; raises NotInReview."""
    row = (await connection.execute(_OF_SUBJECT, {"charge": charge_id, "refund": refund_id})).mappings().first()
    if row is None:
        raise NotInReview(charge_id, refund_id)
    return _review(row)


async def close(connection: AsyncConnection, review_id: int, resolution: Resolution, because: str, by: str) -> Review:
    """Resolve an open case, once: of two who do, the second waits for the first and gets ReviewClosed."""
    changes = {"resolution": resolution, "because": because, "resolved_by": by}
    row = (await connection.execute(_CLOSE, changes | {"id": review_id})).mappings().first()
    if row is not None:
        return _review(row)
    raise _review((await connection.execute(_ONE, {"id": review_id})).mappings().one()).closed()


async def find(connection: AsyncConnection, *, resolved: bool = False, limit: int = 100) -> Sequence[Review]:
    """List open cases, the one that has waited longest first; or resolved ones, the last first; never more than 1,000."""
    statement = select(reviews).limit(min(limit, MAX_LISTED))
    if resolved:
        statement = statement.where(reviews.c.resolved_at.is_not(None)).order_by(
            reviews.c.resolved_at.desc(), reviews.c.review_id.desc()
        )
    else:
        statement = statement.where(reviews.c.resolved_at.is_(None)).order_by(reviews.c.opened_at, reviews.c.review_id)
    return [_review(row) for row in (await connection.execute(statement)).mappings()]


async def of_charge(connection: AsyncConnection, charge_id: str, *, limit: int = MAX_LISTED) -> Sequence[Review]:
    """List all cases of a charge and of its refunds, oldest first."""
    statement = select(reviews).where(reviews.c.charge_id == charge_id).order_by(reviews.c.review_id).limit(limit)
    return [_review(row) for row in (await connection.execute(statement)).mappings()]


def _review(row: RowMapping) -> Review:
    return Review.model_validate(dict(row))
