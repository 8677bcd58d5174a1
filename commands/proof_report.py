"""What a proof came to: findings, what could not be read, how much was examined, and a count for each invariant."""

from dataclasses import dataclass
from datetime import datetime

from ledger.proofs.findings import Finding, Note
from ledger.proofs.invariants import Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """What the proof says; `unread` are the parts that could not be read or examined, each in a line."""

    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]
    unread: tuple[str, ...]
    charges: int
    operations: int
    entries: int
    effects: int
    processes: int = 0
    histories: int = 0
    """How many of the processes' histories were read and replayed."""
    invariants: tuple[Count, ...] = ()
    since: datetime | None = None

    @property
    def verdict(self) -> str:
        """`proved`, `findings`, or `not_read` where a part could not be read, whatever was found in the rest."""
        if self.unread:
            return "not_read"
        return "findings" if self.findings else "proved"

    @property
    def exit_code(self) -> int:
        """0 nothing found, 1 findings, 3 something could not be read."""
        return {"proved": 0, "findings": 1, "not_read": 3}[self.verdict]
