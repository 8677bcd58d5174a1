"""The journal: post entries through the database's posting functions, the only way in.

Nothing is committed here: the caller's transaction is the step.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from pydantic import BaseModel, ConfigDict
from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import refusals
from ledger.entries import Entry
from ledger.errors import LedgerError

_POST = text("SELECT entry_id, reference, recorded_at, is_new FROM post_entries(CAST(:given AS jsonb))")
_POST_EACH = text(
    "SELECT item, entry_id, reference, recorded_at, is_new, refused_as, refused_by, message, detail, hint"
    " FROM post_each(CAST(:given AS jsonb))"
)

_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Posted = list["PostedEntry"]


class PostedEntry(BaseModel):
    """What became of an entry; `is_new` is False where it had been posted before."""

    model_config = ConfigDict(frozen=True)

    entry_id: int
    reference: str
    recorded_at: datetime
    is_new: bool


class Posting:
    """Entries that are posted all or none, written as the database reads them: made when they come, not when they go."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.size = len(entries)
        self.has_conditions = any(entry.conditions for entry in entries)
        self.given = ",".join(_encoded(_content(entry)) for entry in entries)


async def post(connection: AsyncConnection, entries: Sequence[Entry]) -> Posted:
    """Post all of the entries or none, in one round trip; returns them in the order given.

    An entry that was posted before with the same content is returned as it stands. Raises ReferenceConflict where its
    reference stands for other content, and InvalidEntry or a kind of it for what the database refuses. After any of these
    the transaction can only be rolled back. Post once in a transaction, and last: a posting holds the balances of its
    accounts until the commit, and two postings in each of two transactions could lock each other out.
    """
    return await post_all(connection, [Posting(entries)])


async def post_all(connection: AsyncConnection, postings: Sequence[Posting]) -> Posted:
    """Post all of the postings or none, as `post` does."""
    rows = await _executed(connection, _POST, f"[{','.join(each.given for each in postings if each.given)}]")
    return [PostedEntry.model_construct(**row) for row in rows]


async def post_each(connection: AsyncConnection, postings: Sequence[Posting]) -> list[Posted | LedgerError]:
    """Post postings one after the other, in one round trip; none fails for its neighbour.

    Returns for each, in the order given, what became of its entries, or why it was refused.
    """
    results: list[Posted | LedgerError] = [[] for _ in postings]
    for row in await _executed(connection, _POST_EACH, f"[{','.join(f'[{each.given}]' for each in postings)}]"):
        place = row["item"] - 1
        if row["refused_as"] is not None:
            parts = (row[name] for name in ("refused_as", "refused_by", "message", "detail", "hint"))
            results[place] = refusals.of_parts(*parts) or LedgerError(row["message"])
        else:
            posted = PostedEntry.model_construct(**{name: row[name] for name in PostedEntry.model_fields})
            cast("Posted", results[place]).append(posted)
    return results


async def _executed(connection: AsyncConnection, statement: TextClause, given: str) -> Sequence[RowMapping]:
    try:
        return (await connection.execute(statement, {"given": given})).mappings().all()
    except DBAPIError as error:
        refusal = refusals.of_exception(error.orig)
        if refusal is None:
            raise
        raise refusal from error


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
        "lines": [line.given() for line in entry.lines],
        **({"conditions": [each.model_dump() for each in entry.conditions]} if entry.conditions else {}),
    }
