"""Reversals: what is left to undo of an entry, and the lines that undo all of it or a part.

An entry is undone once: each line of a reversal is one of the entry's, turned round, and all reversals together undo no
more than there was. PostgreSQL holds that whoever posts; here it is said before anybody is asked to approve.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Account, AccountType, Side
from ledger.entries import Line
from ledger.money import Money, allocate
from ledger.record import Record
from ledger.reversal_errors import CannotReverse

UNDONE_BY_FACTS = ("outcome_unknown", "refund_reserved")
"""Rules whose entries the next fact of their operation undoes in full, so that nobody else may have done it before."""

_HEADER = text(
    "SELECT e.rule, e.event_at, e.reverses_entry_id IS NOT NULL AS is_reversal FROM entries e WHERE e.reference = :reference"
)
# A statement of its own sees no less than the one before: what was undone meanwhile is found by PostgreSQL when it is posted.
_LEFT = text("""
SELECT a.code, a.type, a.normal_side, l.side, l.currency, sum(l.amount_minor) - coalesce((
            SELECT sum(u.amount_minor) FROM entries r JOIN lines u ON u.entry_id = r.entry_id
                WHERE r.reverses_entry_id = e.entry_id AND u.account_id = l.account_id AND u.side <> l.side
                    AND r.reference <> :but
        ), 0) AS left_minor
    FROM entries e JOIN lines l ON l.entry_id = e.entry_id JOIN accounts a ON a.account_id = l.account_id
    WHERE e.reference = :reference
    GROUP BY e.entry_id, l.account_id, a.code, a.type, a.normal_side, l.side, l.currency
    ORDER BY min(l.line_number)
""")


class Undoable(Record):
    """A posted entry, and what of its lines is left to undo, one for each account and side."""

    reference: str
    rule: str
    event_at: datetime
    is_reversal: bool
    """Whether it undoes another itself."""
    left: tuple[Line, ...]

    def left_minor(self, side: Side) -> int:
        """Sum up what is left on one side; both have the same, in each currency."""
        return sum(line.money.amount_minor for line in self.left if line.side is side)


async def undoable(connection: AsyncConnection, reference: str, *, but: str) -> Undoable | None:
    """Read what is left to undo of an entry, `but` apart, so that whoever asks for that again asks for the same.

    None where there is no such entry.
    """
    header = (await connection.execute(_HEADER, {"reference": reference})).mappings().one_or_none()
    if header is None:
        return None
    rows = (await connection.execute(_LEFT, {"reference": reference, "but": but})).mappings().all()
    left = tuple(
        Line(
            account=Account(code=row["code"], type=row["type"], normal_side=row["normal_side"]),
            side=row["side"],
            money=Money(amount_minor=int(row["left_minor"]), currency=row["currency"]),
        )
        for row in rows
        if row["left_minor"] > 0
    )
    return Undoable(reference=reference, left=left, **header)


def in_full(original: Undoable) -> tuple[Line, ...]:
    """Undo all that is left; raises CannotReverse."""
    _require_undoable(original)
    return tuple(line.reversed() for line in original.left)


def in_part(original: Undoable, amount: Money) -> tuple[Line, ...]:
    """Undo an amount: of each side as much, over its lines by what is left of them (largest remainder).

    No line undoes more than is left of it. Raises CannotReverse, also where an amount alone does not say which lines.
    """
    _require_undoable(original)
    kinds = {(line.money.currency, line.account.type is AccountType.MEMO) for line in original.left}
    if len(kinds) > 1:
        raise CannotReverse(original.reference, "a part of it is not said by one amount: name the lines to undo")
    [(currency, _)] = kinds
    left = Money(amount_minor=original.left_minor(Side.DEBIT), currency=currency)
    if amount.currency != currency or not 0 < amount.amount_minor <= left.amount_minor:
        raise CannotReverse(original.reference, f"{left} is left to undo, and {amount} was asked for")
    made: list[Line] = []
    for side in Side:
        of_side = [line for line in original.left if line.side is side]
        parts = allocate(amount, [line.money.amount_minor for line in of_side])
        made += [
            Line(account=line.account, side=side.other, money=part)
            for line, part in zip(of_side, parts, strict=True)
            if part.amount_minor
        ]
    return tuple(made)


def require_within(original: Undoable, lines: Sequence[Line]) -> None:
    """Refuse lines that undo what the entry did not do, or more than is left of it; raises CannotReverse."""
    _require_undoable(original)
    asked: Counter[tuple[str, str, Side]] = Counter()
    for line in lines:
        asked[line.account.code, line.money.currency, line.side.other] += line.money.amount_minor
    left = {(line.account.code, line.money.currency, line.side): line.money.amount_minor for line in original.left}
    for (code, currency, side), asked_minor in asked.items():
        has_minor = left.get((code, currency, side), 0)
        if asked_minor > has_minor:
            has, wanted = (Money(amount_minor=minor, currency=currency) for minor in (has_minor, asked_minor))
            why = f"of the {side}s of account {code} {has} is left to undo, and {wanted} was asked for"
            raise CannotReverse(original.reference, why)


def today(original: Undoable, now: datetime) -> datetime:
    """Date a reversal of today: when its day began, or when the entry happened where that was later.

    Not the moment itself, so that who asks again on the same day asks for the same.
    """
    return max(now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0), original.event_at)


def _require_undoable(original: Undoable) -> None:
    if original.is_reversal:
        raise CannotReverse(original.reference, "it reverses another entry itself: post what is right as a new entry")
    if original.rule in UNDONE_BY_FACTS:
        raise CannotReverse(original.reference, "only what becomes of its operation undoes it")
    if not original.left:
        raise CannotReverse(original.reference, "nothing of it is left to undo")
