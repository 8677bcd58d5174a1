"""An anchor: the newest seal in a small file, to be kept where nobody who can write to the database can write.

Its digest stands for the whole chain up to it. A chain that was rewritten or cut off, even with the seals' own key,
no longer leads to it.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals.errors import AnchorFault
from ledger.seals.recomputation import digest_of, said_by, statement_of
from ledger.seals.signing import TrustedKeys

KIND = "quittance anchor 1"
MAX_BYTES = 100_000
_COLUMNS = (
    "SELECT number, previous_digest, root, entry_count, first_leaf, last_leaf, debits, columns, epoch,"
    " sealed_to_transaction_id::text AS sealed_to_transaction_id, sealed_to_entry_id, sealed_at, key_fingerprint, digest,"
    " signature FROM public.seals"
)
_NEWEST = text(f"{_COLUMNS} ORDER BY number DESC LIMIT 1")
_NUMBERED = text(f"{_COLUMNS} WHERE number = :number")


@dataclass(frozen=True)
class Anchor:
    """A seal that somebody kept."""

    number: int
    digest: bytes
    """Recomputed from what the seal says."""


async def newest(connection: AsyncConnection) -> dict[str, Any] | None:
    """Return the newest seal and its signature as an anchor, to be written; None where nothing is sealed."""
    row = (await connection.execute(_NEWEST)).mappings().one_or_none()
    return None if row is None else _anchor(row)


async def of_seal(connection: AsyncConnection, number: int) -> dict[str, Any]:
    """Return this seal, which exists, as an anchor."""
    return _anchor((await connection.execute(_NUMBERED, {"number": number})).mappings().one())


def _anchor(row: RowMapping) -> dict[str, Any]:
    return {
        "kind": KIND,
        "seal": said_by(row),
        "digest": row["digest"].hex(),
        "signature": row["signature"].hex(),
    }


def write(path: Path, anchor: dict[str, Any]) -> None:
    """Write it whole or not at all; raises AnchorFault."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w") as file:
            file.write(json.dumps(anchor, indent=2, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise AnchorFault(path, f"{error.strerror}") from error


def load(path: Path, keys: TrustedKeys) -> Anchor:
    """Read an anchor that a trusted key signed; raises AnchorFault."""
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(MAX_BYTES))
        said, signature = given["seal"], bytes.fromhex(given["signature"])
        statement = statement_of(said)
        fingerprint, number = bytes.fromhex(said["key_fingerprint"]), int(said["number"])
    except OSError as error:
        raise AnchorFault(path, f"{error.strerror}; `ledger anchor` makes one") from error
    except (ValueError, TypeError, KeyError) as error:
        raise AnchorFault(path, "it is no anchor; `ledger anchor` makes one") from error
    if given.get("kind") != KIND or not keys.signed(fingerprint, statement, signature):
        raise AnchorFault(
            path, "no trusted key signed what it says: give another anchor, or the key that signed this one"
        )
    return Anchor(number, digest_of(statement))
