"""The manifest of a pack: every file with its hash, size and rows, and what, when and by whom the pack was made; signed.

The signature is over a prefix and the bytes of the manifest, so that it never passes for that of a seal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from ledger.evidence.contents import PackedPeriod
from ledger.evidence.folder import Folder, as_json
from ledger.seals.signing import SealKey

KIND = "quittance evidence 1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig.json"


@dataclass(frozen=True)
class Origin:
    """Where a pack comes from."""

    made_at: datetime
    made_by: str
    read_as: str
    """The role in the database."""
    database: str
    schema_version: str | None


def finish(
    folder: Folder, packed: PackedPeriod, origin: Origin, verdicts: Mapping[str, Any], key: SealKey | None
) -> str:
    """Write the manifest over all files that were written, and sign it where there is a key; returns its SHA-256."""
    content = as_json(
        {
            "kind": KIND,
            "period": packed.name,
            "period_state": packed.state,
            "starts_on": packed.starts_on.isoformat(),
            "ends_on": packed.ends_on.isoformat(),
            "made_at": origin.made_at.isoformat(),
            "made_by": origin.made_by,
            "read_as": origin.read_as,
            "database": origin.database,
            "schema_version": origin.schema_version,
            **verdicts,
            "files": folder.files,
        }
    ).encode()
    folder.unlisted(MANIFEST, content)
    if key is not None:
        signature = key.sign(f"{KIND}\n".encode() + content).hex()
        said = {"kind": KIND, "key_fingerprint": key.fingerprint.hex(), "signature": signature}
        folder.unlisted(SIGNATURE, as_json(said).encode())
    return sha256(content).hexdigest()
