"""Payment methods: the customer's tokens at gateways, in an order of preference, and what became of each.

What is removed or replaced stays so; a card that its network renewed is another card behind the same token. "Never" is said of the card, so that it holds under each of its tokens.
Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import RowMapping, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import calendar, cards, customers
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.tables import cards as card_rows
from billing.tables import payment_methods
from ledger.answers import CardFacts
from ledger.record import Identifier, Record, Text, content_hash

KIND = "payment method"
MAX_METHODS = 100
"""More than this no customer has at once."""
OPAQUE = r"^[!-~]{1,200}$"
Opaque = Annotated[Text, Field(pattern=OPAQUE)]
"""Something of a gateway's: printable, without blanks, and no card number."""


class MethodRequest(Record):
    """A new payment method; the same id may come again with the same content only."""

    method_id: Identifier
    customer_id: Identifier
    gateway: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    token: Opaque
    gateway_customer: Opaque | None = None
    """The gateway's own reference of the customer, where it has one."""
    brand: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{1,31}$")
    """The network, such as `visa`."""
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    """The issuer's."""
    funding: str | None = Field(default=None, pattern=r"^(credit|debit|prepaid)$")
    expires_on: date | None = None
    """The last day on which it is good."""
    fingerprint: Opaque | None = None
    """What the same card has under every token at this gateway."""
    mandate_reference: Opaque | None = None
    """The customer's agreement to be charged without being present."""
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks."""
        return content_hash(self)


class Method(Record):
    """A payment method's row; the lowest preference is tried first."""

    method_id: str
    customer_id: str
    request_hash: str
    gateway: str
    token: str
    gateway_customer: str | None
    brand: str | None
    country: str | None
    funding: str | None
    expires_on: date | None
    fingerprint: str | None
    mandate_reference: str | None
    preference: int
    added_at: datetime
    added_by: str
    replaced_at: datetime | None
    replaced_by: str | None
    removed_at: datetime | None
    removed_by: str | None
    removed_because: str | None
    renewed_at: datetime | None
    """When its gateway was last found to have a new card behind the token."""
    renewed_by: str | None
    card: str
    """Under which its tries are counted: one for all tokens of the same card."""
    never_at: datetime | None
    """Since when the card may never be tried again, under this or another token."""
    never_because: str | None

    @property
    def is_never(self) -> bool:
        """Whether this or another token of the same card may never be tried again."""
        return self.never_at is not None

    @property
    def is_gone(self) -> bool:
        """Whether it was removed, or another took its place."""
        return self.removed_at is not None or self.replaced_at is not None

    @property
    def is_usable(self) -> bool:
        """Whether it may be charged, as far as we know."""
        return not self.is_gone and not self.is_never


_own, _card = card_rows.alias("own"), card_rows.alias("card_row")
_ROWS = (
    select(*(column for column in payment_methods.c if column.name != "card"))
    .add_columns(_card.c.card, _card.c.never_at, _card.c.never_because)
    .join(_own, _own.c.card == payment_methods.c.card)
    .join(_card, _card.c.card == func.coalesce(_own.c.is_now, _own.c.card))
)
_HERE = and_(payment_methods.c.removed_at.is_(None), payment_methods.c.replaced_at.is_(None))


async def add(connection: AsyncConnection, request: MethodRequest) -> tuple[Method, bool]:
    """Write a method down behind the others, or return the one of this id and content, and whether it is new."""
    await customers.known(connection, request.customer_id, lock=True)
    last = select(func.coalesce(func.max(payment_methods.c.preference), 0) + 1)
    values: dict[str, Any] = request.model_dump(exclude={"actor"})
    values |= {"request_hash": request.content_hash(), "added_by": request.actor}
    values["preference"] = last.where(payment_methods.c.customer_id == request.customer_id).scalar_subquery()
    statement = insert(payment_methods).values(values).on_conflict_do_nothing().returning(payment_methods.c.method_id)
    is_new = (await connection.execute(statement)).first() is not None
    try:
        method = await known(connection, request.method_id)
    except UnknownId:
        raise ChangeRefused(
            KIND, request.method_id, f"its token at {request.gateway} is there as another one: remove that first"
        ) from None
    if method.request_hash != request.content_hash():
        raise IdConflict(KIND, request.method_id)
    return method, is_new


async def known(connection: AsyncConnection, method_id: str) -> Method:
    """Read a method that must exist; raises UnknownId."""
    row = (await connection.execute(_ROWS.where(payment_methods.c.method_id == method_id))).mappings().first()
    if row is None:
        raise UnknownId(KIND, method_id)
    return _method(row)


async def of_customer(connection: AsyncConnection, customer_id: str, *, gone: bool = False) -> Sequence[Method]:
    """List a customer's methods in the order of preference; with `gone`, those too that are no longer there."""
    await customers.known(connection, customer_id)
    statement = _ROWS.where(payment_methods.c.customer_id == customer_id)
    if not gone:
        statement = statement.where(_HERE)
    order = payment_methods.c.preference, payment_methods.c.added_at, payment_methods.c.method_id
    return [_method(row) for row in (await connection.execute(statement.order_by(*order))).mappings()]


