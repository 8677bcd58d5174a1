"""Holds: an amount of an account that is promised elsewhere, until it is posted in full or in part, voided, or expires.

What is held is not available, and still the account's. Functions never commit: the caller's transaction is the step.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, model_validator
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import refusals
from ledger.accounts import AccountCode
from ledger.entries import MAX_LINE_MINOR, Entry
from ledger.errors import LedgerError
from ledger.hold_errors import (
    HoldAccountNotOpen,
    HoldConflict,
    HoldNotCovered,
    HoldNotDue,
    HoldNotPending,
    HoldRefused,
    UnknownHold,
)
from ledger.journal import Posting
from ledger.money import Money
from ledger.record import Identifier, Record, Text, content_hash

MAX_LISTED = 1000
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
TIME_IS_OVER = "its time is over"
"""Why a hold has ended that has expired."""


class HoldState(StrEnum):
    """Where a hold stands."""

    PENDING = "pending"
    POSTED = "posted"
    """What was held was taken, all or a part of it; the rest is available again."""
    VOIDED = "voided"
    EXPIRED = "expired"


class HoldRequest(Record):
    """The wish to set an amount of an account aside for a while."""

    hold_id: Identifier
    account: AccountCode
    amount: Money
    expires_at: AwareDatetime
    because: Annotated[Text, Field(pattern=r"^[^\x00-\x1f\x7f]{1,500}$")]
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _an_amount(self) -> "HoldRequest":
        if not 0 < self.amount.amount_minor <= MAX_LINE_MINOR:
            raise ValueError(f"the amount must be greater than zero and at most {MAX_LINE_MINOR} minor units")
        return self

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks and however they say until when: a time from now on is another each time."""
        return content_hash(self.model_copy(update={"expires_at": NO_TIME, "because": ""}))


