"""The journal: post entries through the database's posting function, the only way in.

Nothing is committed here: the caller's transaction is the step.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Entry
from ledger.errors import (
    AccountConflict,
    InvalidEntry,
    LedgerError,
    NoPeriod,
    PeriodNotOpen,
    ReferenceConflict,
    UnbalancedEntry,
)

UNIQUE = "23505"
CHECK = "23514"
_INVALID = {
    "entry_balances": UnbalancedEntry,
    "account_is_fixed": AccountConflict,
    "period_is_open": PeriodNotOpen,
    "event_has_a_period": NoPeriod,
}
"""What an entry is refused for, by the name that the database gives it."""
_POST = text("SELECT entry_id, reference, recorded_at, is_new FROM post_entries(CAST(:given AS jsonb))")


class PostedEntry(BaseModel):
    """What became of an entry; `is_new` is False where it had been posted before."""

    model_config = ConfigDict(frozen=True)

    entry_id: int
    reference: str
    recorded_at: datetime
    is_new: bool


async def post(connection: AsyncConnection, entries: Sequence[Entry]) -> list[PostedEntry]:
    """Post all of the entries or none, in one round trip; returns them in the order given.

    An entry that was posted before with the same content is returned as it stands. Raises ReferenceConflict where its
    reference stands for other content, AccountConflict, UnbalancedEntry or InvalidEntry for what the database refuses.
    After any of these the transaction can only be rolled back. Post once in a transaction: two postings in each of two
    transactions that open the same accounts could lock each other out.
    """
    given = json.dumps([_content(entry) for entry in entries], ensure_ascii=False, separators=(",", ":"))
    try:
        rows = (await connection.execute(_POST, {"given": given})).mappings().all()
    except DBAPIError as error:
        refusal = _refusal(error.orig)
        if refusal is None:
            raise
        raise refusal from error
    return [PostedEntry.model_construct(**row) for row in rows]


def _content(entry: Entry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "rule": entry.rule,
        "description": entry.description,
        "event_at": entry.event_at.isoformat(),
        "charge_id": entry.charge_id,
        "operation_id": entry.operation_id,
        "actor": entry.actor,
        "reason_code": entry.reason_code,
        "reverses": entry.reverses,
        "lines": [
            {
                "code": line.account.code,
                "type": line.account.type,
                "normal_side": line.account.normal_side,
                "side": line.side,
                "amount_minor": line.money.amount_minor,
                "currency": line.money.currency,
            }
            for line in entry.lines
        ],
    }


def _refusal(error: object) -> LedgerError | None:
    """Read what the posting function raised; None where it is some other trouble of the database."""
    if not isinstance(error, psycopg.Error) or error.sqlstate not in {"QT409", "QT422", UNIQUE, CHECK}:
        return None
    # The function gives the reference as the detail and the fault as the hint; the tables' own checks give neither.
    reference = "of this posting" if error.sqlstate in {UNIQUE, CHECK} else error.diag.message_detail or ""
    fault = error.diag.message_hint or error.diag.message_primary or ""
    if error.diag.constraint_name == "entry_reference_is_unique":
        return ReferenceConflict(reference)
    return _INVALID.get(error.diag.constraint_name or "", InvalidEntry)(reference, fault)
