"""Charges: what is asked for, where it stands, and its row, whose limits PostgreSQL keeps.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, model_validator
from sqlalchemy import RowMapping, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.answers import GatewayAnswer
from ledger.database import charges
from ledger.errors import ChargeConflict, LimitExceeded, UnknownCharge
from ledger.money import MAX_AMOUNT_MINOR, Chargeable, Money
from ledger.payment_methods import PaymentMethod
from ledger.record import Identifier, Record, Text, content_hash, says_nothing

MAX_LISTED = 1000


class ChargeStatus(StrEnum):
    """Where a charge stands."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    PARTIALLY_CAPTURED = "partially_captured"
    VOIDED = "voided"
    REFUNDED = "refunded"
    """Canceled or not confirmed after it was captured: everything was given back."""
    CANCELED = "canceled"
    """Nothing was ever taken or reserved, and nothing will be."""
    DECLINED = "declined"
    EXPIRED = "expired"
    NEEDS_REVIEW = "needs_review"
    DISPUTED = "disputed"
    """Captured, and the gateway holds money of it back until a dispute is decided."""
    REVERSED = "reversed"
    """Captured, and taken back by the gateway for good: a debit that failed, a dispute that was lost, a refund not of ours."""

    @property
    def is_final(self) -> bool:
        """Whether the charge has come to its end; what it captured may still be refunded."""
        return self not in _OPEN

    @property
    def is_decided(self) -> bool:
        """Whether the caller has the answer that it asked for: money reserved, money taken, or no."""
        return self.is_final or self is ChargeStatus.AUTHORIZED


_OPEN = {
    ChargeStatus.PROCESSING,
    ChargeStatus.REQUIRES_ACTION,
    ChargeStatus.PENDING,
    ChargeStatus.UNKNOWN,
    ChargeStatus.AUTHORIZED,
}


class CaptureMode(StrEnum):
    """Take the money at once, or reserve it and take it later."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class AtExpiry(StrEnum):
    """What to do with an authorization that nobody captured when it is about to lapse."""

    VOID = "void"
    CAPTURE = "capture"


class ChargeRequest(Record):
    """The wish to collect one amount from one customer once."""

    charge_id: Identifier
    amount: Chargeable
    customer: Identifier
    payment_methods: tuple[PaymentMethod, ...] = Field(min_length=1, max_length=10)
    capture: CaptureMode = CaptureMode.AUTOMATIC
    at_expiry: AtExpiry = AtExpiry.VOID
    gateway: str | None = None
    """The gateway to prefer, if it can take the charge."""
    invoice: Identifier | None = None
    """The invoice that the charge pays; without one it is booked as revenue at once."""
    metadata: dict[Annotated[Text, Field(max_length=40)], Annotated[Text, Field(max_length=500)]] = Field(
        default_factory=dict, max_length=20
    )
    customer_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    """Where the customer lives, ISO 3166-1; routing rules may ask for it."""
    confirm_by: AwareDatetime | None = None
    """Until when the merchant has to confirm the charge; what is not confirmed is voided or refunded."""
    customer_present: bool = Field(default=True, exclude_if=bool)
    """Whether the customer is there to act; where not, it is one of a series, and what would need them is a decline."""
    actor: Annotated[Text, Field(min_length=1, max_length=200)]
    """The person or program that asks, such as `person:alice`."""

    @model_validator(mode="after")
    def _collectable(self) -> "ChargeRequest":
        if not 0 < self.amount.amount_minor <= MAX_AMOUNT_MINOR:
            raise ValueError(f"amount must be greater than zero and at most {MAX_AMOUNT_MINOR} minor units")
        names = [method.gateway for method in self.payment_methods]
        if len(set(names)) != len(names):
            raise ValueError("give at most one payment method for each gateway")
        if self.gateway is not None and self.gateway not in names:
            raise ValueError(f"there is no payment method for the preferred gateway {self.gateway}")
        if self.customer_present and any(method.mandate for method in self.payment_methods):
            raise ValueError("a mandate is for a charge without the customer: say so, or leave the mandate out")
        return self

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks: the same id may come again with the same content only."""
        return content_hash(self, later=frozenset({"customer_country", "confirm_by"}))


