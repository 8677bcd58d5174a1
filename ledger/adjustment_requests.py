"""What a person asks for when they adjust the books by hand: the exact entry, why, and on what evidence.

The entry is frozen as canonical JSON and named by its SHA-256: keys in order, no blanks, so that every program writes it alike.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from ledger.accounts import Side, refunds_payable
from ledger.entries import MAX_LINES, Entry, Line, Reference
from ledger.errors import InvalidEntry
from ledger.record import Identifier, Record, Text, content_hash

RULE = "adjustment"
"""The posting rule of these entries, which the database takes from approved adjustments only."""
LONGEST_VALIDITY = timedelta(days=30)
REASON_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
WORDS_PATTERN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
"""One line with something in it."""


def _within_bounds(seconds: int) -> int:
    if not 1 <= seconds <= LONGEST_VALIDITY.total_seconds():
        raise ValueError(f"must be at least a second and at most {LONGEST_VALIDITY.days} days")
    return seconds


ReasonCode = Annotated[str, Field(pattern=REASON_PATTERN)]
"""Such as `write_off`: what reports group by."""
Why = Annotated[Text, StringConstraints(pattern=WORDS_PATTERN, max_length=300)]
"""For whoever reads the books later."""
EvidenceReference = Annotated[Text, StringConstraints(pattern=WORDS_PATTERN, max_length=150)]
"""Where the evidence is kept, such as `ticket FIN-512`."""
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""A moment, written in one way only."""
EntryHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the canonical JSON of the entry, in hexadecimal."""


def entry_reference(adjustment_id: str) -> str:
    """Name the entry of an adjustment."""
    return f"adjustment/{adjustment_id}"


class AdjustmentRequest(Record):
    """The wish to post one entry by hand."""

    adjustment_id: Identifier
    requester: Identifier
    """The person who asks; another one has to approve."""
    reason_code: ReasonCode
    because: Why
    evidence: EvidenceReference
    event_at: Moment
    """When what is corrected happened."""
    lines: tuple[Line, ...] = Field(min_length=2, max_length=MAX_LINES)
    valid_seconds: Annotated[int, AfterValidator(_within_bounds)]
    """How long it may wait for its approvals and its posting, from the moment at which it is written down."""
    reverses: Reference | None = None
    """Reference of the entry that it undoes, all of it or a part."""

    def entry(self) -> Entry:
        """Make the entry; raises InvalidEntry or UnbalancedEntry. Reason, words and evidence are part of it."""
        reference = entry_reference(self.adjustment_id)
        if _takes_from_refunds_payable(self.lines):
            why = f"it takes from {refunds_payable().code}, from which refunds of gateways must always be booked"
            raise InvalidEntry(reference, why)
        return Entry(
            reference=reference,
            rule=RULE,
            description=f"{self.because}; evidence {self.evidence}",
            event_at=self.event_at,
            actor=f"person:{self.requester}",
            reason_code=self.reason_code,
            lines=self.lines,
            reverses=self.reverses,
        )

    def content_hash(self) -> str:
        """Identify what is asked: the same id may come again with the same content only."""
        return content_hash(self, later=frozenset({"reverses"}))

    def canonical_entry(self) -> str:
        """Write the entry down in the one way that its hash is taken of; raises as `entry` does."""
        return canonical(self.entry())

    def entry_hash(self) -> str:
        """Name the exact entry."""
        return hash_of(self.canonical_entry())


def _takes_from_refunds_payable(lines: Sequence[Line]) -> bool:
    change: Counter[str] = Counter()
    for line in lines:
        if line.account == refunds_payable():
            amount = line.money.amount_minor
            change[line.money.currency] += amount if line.side is Side.CREDIT else -amount
    return any(amount < 0 for amount in change.values())


def canonical(entry: Entry) -> str:
    """Write an entry as canonical JSON; what it reverses is in it where it reverses another."""
    content: dict[str, Any] = {
        "reference": entry.reference,
        "rule": entry.rule,
        "description": entry.description,
        "event_at": entry.event_at.isoformat(),
        "actor": entry.actor,
        "reason_code": entry.reason_code,
        "lines": [line.given() for line in entry.lines],
    }
    if entry.reverses is not None:
        content["reverses"] = entry.reverses
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def hash_of(canonical_entry: str) -> str:
    """Take the hash of a canonical entry."""
    return hashlib.sha256(canonical_entry.encode()).hexdigest()
