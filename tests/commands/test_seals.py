"""Seals on the command line: an auditor verifies with two files and a password that can only read."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.commands.conftest import ROOT, Answer, CommandLine, Servers

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def key(cli: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that sealed these books, made with the command."""
    path = tmp_path_factory.mktemp("keys") / "seal.key"
    made = cli("ledger", "seal-key", "--out", str(path))
    assert made.exit_code == 0
    assert f"{path}.pub" in made.stdout
    return path


@pytest.fixture(scope="module")
def sealer(cli: CommandLine, key: Path) -> CommandLine:
    """The command line with what a worker has that seals."""
    url = cli.environment["DATABASE_URL"].replace("quittance_app@", "quittance_sealer@")
    settings = {"SEAL_KEY_FILE": str(key), "SEALER_DATABASE_URL": url, "SEAL_PUBLIC_KEY_FILE": f"{key}.pub"}
    return CommandLine({**cli.environment, **settings}, cli.simulators)


@pytest.fixture(scope="module", autouse=True)
def sealed(sealer: CommandLine) -> Answer:
    """A charge that is sealed."""
    sealer.charge("sealed")
    return sealer("ledger", "seal", "--json")


@contextmanager
def bent(servers: Servers, there: str, back: str) -> Iterator[None]:
    """Change an entry as a superuser, and change it back."""
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE entries DISABLE TRIGGER never_changed")
        try:
            connection.execute(there.encode())
            connection.execute("ALTER TABLE entries ENABLE ALWAYS TRIGGER never_changed")
            yield
        finally:
            connection.execute("ALTER TABLE entries DISABLE TRIGGER never_changed")
            connection.execute(back.encode())
            connection.execute("ALTER TABLE entries ENABLE ALWAYS TRIGGER never_changed")


def test_what_is_sealed_is_said(sealed: Answer, sealer: CommandLine) -> None:
    """Whoever seals by hand sees what came of it; where nothing is left, that is said too."""
    assert sealed.exit_code == 0
    [first, *_] = sealed.document["seals"]
    assert (first["seal"], first["first_leaf"], len(first["digest"])) == (1, 0, 64)
    assert first["entries"] == first["last_leaf"] + 1
    assert sealer("ledger", "seal").stdout == "nothing is left to seal\n"
    sealer.charge("sealed_too")
    assert sealer("ledger", "seal").stdout.startswith("seal 2: ")


def test_books_that_nobody_touched_verify(sealer: CommandLine, key: Path) -> None:
    """Exit code 0, and how much was read."""
    answer = sealer("ledger", "verify")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("verified: ")
    sealer.charge("not_sealed")
    found = sealer("ledger", "verify", "--public-key", f"{key}.pub", "--json")
    assert (found.exit_code, found.document["verdict"], found.document["damage"]) == (0, "verified", None)
    assert found.document["unsealed_entries"] >= 1
    assert "entries have no seal yet" in sealer("ledger", "verify").stdout
    sealer("ledger", "seal")


def test_a_changed_entry_is_named_in_one_line(sealer: CommandLine, servers: Servers) -> None:
    """Exit code 1: which seal, which entry, and that it is not what was sealed."""
    change = "UPDATE entries SET actor = {} WHERE reference = 'sealed:capture:1'"
    with psycopg.connect(servers.superuser_url) as connection:
        [(actor,)] = connection.execute("SELECT actor FROM entries WHERE reference = 'sealed:capture:1'").fetchall()
    with bent(servers, change.format("'person:nobody'"), change.format(f"'{actor}'")):
        answer, document = sealer("ledger", "verify"), sealer("ledger", "verify", "--json")
    [line] = answer.lines
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert line.startswith("error: seal 1, leaf ")
    assert "(sealed:capture:1) is not what was sealed" in line
    damage = document.document["damage"]
    assert (document.exit_code, document.document["verdict"]) == (1, "damaged")
    assert (damage["kind"], damage["seal"], damage["entry_reference"]) == ("entry", 1, "sealed:capture:1")
    assert sealer("ledger", "verify").exit_code == 0