async def of_card(connection: AsyncConnection, card: str) -> Sequence[Method]:
    """List the methods that are tokens of a card, oldest first, those too that are gone."""
    statement = _ROWS.where(_card.c.card == card).order_by(payment_methods.c.added_at, payment_methods.c.method_id)
    return [_method(row) for row in (await connection.execute(statement)).mappings()]


async def usable(connection: AsyncConnection, customer_id: str) -> Sequence[Method]:
    """List the methods that may be charged, the preferred one first."""
    return [method for method in await of_customer(connection, customer_id) if method.is_usable]


async def by_tokens(connection: AsyncConnection, gateway: str, tokens: Collection[str]) -> Sequence[Method]:
    """List the methods that are there under these tokens of a gateway."""
    statement = _ROWS.where(payment_methods.c.gateway == gateway, payment_methods.c.token.in_(tokens), _HERE)
    return [_method(row) for row in (await connection.execute(statement)).mappings()]


async def prefer(connection: AsyncConnection, method_id: str) -> Method:
    """Put a method before the customer's others; raises ChangeRefused where it is gone."""
    method = await _present(connection, method_id)
    first = select(func.min(payment_methods.c.preference) - 1).where(
        payment_methods.c.customer_id == method.customer_id, payment_methods.c.method_id != method_id
    )
    return await _change(connection, method_id, {"preference": func.coalesce(first.scalar_subquery(), 1)})


async def remove(connection: AsyncConnection, method_id: str, *, actor: str, because: str | None = None) -> Method:
    """Take a method away for good, so that it is never charged again; a second time changes nothing."""
    method = await _locked(connection, method_id)
    if method.removed_at is not None:
        return method
    removal = {"removed_at": func.clock_timestamp(), "removed_by": actor, "removed_because": because}
    return await _change(connection, method_id, removal)


async def renew(connection: AsyncConnection, seen: Method, facts: CardFacts, *, actor: str) -> Method:
    """Write down what a gateway told of a method's card; `seen` is the method as it was before the gateway was asked.

    Where what was known is not so any more, the card was renewed: `renewed_at` is later then. What was not known is only
    learned, and what the gateway does not tell stays. Raises ChangeRefused where it is gone, or where somebody else wrote
    meanwhile: of two answers nobody knows which is the newer one.
    """
    method = await _present(connection, seen.method_id)
    told = _told(facts)
    news = {name: value for name, value in told.items() if value != getattr(method, name)}
    if not news:
        return method
    if any(getattr(method, name) != getattr(seen, name) for name in told):
        raise ChangeRefused(KIND, method.method_id, "it changed while its gateway was asked: ask again")
    if any(getattr(method, name) is not None for name in news):
        news |= {"renewed_at": func.clock_timestamp(), "renewed_by": actor}
    return await _change(connection, method.method_id, news)


async def replace(connection: AsyncConnection, method_id: str, by: str) -> Method:
    """Let another method of the customer take the place of one, as after a network's update, with its preference."""
    method, other = await _present(connection, method_id), await known(connection, by)
    if other.customer_id != method.customer_id or other.method_id == method_id or other.is_gone:
        raise ChangeRefused(KIND, method_id, f"{by} cannot take its place: give another one that the customer has")
    await _change(connection, by, {"preference": method.preference})
    return await _change(connection, method_id, {"replaced_at": func.clock_timestamp(), "replaced_by": by})


async def mark_never(connection: AsyncConnection, method_id: str, because: str) -> Method:
    """Never try this card again, under whichever token, whatever it would answer; the first reason stays."""
    method = await _locked(connection, method_id)
    if method.never_at is not None:
        return method
    await cards.mark_never(connection, method.card, because)
    return await known(connection, method_id)


async def _locked(connection: AsyncConnection, method_id: str) -> Method:
    method = await known(connection, method_id)
    await customers.known(connection, method.customer_id, lock=True)
    return await known(connection, method_id)


async def _present(connection: AsyncConnection, method_id: str) -> Method:
    method = await _locked(connection, method_id)
    if method.is_gone:
        raise ChangeRefused(KIND, method_id, "it was removed or replaced: add it again")
    return method


async def _change(connection: AsyncConnection, method_id: str, changes: dict[str, Any]) -> Method:
    await connection.execute(update(payment_methods).where(payment_methods.c.method_id == method_id).values(changes))
    return await known(connection, method_id)


def _told(facts: CardFacts) -> dict[str, Any]:
    told: dict[str, Any] = facts.model_dump(include={"fingerprint", "brand", "country", "funding"}, exclude_none=True)
    if facts.expires is not None:
        year, _, month = facts.expires.partition("-")
        told["expires_on"] = calendar.last_day(int(year), int(month))
    return told


def _method(row: RowMapping) -> Method:
    return Method.model_validate(dict(row))
