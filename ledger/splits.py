"""Splits: one amount over several payment methods in legs, all or nothing. Each leg is a charge of its own.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator
from sqlalchemy import RowMapping, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import split_legs
from ledger.charges import CaptureMode, ChargeRequest, ChargeStatus
from ledger.database import splits
from ledger.errors import SplitConflict, UnknownSplit
from ledger.money import MAX_AMOUNT_MINOR, Chargeable, Money
from ledger.payment_methods import PaymentMethod
from ledger.record import Identifier, Record, Text, content_hash
from ledger.split_legs import Leg

MAX_LEGS = 10
SPLIT_ID = r"^[A-Za-z0-9_.-]{1,61}$"
"""Form of a split's id: with the number of a leg it is still the id of a charge."""


class SplitStatus(StrEnum):
    """Where a split stands."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    CAPTURED = "captured"
    """The whole amount was taken, each leg its part."""
    UNDOING = "undoing"
    """It cannot be whole, or was canceled: what its legs hold or have taken goes back."""
    UNDONE = "undone"
    """Nothing is taken and nothing held."""
    NEEDS_REVIEW = "needs_review"
    """A person has to look at one of its legs; it goes on when that is settled."""

    @property
    def is_decided(self) -> bool:
        """Whether the caller has the answer: all or nothing."""
        return self in {SplitStatus.CAPTURED, SplitStatus.UNDONE}


class SplitLeg(Record):
    """A part of the amount, and what it is to be taken from: one payment method, or several gateways to fall back on."""

    amount: Money
    payment_methods: tuple[PaymentMethod, ...] = Field(min_length=1, max_length=10)

    @model_validator(mode="after")
    def _collectable(self) -> "SplitLeg":
        if not 0 < self.amount.amount_minor <= MAX_AMOUNT_MINOR:
            raise ValueError(f"the amount must be greater than zero and at most {MAX_AMOUNT_MINOR} minor units")
        names = [method.gateway for method in self.payment_methods]
        if len(set(names)) != len(names):
            raise ValueError("give at most one payment method for each gateway in a leg")
        if any(method.mandate for method in self.payment_methods):
            raise ValueError("a split has its customer present: leave the mandate out")
        return self


class SplitRequest(Record):
    """The wish to collect one amount from one customer once, over several payment methods, all of it or nothing."""

    split_id: Annotated[Identifier, Field(pattern=SPLIT_ID)]
    amount: Chargeable
    """The whole: what the legs sum to."""
    customer: Identifier
    legs: tuple[SplitLeg, ...] = Field(min_length=2, max_length=MAX_LEGS)
    """In the order in which they are authorized and captured."""
    invoice: Identifier | None = None
    metadata: dict[Annotated[Text, Field(max_length=40)], Annotated[Text, Field(max_length=500)]] = Field(
        default_factory=dict, max_length=20
    )
    customer_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _whole(self) -> "SplitRequest":
        if any(leg.amount.currency != self.amount.currency for leg in self.legs):
            raise ValueError(f"every leg must be in {self.amount.currency}, the currency of the whole")
        total = sum(leg.amount.amount_minor for leg in self.legs)
        if total != self.amount.amount_minor:
            summed = Money(amount_minor=total, currency=self.amount.currency)
            raise ValueError(f"the legs sum to {summed}, and the whole is {self.amount}")
        if total > MAX_AMOUNT_MINOR:
            raise ValueError(f"the whole must be at most {MAX_AMOUNT_MINOR} minor units")
        return self

    def leg(self, number: int) -> ChargeRequest:
        """Return the charge that is a leg, counted from 1: reserved first, taken when all the others are reserved too."""
        leg = self.legs[number - 1]
        return ChargeRequest(
            charge_id=leg_charge_id(self.split_id, number),
            amount=leg.amount,
            customer=self.customer,
            payment_methods=leg.payment_methods,
            capture=CaptureMode.MANUAL,
            invoice=self.invoice,
            metadata=self.metadata,
            customer_country=self.customer_country,
            actor=self.actor,
        )

    @property
    def charges(self) -> tuple[ChargeRequest, ...]:
        """The charges that are its legs, first to last."""
        return tuple(self.leg(number) for number in range(1, len(self.legs) + 1))

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks: the same id may come again with the same content only."""
        return content_hash(self)