class Hold(Record):
    """A hold's row; amounts in minor units of `currency`."""

    hold_id: str
    account: str
    currency: str
    amount_minor: int
    posted_minor: int
    """What was taken of it; 0 until it is posted."""
    state: HoldState
    entry_reference: str | None
    """The entry that took it."""
    expires_at: datetime
    actor: str
    because: str
    placed_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None

    @property
    def amount(self) -> Money:
        """What is or was held."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    def is_as_asked(self, request: HoldRequest) -> bool:
        """Whether it is the hold of this request, as `content_hash` has it."""
        return (self.account, self.amount) == (request.account, request.amount)


_COLUMNS = (
    "SELECT h.hold_id, a.code AS account, a.currency, h.amount_minor, h.posted_minor, h.state,"
    " e.reference AS entry_reference, h.expires_at, h.actor, h.because, h.placed_at, h.ended_at, h.ended_by, h.ended_because"
)
_FROM = " JOIN accounts a ON a.account_id = h.account_id LEFT JOIN entries e ON e.entry_id = h.entry_id"
# What a function has written is seen by the next statement only.
_PLACE = text(
    "SELECT hold_id FROM place_hold(:hold_id, :account, :currency, :amount_minor, :expires_at, :actor, :because)"
)
_END = text("SELECT hold_id FROM end_hold(:hold_id, :how, CAST(:given AS jsonb), :actor, :because)")
_ONE = text(f"{_COLUMNS} FROM holds h{_FROM} WHERE h.hold_id = :hold_id")
_LISTED = text(
    f"{_COLUMNS} FROM holds h{_FROM}"
    " WHERE (CAST(:account AS text) IS NULL OR a.code = :account) AND (CAST(:state AS text) IS NULL OR h.state = :state)"
    " ORDER BY h.placed_at DESC, h.hold_id LIMIT :limit"
)


async def place(connection: AsyncConnection, request: HoldRequest) -> Hold:
    """Set the amount aside, or return the hold that has this id and content.

    Raises HoldConflict where the id stands for another hold, HoldNotCovered, HoldAccountNotOpen, HoldRefused. A hold is
    refused on an account without a guard, since nothing would keep it, and on one of the house or of a gateway.
    """
    given = request.model_dump(exclude={"amount"}) | request.amount.model_dump()
    return await _ask(connection, _PLACE, given)


async def post(connection: AsyncConnection, hold_id: str, entry: Entry, *, actor: str, because: str) -> Hold:
    """Post an entry that takes from the account at most what is held; the rest is available again.

    It is the last thing that a transaction writes, as each posting is. Raises UnknownHold, HoldNotPending, HoldRefused
    where the entry takes nothing of the account or too much, and what `journal.post` raises.
    """
    given = f"[{Posting([entry]).given}]"
    values = {"hold_id": hold_id, "how": HoldState.POSTED, "given": given, "actor": actor, "because": because}
    return await _ask(connection, _END, values)


async def void(connection: AsyncConnection, hold_id: str, *, actor: str, because: str) -> Hold:
    """Let go of what is held; one that is voided stays so. Raises UnknownHold, HoldNotPending."""
    values = {"hold_id": hold_id, "how": HoldState.VOIDED, "given": None, "actor": actor, "because": because}
    return await _ask(connection, _END, values)


async def expire(connection: AsyncConnection, hold_id: str, *, actor: str) -> Hold:
    """End a hold whose time is over; one that has expired stays so. Raises UnknownHold, HoldNotPending, HoldNotDue."""
    values = {"hold_id": hold_id, "how": HoldState.EXPIRED, "given": None, "actor": actor, "because": TIME_IS_OVER}
    return await _ask(connection, _END, values)


async def get(connection: AsyncConnection, hold_id: str) -> Hold | None:
    """Read one hold, or None."""
    row = (await connection.execute(_ONE, {"hold_id": hold_id})).mappings().first()
    return None if row is None else Hold.model_validate(dict(row))


async def known(connection: AsyncConnection, hold_id: str) -> Hold:
    """Read a hold that must exist; raises UnknownHold."""
    hold = await get(connection, hold_id)
    if hold is None:
        raise UnknownHold(hold_id)
    return hold


async def listed(
    connection: AsyncConnection, *, account: str | None = None, state: HoldState | None = None, limit: int = 50
) -> Sequence[Hold]:
    """List holds, the last placed first."""
    given = {"account": account, "state": state, "limit": min(limit, MAX_LISTED)}
    return [Hold.model_validate(dict(row)) for row in (await connection.execute(_LISTED, given)).mappings()]


async def _ask(connection: AsyncConnection, statement: TextClause, values: dict[str, Any]) -> Hold:
    hold_id: str = values["hold_id"]
    try:
        await connection.execute(statement, values)
    except DBAPIError as error:
        rule = refusals.rule_of(error.orig)
        if rule is None:
            raise
        # Of an entry that a hold is posted with, the journal's own refusals are told as they are.
        is_of_entry = statement is _END and rule.name not in _BY_RULE
        refusal = refusals.of_exception(error.orig) if is_of_entry else None
        raise refusal or _refusal(hold_id, rule) from error
    return await known(connection, hold_id)


def _refusal(hold_id: str, rule: refusals.Rule) -> LedgerError:
    made = (_BY_RULE | _OF_PLACING).get(rule.name)
    return HoldRefused(hold_id, rule.hint or rule.message) if made is None else made(hold_id, rule.hint)


def _not_covered(hold_id: str, hint: str) -> LedgerError:
    short = json.loads(hint)
    missing = Money(amount_minor=short["missing_minor"], currency=short["currency"])
    return HoldNotCovered(hold_id, short["account"], missing)


def _no_holds(hold_id: str, account: str) -> LedgerError:
    why = "only a guarded account that is not the house's or a gateway's keeps what is held"
    return HoldRefused(hold_id, f"account {account} takes none: {why}")


_BY_RULE: dict[str, Callable[[str, str], LedgerError]] = {
    "hold_id_is_unique": lambda hold_id, _: HoldConflict(hold_id),
    "hold_is_known": lambda hold_id, _: UnknownHold(hold_id),
    "hold_is_pending": HoldNotPending,
    "hold_has_expired": lambda hold_id, _: HoldNotDue(hold_id),
    "hold_covers_entry": HoldRefused,
}
_OF_PLACING: dict[str, Callable[[str, str], LedgerError]] = {
    "account_is_covered": _not_covered,
    "account_is_open": HoldAccountNotOpen,
    "account_can_be_held_on": _no_holds,
}
