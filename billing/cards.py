"""Cards: each try is claimed before it is made, counted by PostgreSQL under the lock of the card's row, and settled after.

One record for each card over all invoices, checkouts and commands, whichever token or gateway is used; the rules are those of
`billing.dunning.ceilings`. Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import RowMapping, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.errors import CardRests, UnknownId
from billing.refusals import said_of
from billing.tables import card_tries
from billing.tables import cards as card_rows
from ledger.answers import CardFacts
from ledger.money import Money
from ledger.record import Record


class Asked(NamedTuple):
    """A try that is to be made: the first operation of an attempt, at the time of whoever makes it."""

    operation_id: str
    charge_id: str
    amount: Money
    tried_at: datetime


class Claim(NamedTuple):
    """Whether a try is granted; where it is, it is counted from now on, and it may be made once."""

    granted: bool
    next_at: datetime | None
    """Where not, from when the next is allowed, or None for never; where it is, the time that it is counted at."""
    why: str


class Verdict(NamedTuple):
    """What came of a try, as ceilings count it."""

    approved: bool
    at_network: bool
    """Whether it reached the network at all."""
    technical: bool
    never_because: str | None = None
    """Why the card may never be tried again, where the answer says so."""


class CardTry(Record):
    """A try's row; one that is not decided counts as refused by the issuer."""

    operation_id: str
    sequence: int
    charge_id: str
    card: str
    network: str | None
    country: str | None
    amount_minor: int
    currency: str
    tried_at: datetime
    is_decided: bool
    is_approved: bool
    at_network: bool
    is_technical: bool


class CardSum(NamedTuple):
    """A card and how often it was tried."""

    card: str
    never_because: str | None
    tries: int
    refused: int
    """What reached the network and was not approved, with what is not decided yet."""
    newest_at: datetime | None


class Card(Record):
    """A card's row."""

    card: str
    is_now: str | None
    """Of a token, the card that it stands for, since its fingerprint is known."""
    never_at: datetime | None
    never_because: str | None


_CLAIM = text("""
    SELECT * FROM claim_card_try(:operation, :charge, :card, :network, :country, :amount, :currency, :at, :ours)
""")
# The newest of the methods that had this token tells which card it is; one statement, also where none had it.
_CLAIM_OF_TOKEN = text("""
    SELECT m.method_id, c.* FROM (
        SELECT * FROM payment_methods WHERE gateway = :gateway AND token = :token
            ORDER BY num_nonnulls(removed_at, replaced_at), added_at DESC LIMIT 1
    ) m CROSS JOIN LATERAL
        claim_card_try(:operation, :charge, m.card, m.brand, m.country, :amount, :currency, :at, :ours) c
""")
_SETTLE = text(
    "SELECT settle_card_try(:operation, :approved, :at_network, :technical, :never, :fingerprint, :brand, :country)"
)
_NEVER = text("SELECT mark_card_never(:card, :because)")


async def claim(
    connection: AsyncConnection, asked: Asked, *, card: str, network: str | None, country: str | None, ours: bool
) -> Claim:
    """Ask for a try of a card; the same operation again is the same claim. With `ours`, our own minimum binds too."""
    values = _values(asked, ours=ours) | {"card": card, "network": network, "country": country}
    with said_of("charge", asked.charge_id):
        return _claim((await connection.execute(_CLAIM, values)).mappings().one())


async def claim_of_token(connection: AsyncConnection, asked: Asked, *, gateway: str, token: str) -> None:
    """Ask for a try of the card behind a token, within the networks' ceilings; one that no method has is not known.

    Raises CardRests where it is not granted.
    """
    values = _values(asked, ours=False) | {"gateway": gateway, "token": token}
    with said_of("charge", asked.charge_id):
        row = (await connection.execute(_CLAIM_OF_TOKEN, values)).mappings().first()
    if row is not None and not row["granted"]:
        raise CardRests(row["method_id"], row["next_at"], row["why"])


async def settle(
    connection: AsyncConnection, operation_id: str, verdict: Verdict, told: CardFacts | None = None
) -> bool:
    """Write down what came of a try, once, and say whether that was news.

    With what the gateway told of the card, a method learns its fingerprint, and a try that nobody claimed is counted.
    """
    told = told or CardFacts()
    values = {
        "operation": operation_id,
        "approved": verdict.approved,
        "at_network": verdict.at_network,
        "technical": verdict.technical,
        "never": verdict.never_because,
        "fingerprint": told.fingerprint,
        "brand": told.brand,
        "country": told.country,
    }
    return bool(await connection.scalar(_SETTLE, values))


async def mark_never(connection: AsyncConnection, card: str, because: str) -> None:
    """Never try this card again, whatever it would answer; the first reason stays."""
    await connection.execute(_NEVER, {"card": card, "because": because})


async def tries_of(connection: AsyncConnection, cards: Collection[str], since: datetime) -> Sequence[CardTry]:
    """List the tries of cards from a moment on, oldest first."""
    statement = (
        select(card_tries)
        .where(card_tries.c.card.in_(cards), card_tries.c.tried_at >= since)
        .order_by(card_tries.c.tried_at, card_tries.c.sequence)
    )
    return [CardTry.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


async def known(connection: AsyncConnection, card: str) -> Card:
    """Read a card that must exist; of a token whose fingerprint is known by now, the card by its fingerprint."""
    row = (await connection.execute(select(card_rows).where(card_rows.c.card == card))).mappings().first()
    if row is None:
        raise UnknownId("card", card)
    found = Card.model_validate(dict(row))
    return found if found.is_now is None else await known(connection, found.is_now)


async def busiest(connection: AsyncConnection, since: datetime, limit: int) -> Sequence[CardSum]:
    """List the cards that were tried since a moment or may never be, those with most refused tries first."""
    tried = card_tries.c.tried_at >= since
    refused = func.count().filter(tried, card_tries.c.at_network, card_tries.c.is_approved.is_(False))
    statement = (
        select(
            card_rows.c.card,
            card_rows.c.never_because,
            func.count().filter(tried).label("tries"),
            refused.label("refused"),
            func.max(card_tries.c.tried_at).label("newest_at"),
        )
        .outerjoin(card_tries, card_tries.c.card == card_rows.c.card)
        .where(card_rows.c.is_now.is_(None), or_(tried, card_rows.c.never_at.is_not(None)))
        .group_by(card_rows.c.card)
        .order_by(refused.desc(), func.max(card_tries.c.tried_at).desc().nulls_last(), card_rows.c.card)
        .limit(limit)
    )
    return [CardSum(*row) for row in await connection.execute(statement)]


def _values(asked: Asked, *, ours: bool) -> dict[str, object]:
    return {
        "operation": asked.operation_id,
        "charge": asked.charge_id,
        "amount": asked.amount.amount_minor,
        "currency": asked.amount.currency,
        "at": asked.tried_at,
        "ours": ours,
    }


def _claim(row: RowMapping) -> Claim:
    return Claim(row["granted"], row["next_at"], row["why"] or "")