class ChargeView(Record):
    """A charge as callers see it; amounts in minor units of `currency`."""

    charge_id: str
    status: ChargeStatus
    amount_minor: int
    currency: str
    gateway: str | None = None
    gateway_reason: str | None = None
    """Why this gateway was chosen."""
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    withdrawn_minor: int = 0
    """What the gateway took back by itself, and has not returned."""
    decline_code: str | None = None
    message: str | None = None
    """What the gateway said of a decline or a refusal, or why a person has to look."""
    action_url: str | None = None
    """Where the customer authenticates, while the status is requires_action."""
    authorization_expires_at: datetime | None = None
    confirm_by: datetime | None = None
    confirmed_at: datetime | None = None
    canceled_by: str | None = None
    answer: GatewayAnswer | None = Field(default=None, exclude_if=says_nothing)
    """What the gateway told beside its last answer: the codes of a decline, and what it knows of the card."""

    @property
    def amount(self) -> Money:
        """What was asked for."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)


class Charge(Record):
    """A charge's row; amounts in minor units of `currency`."""

    charge_id: str
    request_hash: str
    status: ChargeStatus
    customer: str
    currency: str
    amount_minor: int
    capture_method: CaptureMode
    at_expiry: AtExpiry
    payment_methods: tuple[PaymentMethod, ...]
    invoice: str | None
    metadata: dict[str, str]
    actor: str
    customer_country: str | None
    confirm_by: datetime | None
    confirmed_at: datetime | None
    canceled_by: str | None
    gateway: str | None
    gateway_reason: str | None
    decline_code: str | None
    message: str | None
    action_url: str | None
    authorization_expires_at: datetime | None
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    refund_reserved_minor: int
    withdrawn_minor: int
    created_at: datetime
    updated_at: datetime
    customer_present: bool = True
    answer: GatewayAnswer | None = None

    @property
    def amount(self) -> Money:
        """What was asked for."""
        return self.money(self.amount_minor)

    @property
    def refundable(self) -> Money:
        """What may still be given back."""
        given_back = self.refunded_minor + self.refund_reserved_minor + self.withdrawn_minor
        # A gateway may take back what was refunded too: then less than nothing is left.
        return self.money(max(self.captured_minor - given_back, 0))

    def request(self) -> ChargeRequest:
        """Return what was asked for, so that a process that is gone can be started again.

        The gateway that was preferred is not a column; it is the one with which the content is what it was.
        """
        asked = ChargeRequest(
            charge_id=self.charge_id,
            amount=self.amount,
            customer=self.customer,
            payment_methods=self.payment_methods,
            capture=self.capture_method,
            at_expiry=self.at_expiry,
            invoice=self.invoice,
            metadata=self.metadata,
            customer_country=self.customer_country,
            confirm_by=self.confirm_by,
            customer_present=self.customer_present,
            actor=self.actor,
        )
        preferred = (None, *(method.gateway for method in self.payment_methods))
        possible = (asked.model_copy(update={"gateway": gateway}) for gateway in preferred)
        return next(each for each in possible if each.content_hash() == self.request_hash)

    def method(self, gateway: str) -> PaymentMethod | None:
        """Return the customer's payment method at a gateway."""
        return next((method for method in self.payment_methods if method.gateway == gateway), None)

    def view(self) -> ChargeView:
        """Show the charge to its callers."""
        return ChargeView(**{name: getattr(self, name) for name in ChargeView.model_fields})

    def money(self, amount_minor: int) -> Money:
        """Read an amount in the charge's currency."""
        return Money(amount_minor=amount_minor, currency=self.currency)


