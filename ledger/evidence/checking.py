"""Checks a pack that somebody holds: its files against the manifest, the manifest against its signature, the totals against the lines.

It needs nothing but the folder, and shares no code with what writes packs: what it reads is described in the README of a pack.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.evidence.errors import NoPack
from ledger.evidence.recomputing import recomputed
from ledger.seals.signing import TrustedKeys

KIND = "quittance evidence 1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig.json"
REQUIRED = frozenset(
    {
        *("README.md", "entries.csv", "lines.csv", "trial_balance.csv", "posting_rules.csv", "clearing.csv"),
        *("adjustments.csv", "decisions.csv", "period_changes.csv", "account_changes.csv", "people.csv", "seals.csv"),
        *("operations.csv", "reconciliation.json", "protection.json", "verification.json"),
    }
)
BLOCK_BYTES = 1 << 20
MOST_MANIFEST_BYTES = 10_000_000


@dataclass(frozen=True)
class Checked:
    """What was found; without faults the pack is what was written."""

    period: str
    manifest_hash: str
    signed_by: str | None
    """Fingerprint of the key, where a trusted one signed."""
    signature: str
    """`trusted`, `not_checked` where no public keys were given, or `missing`."""
    files: int
    entries: int
    lines: int
    seals: int
    faults: tuple[str, ...]


def check(folder: Path, keys: TrustedKeys | None) -> Checked:
    """Check a pack, and its signatures where keys are given; raises NoPack."""
    content = _read(folder, MANIFEST)
    manifest = _manifest(folder, content)
    faults = list(_file_faults(folder, manifest["files"]))
    fingerprint, signature = None, "missing"
    if (folder / SIGNATURE).exists():
        fingerprint, signature, fault = _signed(folder, content, keys)
        faults += [fault] if fault else []
    totals = None
    if not any((folder / name).is_symlink() or not (folder / name).is_file() for name in REQUIRED):
        totals = recomputed(folder, keys)
        faults += totals.faults
        faults += _count_faults(manifest["files"], totals.rows)
    return Checked(
        period=str(manifest["period"]),
        manifest_hash=sha256(content).hexdigest(),
        signed_by=fingerprint,
        signature=signature,
        files=len(manifest["files"]),
        entries=totals.rows.get("entries.csv", 0) if totals else 0,
        lines=totals.rows.get("lines.csv", 0) if totals else 0,
        seals=totals.rows.get("seals.csv", 0) if totals else 0,
        faults=tuple(faults),
    )


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.is_symlink():
            raise NoPack(folder, f"{name} is a link")
        with path.open("rb") as file:
            return file.read(MOST_MANIFEST_BYTES)
    except OSError as error:
        raise NoPack(folder, f"{name}: {error.strerror}") from error


def _manifest(folder: Path, content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        is_ours = manifest["kind"] == KIND and isinstance(manifest["period"], str)
        described = [(str(name), str(file["sha256"]), int(file["bytes"])) for name, file in manifest["files"].items()]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NoPack(folder, f"{MANIFEST} cannot be read") from error
    if not is_ours or any("/" in name or name.startswith(".") for name, _, _ in described):
        raise NoPack(folder, f"{MANIFEST} is not of this kind of pack")
    return dict(manifest)


def _file_faults(folder: Path, listed: dict[str, Any]) -> Iterator[str]:
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE}
    for name in sorted(there - listed.keys()):
        yield f"{name} was added: the manifest does not name it"
    for name in sorted(REQUIRED - listed.keys()):
        yield f"{name} is not in the manifest: every pack has it"
    for name, said in sorted(listed.items()):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield f"{name} is missing"
        elif (found := _hash(path)) != (said["sha256"], said["bytes"]):
            yield f"{name} was changed: its SHA-256 is {found[0]} ({found[1]} bytes), the manifest says {said['sha256']} ({said['bytes']} bytes)"


def _hash(path: Path) -> tuple[str, int]:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _signed(folder: Path, content: bytes, keys: TrustedKeys | None) -> tuple[str | None, str, str | None]:
    """Return the fingerprint of the trusted key, what is to be said of the signature, and its fault."""
    try:
        said = json.loads(_read(folder, SIGNATURE))
        fingerprint, signature = bytes.fromhex(said["key_fingerprint"]), bytes.fromhex(said["signature"])
    except (ValueError, TypeError, KeyError):
        return None, "wrong", f"{SIGNATURE} cannot be read"
    if keys is None:
        return None, "not_checked", None
    if not keys.trusts(fingerprint):
        return None, "wrong", f"the manifest is signed with a key that is not trusted ({fingerprint.hex()})"
    if not keys.signed(fingerprint, f"{KIND}\n".encode() + content, signature):
        return None, "wrong", "the manifest is not what was signed"
    return fingerprint.hex(), "trusted", None


def _count_faults(listed: dict[str, Any], rows: dict[str, int]) -> Iterator[str]:
    for name, found in sorted(rows.items()):
        said = listed.get(name, {}).get("rows")
        if said != found:
            yield f"{name} has {found} rows, the manifest says {said}"
