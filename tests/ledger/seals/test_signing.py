"""Keys: made once, read by their owner only, and no seal is believed without the right one."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ledger.seals import signing
from ledger.seals.errors import KeyFault


def test_what_the_key_signs_its_public_key_believes(tmp_path: Path) -> None:
    """And nothing else: no other statement, no other signature, no other key's name."""
    trusted = signing.load_trusted(signing.create(tmp_path / "a.key"))
    key = signing.load(tmp_path / "a.key")
    signature = key.sign(b"said")
    assert trusted.signed(key.fingerprint, b"said", signature)
    assert not trusted.signed(key.fingerprint, b"other", signature)
    assert not trusted.signed(key.fingerprint, b"said", bytes(64))
    assert not trusted.signed(bytes(32), b"said", signature)
    signing.create(tmp_path / "b.key")
    other = signing.load(tmp_path / "b.key")
    assert not trusted.signed(key.fingerprint, b"said", other.sign(b"said"))
    assert not trusted.trusts(other.fingerprint)


def test_an_old_and_a_new_key_are_both_believed(tmp_path: Path) -> None:
    """A key is changed by adding the new public key to the file; earlier seals go on to verify."""
    publics = [signing.create(tmp_path / name) for name in ("old.key", "new.key")]
    both = tmp_path / "both.pub"
    both.write_bytes(b"".join(public.read_bytes() for public in publics))
    trusted = signing.load_trusted(both)
    assert all(trusted.trusts(signing.load(tmp_path / name).fingerprint) for name in ("old.key", "new.key"))


def test_a_new_key_is_for_its_owner_only_and_overwrites_nothing(tmp_path: Path) -> None:
    """Whoever runs the command twice does not lose the key that signed the books."""
    public = signing.create(tmp_path / "a.key")
    assert ((tmp_path / "a.key").stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    before = (tmp_path / "a.key").read_bytes()
    with pytest.raises(KeyFault, match="give another name"):
        signing.create(tmp_path / "a.key")
    public.unlink()
    with pytest.raises(KeyFault, match="never overwritten"):
        signing.create(tmp_path / "a.key")
    assert (tmp_path / "a.key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever can read it can sign other books."""
    signing.create(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(KeyFault, match=f"others may read it \\(mode {mode:o}\\): run `chmod 600`"):
        signing.load(tmp_path / "a.key")


def _of_another_kind(path: Path) -> None:
    private = generate_private_key(SECP256R1())
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)


def test_what_is_no_key_is_said_so(tmp_path: Path) -> None:
    """A missing file, another file and a key of another kind each get a line that says what to do."""
    nothing, text, other = tmp_path / "no", tmp_path / "text", tmp_path / "other.key"
    text.write_text("hello")
    _of_another_kind(other)
    for path in (text, other):
        path.chmod(0o600)
    for path, fault in ((nothing, "No such file"), (text, "no private key"), (other, "no Ed25519 key")):
        with pytest.raises(KeyFault, match=f"{fault}.*`ledger seal-key` makes one"):
            signing.load(path)
    for path, fault in ((nothing, "No such file"), (text, "no Ed25519"), (other.with_suffix(".pub"), "no Ed25519")):
        with pytest.raises(KeyFault, match=fault):
            signing.load_trusted(path)
    with pytest.raises(KeyFault, match="No such file"):
        signing.create(tmp_path / "nowhere" / "a.key")
