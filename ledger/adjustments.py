"""Manual adjustments in the books: what was asked for, who decided what, and where it stands.

PostgreSQL decides who may do what, by functions that lock the row; here they are called, and what they refuse is said. Functions
take a connection and never commit: the caller's transaction is the step. After a refusal it can only be rolled back.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Account
from ledger.adjustment_requests import AdjustmentRequest, entry_reference
from ledger.adjustment_tables import adjustment_decisions, adjustments
from ledger.charges import MAX_LISTED
from ledger.entries import Line
from ledger.errors import AdjustmentConflict, AdjustmentRefused, UnknownAdjustment
from ledger.money import Money
from ledger.record import Record

REFUSED = ("QT4", "23505", "23514")
"""How the states begin in which PostgreSQL says no for good: a rule of ours, a unique index, a check."""


class AdjustmentState(StrEnum):
    """Where an adjustment stands."""

    REQUESTED = "requested"
    """It waits for its approvals."""
    APPROVED = "approved"
    """It has them, and is about to be posted."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    """It was not decided, or could not be posted, in time."""
    POSTED = "posted"

    @property
    def is_over(self) -> bool:
        """Whether nothing can become of it any more."""
        return self not in {AdjustmentState.REQUESTED, AdjustmentState.APPROVED}


class Verdict(StrEnum):
    """What a person may say of an adjustment."""

    APPROVE = "approve"
    REJECT = "reject"


class Decision(Record):
    """What a person said of an adjustment, and when, by the clock of the database."""

    person: str
    decision: Verdict
    because: str
    seen_hash: str
    """The hash of the entry that the person had seen."""
    decided_at: datetime


class Tier(Record):
    """An adjustment's amount in one currency, and up to which one approval is enough; None: there is no such amount."""

    currency: str
    amount_minor: int
    one_approval_up_to_minor: int | None

    @property
    def amount(self) -> Money:
        """What is debited in this currency."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)


class Adjustment(Record):
    """An adjustment with what was decided of it; the hash is in hexadecimal."""

    adjustment_id: str
    requester: str
    reason_code: str
    because: str
    evidence: str
    entry: str
    entry_hash: str
    tiers: tuple[Tier, ...]
    approvals_needed: int
    valid_seconds: int
    requested_at: datetime
    expires_at: datetime
    seconds_left: float
    """Until it expires, by the clock of the database when it was read."""
    state: AdjustmentState
    changed_at: datetime
    posted_entry_id: int | None
    decisions: tuple[Decision, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the exact entry."""
        return tuple(_line(line) for line in json.loads(self.entry)["lines"])

    @property
    def event_at(self) -> datetime:
        """When what is corrected happened."""
        return datetime.fromisoformat(json.loads(self.entry)["event_at"])

    @property
    def reverses(self) -> str | None:
        """The reference of the entry that it undoes, all of it or a part."""
        reference: str | None = json.loads(self.entry).get("reverses")
        return reference

    @property
    def entry_reference(self) -> str:
        """The reference under which it is posted."""
        return entry_reference(self.adjustment_id)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who has approved it."""
        return tuple(each.person for each in self.decisions if each.decision is Verdict.APPROVE)

    @property
    def rejecter(self) -> str | None:
        """Who has rejected it."""
        return next((each.person for each in self.decisions if each.decision is Verdict.REJECT), None)

    def request(self) -> AdjustmentRequest:
        """Return what was asked for, so that a process that is gone can be started again."""
        return AdjustmentRequest(
            adjustment_id=self.adjustment_id,
            requester=self.requester,
            reason_code=self.reason_code,
            because=self.because,
            evidence=self.evidence,
            event_at=self.event_at,
            lines=self.lines,
            valid_seconds=self.valid_seconds,
            reverses=self.reverses,
        )


_REQUEST = text(
    "SELECT request_adjustment(:id, :requester, :reason_code, :because, :evidence, :entry, :hash, :valid_seconds)"
)
_DECIDE = text("SELECT decide_adjustment(:id, :person, :decision, :because, :hash)")
_EXPIRE = text("SELECT expire_adjustment(:id)")
_POST = text("SELECT entry_id FROM post_adjustment(:id)")
_ROWS = select(
    adjustments, func.extract("epoch", adjustments.c.expires_at - func.clock_timestamp()).label("seconds_left")
)


async def request(connection: AsyncConnection, asked: AdjustmentRequest) -> Adjustment:
    """Write a request down, or return the one of this id and content; raises AdjustmentConflict, AdjustmentRefused.

    An entry that is not one raises InvalidEntry or UnbalancedEntry.
    """
    canonical = asked.canonical_entry()
    values = asked.model_dump(include={"requester", "reason_code", "because", "evidence", "valid_seconds"})
    values |= {"id": asked.adjustment_id, "entry": canonical, "hash": bytes.fromhex(asked.entry_hash())}
    await _call(connection, _REQUEST, asked.adjustment_id, values)
    return await known(connection, asked.adjustment_id)


async def decide(
    connection: AsyncConnection, adjustment_id: str, verdict: Verdict, *, person: str, because: str, seen_hash: str
) -> Adjustment:
    """Approve or reject, and return what that makes of it; raises UnknownAdjustment, AdjustmentRefused."""
    values = {"id": adjustment_id, "person": person, "decision": verdict, "because": because}
    await _call(connection, _DECIDE, adjustment_id, {**values, "hash": bytes.fromhex(seen_hash)})
    return await known(connection, adjustment_id)


async def expire(connection: AsyncConnection, adjustment_id: str) -> Adjustment:
    """End it if its time is over, by the clock of the database, and return where it stands."""
    await _call(connection, _EXPIRE, adjustment_id, {"id": adjustment_id})
    return await known(connection, adjustment_id)


async def post(connection: AsyncConnection, adjustment_id: str) -> Adjustment:
    """Post what was approved, once, and return where it stands; raises AdjustmentRefused where the books refuse it."""
    await _call(connection, _POST, adjustment_id, {"id": adjustment_id})
    return await known(connection, adjustment_id)


async def get(connection: AsyncConnection, adjustment_id: str) -> Adjustment | None:
    """Read an adjustment; None where there is none of this id."""
    found = await _read(connection, _ROWS.where(adjustments.c.adjustment_id == adjustment_id))
    return found[0] if found else None


async def known(connection: AsyncConnection, adjustment_id: str) -> Adjustment:
    """Read an adjustment that must exist; raises UnknownAdjustment."""
    found = await get(connection, adjustment_id)
    if found is None:
        raise UnknownAdjustment(adjustment_id)
    return found


async def find(
    connection: AsyncConnection, *, states: Collection[AdjustmentState], limit: int = 100
) -> Sequence[Adjustment]:
    """List adjustments in these states, the one that was asked for last first; never more than 1,000."""
    order = adjustments.c.requested_at.desc(), adjustments.c.adjustment_id
    return await _read(
        connection,
        _ROWS.where(adjustments.c.state.in_(states)).order_by(*order).limit(min(limit, MAX_LISTED)),
    )


async def _read(connection: AsyncConnection, query: Any) -> list[Adjustment]:
    rows = (await connection.execute(query)).mappings().all()
    names = [row["adjustment_id"] for row in rows]
    decided = select(adjustment_decisions).where(adjustment_decisions.c.adjustment_id.in_(names))
    decisions: dict[str, list[Decision]] = defaultdict(list)
    for row in (await connection.execute(decided.order_by(adjustment_decisions.c.decided_at))).mappings():
        fields = {name: row[name] for name in ("person", "decision", "because", "decided_at")}
        decisions[row["adjustment_id"]].append(Decision(**fields, seen_hash=row["seen_hash"].hex()))
    return [_adjustment(row, decisions[row["adjustment_id"]]) for row in rows]


def _adjustment(row: RowMapping, decisions: Sequence[Decision]) -> Adjustment:
    other = {name: row[name] for name in row.keys() & Adjustment.model_fields.keys()}
    made = {
        "entry_hash": row["entry_hash"].hex(),
        "tiers": tuple(Tier(currency=currency, **tier) for currency, tier in sorted(row["tier"].items())),
        "decisions": tuple(decisions),
    }
    return Adjustment.model_validate(other | made)


def _line(line: dict[str, Any]) -> Line:
    return Line(
        account=Account(code=line["code"], type=line["type"], normal_side=line["normal_side"]),
        side=line["side"],
        money=Money(amount_minor=line["amount_minor"], currency=line["currency"]),
    )


async def _call(connection: AsyncConnection, function: Any, adjustment_id: str, values: dict[str, Any]) -> None:
    try:
        await connection.execute(function, values)
    except DBAPIError as error:
        said = error.orig
        if not isinstance(said, psycopg.Error) or not (said.sqlstate or "").startswith(REFUSED):
            raise
        match said.diag.constraint_name:
            case "adjustment_id_is_unique":
                raise AdjustmentConflict(adjustment_id) from error
            case "adjustment_is_known":
                raise UnknownAdjustment(adjustment_id) from error
            case rule:
                words = said.diag.message_primary or str(said)
                raise AdjustmentRefused(adjustment_id, rule=rule or "", said=words) from error