def test_an_anchor_is_kept_and_held_against_the_books(sealer: CommandLine, tmp_path: Path) -> None:
    """A file of a few lines stands for the whole history up to it."""
    file = tmp_path / "anchor.json"
    made = sealer("ledger", "anchor", "--out", str(file), "--json")
    assert made.exit_code == 0
    assert json.loads(file.read_text())["digest"] == made.document["digest"]
    assert str(file) in sealer("ledger", "anchor", "--out", str(file)).stdout
    found = sealer("ledger", "verify", "--anchor", str(file), "--json")
    assert (found.exit_code, found.document["anchored_to"]) == (0, made.document["seal"])
    assert "the anchor says the same" in sealer("ledger", "verify", "--anchor", str(file)).stdout


def test_what_cannot_be_used_is_said_so(sealer: CommandLine, cli: CommandLine, key: Path, tmp_path: Path) -> None:
    """Exit code 2, and a line that says what to do; nothing is said of the books."""
    other = tmp_path / "other"
    other.write_text("{}")
    other.chmod(0o644)
    for answer, line in (
        (cli("ledger", "seal"), "nothing here may seal: set SEAL_KEY_FILE and SEALER_DATABASE_URL"),
        (sealer("ledger", "seal", SEAL_KEY_FILE=str(other)), "others may read it"),
        (sealer("ledger", "seal", SEAL_KEY_FILE=""), "SEAL_KEY_FILE: must be set, since SEALER_DATABASE_URL is"),
        (sealer("ledger", "verify", "--public-key", str(tmp_path / "no")), "No such file"),
        (sealer("ledger", "verify", "--anchor", str(other)), "it is no anchor"),
        (sealer("ledger", "anchor", "--out", str(tmp_path / "no" / "file")), "No such file"),
        (sealer("ledger", "seal-key", "--out", str(key)), "it is there already"),
    ):
        assert (answer.exit_code, answer.stdout, len(answer.lines)) == (2, "", 1), answer
        assert line in answer.stderr


def test_a_worker_does_not_start_with_a_key_that_others_may_read(sealer: CommandLine, tmp_path: Path) -> None:
    """Exit code 2, and a line that says what to do: no seal is worth anything under a key that others have."""
    sealer("ledger", "seal-key", "--out", str(tmp_path / "open.key"))
    (tmp_path / "open.key").chmod(0o644)
    environment = {**sealer.environment, "SEAL_KEY_FILE": str(tmp_path / "open.key")}
    started = [sys.executable, str(ROOT / "worker.py")]
    ended = subprocess.run(started, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "others may read it (mode 644): run `chmod 600` on it" in ended.stderr


def test_seals_of_another_key_are_not_believed(sealer: CommandLine, tmp_path: Path) -> None:
    """Exit code 1: whoever has the database and no key cannot seal other books."""
    sealer("ledger", "seal-key", "--out", str(tmp_path / "other.key"))
    answer = sealer("ledger", "verify", "--public-key", str(tmp_path / "other.key.pub"))
    assert answer.exit_code == 1
    assert answer.lines[0].startswith("error: seal 1 is signed with a key that is not trusted")


@pytest.mark.parametrize("arguments", [("seal",), ("verify",), ("anchor", "--out", "/dev/null")], ids=" ".join)
def test_without_postgresql_nothing_is_known(sealer: CommandLine, arguments: tuple[str, ...]) -> None:
    """Exit code 3, and no word about damage."""
    nowhere = "postgresql://app:secret@127.0.0.1:1/books"
    answer = sealer("ledger", *arguments, DATABASE_URL=nowhere, SEALER_DATABASE_URL=nowhere)
    assert (answer.exit_code, answer.stdout, len(answer.lines)) == (3, "", 1)
    assert "PostgreSQL at 127.0.0.1:1/books cannot be reached" in answer.stderr
    assert "secret" not in answer.stderr
