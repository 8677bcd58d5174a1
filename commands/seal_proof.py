"""The seals' part of a proof: whether what was posted is still what was sealed, by the code that verifies seals.

That code shares nothing with what posts and what seals; `ledger verify` says the same, and more of the damage.
"""

from dataclasses import dataclass
from pathlib import Path

from ledger.proofs.findings import Code, Finding
from ledger.proofs.reading import Books
from ledger.seals import signing, verification
from ledger.seals.errors import KeyFault

NO_SEALS = "no seals"


@dataclass(frozen=True, slots=True)
class SealProof:
    """What was found of the seals."""

    seals: int = 0
    """How many were verified."""
    findings: tuple[Finding, ...] = ()
    why_not: str | None = None
    """Why they were not checked; None where they were."""


async def examine(books: Books, public_key_file: str) -> SealProof:
    """Verify all seals of the books with the public keys of this file."""
    async with books.snapshot() as snapshot:
        if not await verification.has_seals(snapshot.connection):
            return SealProof(why_not=NO_SEALS)
        try:
            keys = signing.load_trusted(Path(public_key_file))
        except KeyFault as error:
            return SealProof(why_not=f"{error} (SEAL_PUBLIC_KEY_FILE)")
        found = await verification.verify(snapshot.connection, keys)
    if found.damage is None:
        return SealProof(found.seals)
    finding = Finding(code=Code.SEALS_DIFFER, message=found.damage.message, entry_reference=found.damage.reference)
    return SealProof(found.seals, (finding,))