class SplitView(Record):
    """A split as callers see it; amounts in minor units of `currency`."""

    split_id: str
    status: SplitStatus
    amount_minor: int
    currency: str
    canceled_by: str | None = None
    because: str | None = None
    """Why it is undone."""
    message: str | None = None
    action_url: str | None = None
    """Where the customer authenticates, while the status is requires_action."""
    legs: tuple[Leg, ...] = ()


class Split(Record):
    """A split's row."""

    split_id: str
    request_hash: str
    request: SplitRequest
    status: SplitStatus
    currency: str
    amount_minor: int
    canceled_by: str | None
    because: str | None
    message: str | None
    created_at: datetime
    updated_at: datetime

    def view(self, legs: Sequence[Leg]) -> SplitView:
        """Show the split to its callers."""
        acting = (leg.action_url for leg in legs if leg.status is ChargeStatus.REQUIRES_ACTION)
        return SplitView(
            split_id=self.split_id,
            status=self.status,
            amount_minor=self.amount_minor,
            currency=self.currency,
            canceled_by=self.canceled_by,
            because=self.because,
            message=self.message,
            action_url=next(acting, None),
            legs=tuple(legs),
        )


def leg_charge_id(split_id: str, number: int) -> str:
    """Name the charge that is a leg of a split."""
    return f"{split_id}.{number}"


# Built once: building a statement costs more than sending it.
_ONE = select(splits).where(splits.c.split_id == bindparam("id"))
_ONE_LOCKED = _ONE.with_for_update()
_INSERT = insert(splits).on_conflict_do_nothing().returning(splits)
_CHANGE = (
    update(splits)
    .where(splits.c.split_id == bindparam("id"))
    .values(updated_at=func.clock_timestamp())
    .returning(splits)
)


async def open_split(connection: AsyncConnection, request: SplitRequest) -> Split:
    """Write a split and its legs down, or return the one that has this id and content.

    Raises SplitConflict where the id stands for other content, ChargeConflict where a leg's id is another charge's.
    """
    values = {
        "split_id": request.split_id,
        "request_hash": request.content_hash(),
        "request": request.model_dump(mode="json"),
        "status": SplitStatus.PROCESSING,
        "currency": request.amount.currency,
        "amount_minor": request.amount.amount_minor,
    }
    row = (await connection.execute(_INSERT, values)).mappings().first()
    if row is None:
        split = await known(connection, request.split_id)
        if split.request_hash != values["request_hash"]:
            raise SplitConflict(request.split_id)
        return split
    await split_legs.open_legs(connection, request.split_id, request.charges)
    return _split(row)


async def get(connection: AsyncConnection, split_id: str) -> Split | None:
    """Read one split, or None."""
    row = (await connection.execute(_ONE, {"id": split_id})).mappings().first()
    return None if row is None else _split(row)


async def known(connection: AsyncConnection, split_id: str, *, lock: bool = False) -> Split:
    """Read a split that must exist, with its row locked if asked; raises UnknownSplit."""
    row = (await connection.execute(_ONE_LOCKED if lock else _ONE, {"id": split_id})).mappings().first()
    if row is None:
        raise UnknownSplit(split_id)
    return _split(row)


async def change(connection: AsyncConnection, split_id: str, changes: Mapping[str, Any]) -> Split:
    """Write the changed columns of a split and return it."""
    row = (await connection.execute(_CHANGE, {**changes, "id": split_id})).mappings().one()
    return _split(row)


def _split(row: RowMapping) -> Split:
    return Split.model_validate(dict(row))
