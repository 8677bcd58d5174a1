"""The documents of `ledger evidence` with `--json`."""

from commands.documents import Document
from ledger.evidence.checking import Checked


class PackDocument(Document):
    """A pack that was written."""

    folder: str
    period: str
    period_state: str
    files: int
    entries: int
    lines: int
    adjustments: int
    seals: int
    unsealed_entries: int
    reconciled: bool
    verification: str
    why: str | None
    is_protected: bool
    manifest_hash: str
    signed_by: str | None


class CheckedPackDocument(Document):
    """What was found of a pack."""

    verdict: str
    period: str
    manifest_hash: str
    signature: str
    signed_by: str | None
    files: int
    entries: int
    lines: int
    seals: int
    faults: list[str]


def of_checked(found: Checked) -> CheckedPackDocument:
    """Say what was found."""
    return CheckedPackDocument(
        verdict="damaged" if found.faults else "verified",
        period=found.period,
        manifest_hash=found.manifest_hash,
        signature=found.signature,
        signed_by=found.signed_by,
        files=found.files,
        entries=found.entries,
        lines=found.lines,
        seals=found.seals,
        faults=list(found.faults),
    )
