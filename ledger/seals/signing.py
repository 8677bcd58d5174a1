"""The keys of seals: Ed25519, the private one in a file that only its owner reads, the public one for whoever verifies.

The private key is never in the database: whoever can rewrite the books still cannot sign them.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ledger.seals.errors import KeyFault

PUBLIC_SUFFIX = ".pub"
_PUBLIC_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class SealKey:
    """The private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.fingerprint = fingerprint_of(private.public_key())

    def sign(self, statement: bytes) -> bytes:
        """Sign what a seal says."""
        return self._private.sign(statement)


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys whose seals are believed, by fingerprint; several while a key is changed."""

    keys: Mapping[bytes, Ed25519PublicKey]

    def trusts(self, fingerprint: bytes) -> bool:
        """Whether a key is among them."""
        return fingerprint in self.keys

    def signed(self, fingerprint: bytes, statement: bytes, signature: bytes) -> bool:
        """Whether the trusted key of this fingerprint signed the statement."""
        key = self.keys.get(fingerprint)
        if key is None:
            return False
        try:
            key.verify(signature, statement)
        except InvalidSignature:
            return False
        return True


def fingerprint_of(public: Ed25519PublicKey) -> bytes:
    """Name a public key by the SHA-256 of its 32 bytes."""
    return sha256(public.public_bytes_raw()).digest()


def create(path: Path) -> Path:
    """Make a key pair: the private key at `path`, which must not exist, the public one beside it; returns where that is."""
    private = Ed25519PrivateKey.generate()
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    if public_path.exists():
        raise KeyFault(public_path, "it is there already: give another name")
    _write(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write(public_path, public, 0o644)
    return public_path


def load(path: Path) -> SealKey:
    """Read the private key; raises KeyFault, also where others than its owner may read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeyFault(path, f"others may read it (mode {mode:03o}): run `chmod 600` on it")
            content = file.read()
        private = load_pem_private_key(content, password=None)
    except OSError as error:
        raise KeyFault(path, f"{error.strerror}; `ledger seal-key` makes one") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFault(path, "it is no private key in PEM without a password; `ledger seal-key` makes one") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFault(path, "it is no Ed25519 key; `ledger seal-key` makes one")
    return SealKey(private)


def load_trusted(path: Path) -> TrustedKeys:
    """Read the public keys of a file, one PEM after the other; raises KeyFault."""
    try:
        found = [load_pem_public_key(pem) for pem in _PUBLIC_PEM.findall(path.read_bytes())]
    except OSError as error:
        raise KeyFault(path, f"{error.strerror}; give the public key that belongs to SEAL_KEY_FILE") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFault(path, "it holds no public keys in PEM") from error
    keys = {fingerprint_of(key): key for key in found if isinstance(key, Ed25519PublicKey)}
    if not keys or len(keys) < len(found):
        raise KeyFault(path, "it holds no Ed25519 public keys in PEM, or others as well")
    return TrustedKeys(keys)


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise KeyFault(path, "it is there already: a key is never overwritten, give another name") from error
    except OSError as error:
        raise KeyFault(path, f"{error.strerror}") from error