# Built once: building a statement costs more than sending it.
_ONE = select(charges).where(charges.c.charge_id == bindparam("id"))
_ONE_LOCKED = _ONE.with_for_update()
_INSERT = insert(charges).on_conflict_do_nothing().returning(charges)
_CHANGE = (
    update(charges)
    .where(charges.c.charge_id == bindparam("id"))
    .values(updated_at=func.clock_timestamp())
    .returning(charges)
)


async def open_charge(
    connection: AsyncConnection, request: ChargeRequest, gateway: str, gateway_reason: str
) -> tuple[Charge, bool]:
    """Insert the charge, or return the one that has this id and content, and whether it is new.

    Raises ChargeConflict where the id stands for other content.
    """
    values = {
        "charge_id": request.charge_id,
        "request_hash": request.content_hash(),
        "status": ChargeStatus.PROCESSING,
        "customer": request.customer,
        "currency": request.amount.currency,
        "amount_minor": request.amount.amount_minor,
        "capture_method": request.capture,
        "at_expiry": request.at_expiry,
        "payment_methods": [method.model_dump() for method in request.payment_methods],
        "invoice": request.invoice,
        "metadata": request.metadata,
        "customer_country": request.customer_country,
        "confirm_by": request.confirm_by,
        "customer_present": request.customer_present,
        "actor": request.actor,
        "gateway": gateway,
        "gateway_reason": gateway_reason,
    }
    row = (await connection.execute(_INSERT, values)).mappings().first()
    if row is not None:
        return _charge(row), True
    charge = await known(connection, request.charge_id)
    _require_same(request, charge)
    return charge, False


async def is_same(connection: AsyncConnection, request: ChargeRequest) -> bool:
    """Tell whether this charge is written down already; raises ChargeConflict where the id stands for other content."""
    present = await get(connection, request.charge_id)
    if present is not None:
        _require_same(request, present)
    return present is not None


def _require_same(request: ChargeRequest, charge: Charge) -> None:
    if charge.request_hash != request.content_hash():
        raise ChargeConflict(request.charge_id)


async def get(connection: AsyncConnection, charge_id: str) -> Charge | None:
    """Read one charge, or None."""
    row = (await connection.execute(_ONE, {"id": charge_id})).mappings().first()
    return None if row is None else _charge(row)


async def known(connection: AsyncConnection, charge_id: str, *, lock: bool = False) -> Charge:
    """Read a charge that must exist, with its row locked if asked; raises UnknownCharge."""
    row = (await connection.execute(_ONE_LOCKED if lock else _ONE, {"id": charge_id})).mappings().first()
    if row is None:
        raise UnknownCharge(charge_id)
    return _charge(row)


async def find(
    connection: AsyncConnection,
    *,
    status: ChargeStatus | None = None,
    customer: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> Sequence[Charge]:
    """List charges, newest first, at most `limit` of them and never more than 1,000."""
    statement = select(charges).order_by(charges.c.created_at.desc(), charges.c.charge_id).limit(min(limit, MAX_LISTED))
    if status is not None:
        statement = statement.where(charges.c.status == status)
    if customer is not None:
        statement = statement.where(charges.c.customer == customer)
    if since is not None:
        statement = statement.where(charges.c.created_at >= since)
    return [_charge(row) for row in (await connection.execute(statement)).mappings()]


async def change(connection: AsyncConnection, charge_id: str, changes: dict[str, Any]) -> Charge:
    """Write the changed columns of a charge and return it.

    Raises LimitExceeded where PostgreSQL refuses: captured over authorized, or refunded over captured.
    """
    try:
        row = (await connection.execute(_CHANGE, changes | {"id": charge_id})).mappings().first()
    except IntegrityError as error:
        raise LimitExceeded(charge_id, str(error.orig).partition("\n")[0]) from error
    if row is None:
        raise UnknownCharge(charge_id)
    return _charge(row)


def _charge(row: RowMapping) -> Charge:
    return Charge.model_validate(dict(row))
