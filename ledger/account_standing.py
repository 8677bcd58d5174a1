"""How an account stands: posted, pending and available; open, frozen or closed; how far it may fall, and who said so.

Only guarded accounts of others than the house and the gateways are frozen, closed or given a limit: facts are always booked.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import refusals
from ledger.accounts import Account, AccountType, Side
from ledger.errors import AccountChangeRefused, AccountNotInChart, UnknownAccount
from ledger.record import Record

UNKNOWN = "account_is_known"


class AccountState(StrEnum):
    """Whether an account takes entries."""

    OPEN = "open"
    FROZEN = "frozen"
    """It takes none until somebody opens it again."""
    CLOSED = "closed"
    """It holds nothing, and takes nothing for good."""


class AccountChange(Record):
    """What somebody made of an account, and why."""

    state: AccountState
    floor_minor: int | None
    actor: str
    because: str
    changed_at: datetime


class Standing(Record):
    """An account in one currency, amounts in minor units and positive on its normal side."""

    account: str
    currency: str
    type: AccountType
    normal_side: Side
    owner: str
    state: AccountState
    posted_minor: int
    """What its lines sum to."""
    pending_minor: int
    """What of it is held for something else."""
    floor_minor: int | None
    """What is available never falls below it; None for an account without a guard."""
    version: int
    """The sequence of its last line."""

    @property
    def available_minor(self) -> int:
        """What may still be promised or spent, down to nothing."""
        return self.posted_minor - self.pending_minor


_STANDING = text(
    "SELECT a.code AS account, a.currency, a.type, a.normal_side, c.owner, b.state, b.balance_minor AS posted_minor,"
    " b.held_minor AS pending_minor, b.floor_minor, b.version"
    " FROM accounts a JOIN balances b ON b.account_id = a.account_id"
    " LEFT JOIN LATERAL (SELECT owner FROM chart WHERE a.code ~ form ORDER BY literals DESC, code LIMIT 1) c ON true"
    " WHERE a.code = :code AND (CAST(:currency AS text) IS NULL OR a.currency = :currency) ORDER BY a.currency"
)
_CHANGES = text(
    "SELECT c.state, c.floor_minor, c.actor, c.because, c.changed_at"
    " FROM account_changes c JOIN accounts a ON a.account_id = c.account_id"
    " WHERE a.code = :code AND a.currency = :currency ORDER BY c.change_id DESC LIMIT :limit"
)
_CHANGE = text("SELECT state FROM change_account(:code, :currency, :state, :bill_back, :actor, :because)")
_CHARTED = text(
    "SELECT w.code, c.type, c.normal_side FROM unnest(CAST(:codes AS text[])) w (code) CROSS JOIN LATERAL ("
    "SELECT type, normal_side FROM chart WHERE w.code ~ form ORDER BY literals DESC, code LIMIT 1) c"
)


async def standings(connection: AsyncConnection, code: str, currency: str | None = None) -> Sequence[Standing]:
    """Read how an account stands in each currency, or in one; raises UnknownAccount."""
    rows = (await connection.execute(_STANDING, {"code": code, "currency": currency})).mappings().all()
    if not rows:
        raise UnknownAccount(code, currency)
    return [Standing.model_validate(dict(row)) for row in rows]


async def changes(connection: AsyncConnection, code: str, currency: str, limit: int = 100) -> Sequence[AccountChange]:
    """List what was made of an account, the last change first."""
    rows = await connection.execute(_CHANGES, {"code": code, "currency": currency, "limit": limit})
    return [AccountChange.model_validate(dict(row)) for row in rows.mappings()]


async def set_state(
    connection: AsyncConnection, code: str, currency: str, state: AccountState, *, actor: str, because: str
) -> Standing:
    """Freeze, open again or close an account; what it is already it stays. Raises AccountChangeRefused, UnknownAccount."""
    given = {"state": state, "bill_back": None, "actor": actor, "because": because}
    return await _change(connection, code, currency, given)


async def set_bill_back(
    connection: AsyncConnection, code: str, currency: str, limit_minor: int, *, actor: str, because: str
) -> Standing:
    """Let an account fall so far below zero, and no further. Raises AccountChangeRefused, UnknownAccount."""
    given = {"state": None, "bill_back": limit_minor, "actor": actor, "because": because}
    return await _change(connection, code, currency, given)


async def charted(connection: AsyncConnection, code: str) -> Account:
    """Read what the chart says of a code, also where no such account was opened yet; raises AccountNotInChart."""
    found = await all_charted(connection, [code])
    if not found:
        raise AccountNotInChart(f"on {code}", f"there is no account {code} in the chart")
    return found[code]


async def all_charted(connection: AsyncConnection, codes: Iterable[str]) -> dict[str, Account]:
    """Read what the chart says of codes; one that it has no row for is not in the answer."""
    rows = (await connection.execute(_CHARTED, {"codes": sorted(codes)})).mappings()
    return {row["code"]: Account.model_validate(dict(row)) for row in rows}


async def _change(connection: AsyncConnection, code: str, currency: str, given: dict[str, Any]) -> Standing:
    try:
        await connection.execute(_CHANGE, {**given, "code": code, "currency": currency})
    except DBAPIError as error:
        rule = refusals.rule_of(error.orig)
        if rule is None:
            raise
        if rule.name == UNKNOWN:
            raise UnknownAccount(code, currency) from error
        raise AccountChangeRefused(code, rule.hint or rule.message) from error
    [standing] = await standings(connection, code, currency)
    return standing
