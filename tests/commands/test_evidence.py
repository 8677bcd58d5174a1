"""The evidence of a month: a folder that says all of it, that is the same each time, and that shows when it was touched."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from ledger.evidence import checking, folder, tables
from ledger.evidence.readme import _ABOUT
from tests.commands.conftest import ROOT
from tests.commands.evidence_books import MONTH, EvidenceBooks, captured, document, filled, rows
from tests.conftest import Database
from tests.ledger.adjustment_samples import EXPIRE
from tests.ledger.months import name_of, within
from tests.ledger.test_limits import CHARGE, OPERATION, insert


@pytest.fixture
def books(database: Database, tmp_path: Path) -> EvidenceBooks:
    """Two months, the earlier one closed and sealed."""
    return filled(database, tmp_path / "seal.key")


@pytest.fixture
def pack(books: EvidenceBooks, tmp_path: Path) -> Path:
    """The pack of the closed month."""
    answer = books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "pack"))
    # The tests' server does not wait for the disk, and the pack says so; all else is in order.
    assert (answer.exit_code, len(answer.lines)) == (1, 1), answer
    assert "the ledger is not protected" in answer.stderr
    return tmp_path / "pack"


def test_a_pack_says_all_of_the_month_and_nothing_else(pack: Path) -> None:
    """Entries and lines, balances before and after, who asked and who approved, who closed, who held which role, which seals."""
    references = [entry["reference"] for entry in rows(pack, "entries.csv")]
    assert references == [
        *("first:capture:1", "first:capture:1:fee", "second:capture:1", "second:capture:1:fee", "both"),
        "adjustment/adj_1",
    ]
    assert [line["amount"] for line in rows(pack, "lines.csv") if line["reference"] == "both"] == [
        *("5.00", "5.00", "800", "800"),
    ]
    clearing = [row for row in rows(pack, "trial_balance.csv") if row["account"] == "clearing:stripe"]
    assert [(row["currency"], row["opening"], row["debits"], row["credits"], row["closing"]) for row in clearing] == [
        ("JPY", "0", "800", "0", "800"),
        ("USD", "48.24", "74.99", "3.50", "119.73"),
    ]
    charges = {row["charge_id"]: row["closing_minor"] for row in rows(pack, "clearing.csv") if row["currency"] == "USD"}
    assert charges == {"": "500", "before": "4824", "first": "4824", "second": "1825"}
    adjusted = [(row["adjustment_id"], row["state"], row["requester"]) for row in rows(pack, "adjustments.csv")]
    assert adjusted == [("adj_3", "open", "alice"), ("adj_1", "posted", "alice")]
    assert [(row["person"], row["decision"]) for row in rows(pack, "decisions.csv")] == [("bob", "approve")]
    assert [(row["to_state"], row["changed_by"]) for row in rows(pack, "period_changes.csv")] == [("closed", "carol")]
    assert {(row["person"], row["role"]) for row in rows(pack, "people.csv")} == {
        *(("alice", "accountant"), ("bob", "accountant"), ("carol", "closer")),
    }
    [seal] = rows(pack, "seals.csv")
    assert (seal["entries_of_period"], document(pack, "anchor.json")["digest"]) == ("6", seal["digest"])
    assert document(pack, "verification.json")["verdict"] == "verified"
    assert document(pack, "reconciliation.json")["reconciled"]
    assert {check["differing"] for check in document(pack, "reconciliation.json")["checks"]} == {0}


def test_the_manifest_names_every_file_and_the_readme_explains_it(pack: Path) -> None:
    """Somebody who has nothing but the folder knows what each file is, and can hash it."""
    manifest = document(pack, "manifest.json")
    there = {path.name for path in pack.iterdir()} - {"manifest.json", "manifest.sig.json"}
    assert there == set(manifest["files"])
    assert there >= checking.REQUIRED
    for name, said in manifest["files"].items():
        content = (pack / name).read_bytes()
        assert (said["sha256"], said["bytes"]) == (sha256(content).hexdigest(), len(content)), name
        assert name == "README.md" or f"| `{name}` |" in (pack / "README.md").read_text()
    assert manifest["files"]["lines.csv"]["rows"] == 14
    assert (manifest["period"], manifest["period_state"], manifest["made_by"][:7]) == (MONTH, "closed", "person:")
    assert manifest["schema_version"] == document(pack, "protection.json")["schema_version"]
    assert set(_ABOUT) >= {file.name for file in vars(tables).values() if isinstance(file, tables.TableFile)}


def test_the_same_month_gives_the_same_files(pack: Path, books: EvidenceBooks, tmp_path: Path) -> None:
    """Whatever happens after it was closed: byte for byte, so that two auditors compare hashes and nothing else."""
    books.post(*captured("later", 1), *captured("today", 0))
    books("accounts", "freeze", "wallet:user:ada", "--by", "bob", "--because", "stolen")
    with psycopg.connect(books.database.superuser_url, autocommit=True) as superuser:
        superuser.execute("UPDATE people_roles SET until_at = clock_timestamp() WHERE person = 'bob'")
        superuser.execute(EXPIRE, ["adj_3"])
    books("ledger", "seal")
    books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "again"))
    first, again = document(pack, "manifest.json")["files"], document(tmp_path / "again", "manifest.json")["files"]
    of_period = {name for name, said in first.items() if said["of"] == folder.OF_PERIOD}
    assert {"entries.csv", "lines.csv", "adjustments.csv", "people.csv", "seals.csv", "README.md"} <= of_period
    assert {name: first[name]["sha256"] for name in of_period} == {name: again[name]["sha256"] for name in of_period}
    assert set(first) - of_period == {"protection.json", "verification.json", "operations.csv"}


def test_a_month_begins_with_what_the_one_before_ended_with(pack: Path, books: EvidenceBooks, tmp_path: Path) -> None:
    """Month upon month, the packs join."""
    books("ledger", "evidence", "write", name_of(0), "--to", str(tmp_path / "next"))
    ended = {(row["account"], row["currency"]): row["closing_minor"] for row in rows(pack, "trial_balance.csv")}
    begun = {row_key(row): row["opening_minor"] for row in rows(tmp_path / "next", "trial_balance.csv")}
    assert {key: begun[key] for key in ended} == ended
    assert {begun[key] for key in begun.keys() - ended.keys()} <= {"0"}
    assert "can still change" in (tmp_path / "next" / "README.md").read_text()
    # Both adjustments were asked for in these days; the one that was rejected is in the evidence too.
    adjusted = [(row["adjustment_id"], row["state"]) for row in rows(tmp_path / "next", "adjustments.csv")]
    assert adjusted == [("adj_3", "open"), ("adj_1", "posted"), ("adj_2", "rejected")]


def row_key(row: dict[str, str]) -> tuple[str, str]:
    """The account of a row."""
    return row["account"], row["currency"]


def test_an_untouched_pack_verifies_without_a_database(pack: Path, books: EvidenceBooks) -> None:
    """An auditor needs the folder and a public key."""
    nowhere = "postgresql://app@127.0.0.1:1/books"
    answer = books("ledger", "evidence", "verify", str(pack), DATABASE_URL=nowhere)
    assert answer.exit_code == 0, answer
    assert f"the pack of period {MONTH} is as it was written" in answer.stdout
    assert "signed with the trusted key" in answer.stdout
    found = books("ledger", "evidence", "verify", str(pack), "--json", SEAL_PUBLIC_KEY_FILE="/nowhere").document
    assert (found["verdict"], found["signature"], found["entries"], found["lines"]) == (
        "verified",
        "not_checked",
        6,
        14,
    )


def replaced(name: str, there: str, back: str) -> Callable[[Path], None]:
    """Replace a text in a file."""

    def change(pack: Path) -> None:
        content = (pack / name).read_bytes().decode()
        assert there in content
        (pack / name).write_bytes(content.replace(there, back, 1).encode())

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (replaced("entries.csv", "captured", "captioned"), "entries.csv was changed: its SHA-256 is"),
        (replaced("README.md", "books", "looks"), "README.md was changed"),
        (lambda pack: (pack / "people.csv").unlink(), "people.csv is missing"),
        (lambda pack: (pack / "note.txt").write_text("all is well"), "note.txt was added"),
        (lambda pack: (pack / "more").mkdir(), "more was added"),
        (
            replaced("manifest.json", '"made_by": "person:', '"made_by": "person:x'),
            "the manifest is not what was signed",
        ),
        (replaced("manifest.sig.json", '"signature": "', '"signature": "00'), "the manifest is not what was signed"),
    ],
)
def test_what_was_touched_is_named(pack: Path, books: EvidenceBooks, change: Callable[[Path], None], line: str) -> None:
    """A file that was changed, taken away or put in, and a manifest that nobody signed: exit code 1 and its name."""
    change(pack)
    answer = books("ledger", "evidence", "verify", str(pack))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert line in answer.stderr


def forged(pack: Path) -> None:
    """Make the manifest say what the files are now, as somebody does who has no key."""
    manifest = document(pack, "manifest.json")
    for name, said in manifest["files"].items():
        content = (pack / name).read_bytes()
        said |= {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
    (pack / "manifest.json").write_text(json.dumps(manifest))
    (pack / "manifest.sig.json").unlink()


def without_row(name: str, holds: str) -> Callable[[Path], None]:
    """Take a row out of a file."""

    def change(pack: Path) -> None:
        lines = (pack / name).read_bytes().split(b"\r\n")
        kept = [line for line in lines if holds.encode() not in line]
        assert len(kept) < len(lines)
        (pack / name).write_bytes(b"\r\n".join(kept))

    return change


def shifted(pack: Path) -> None:
    """Let an account have held a cent more all the time."""
    lines = (pack / "trial_balance.csv").read_text().split("\n")
    [place] = [number for number, line in enumerate(lines) if line.startswith("revenue:sales,")]
    cells = lines[place].split(",")
    cells[4], cells[10] = str(int(cells[4]) + 1), str(int(cells[10]) + 1)
    lines[place] = ",".join(cells)
    (pack / "trial_balance.csv").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (replaced("lines.csv", ",4999,49.99,first", ",4998,49.98,first"), "entry first:capture:1 is off by"),
        (without_row("lines.csv", "second:capture:1:fee"), "entry second:capture:1:fee has 0 lines"),
        (without_row("entries.csv", ",second:capture:1:fee,"), "belongs to no entry of entries.csv"),
        (
            replaced("trial_balance.csv", ",4824,48.24,", ",4825,48.25,"),
            "trial_balance.csv: clearing:stripe USD went from",
        ),
        (
            without_row("trial_balance.csv", "clearing:stripe,asset,JPY"),
            "trial_balance.csv has no row for clearing:stripe JPY",
        ),
        (replaced("posting_rules.csv", "captured,USD,2,", "captured,USD,3,"), "posting_rules.csv: captured USD is"),
        (without_row("posting_rules.csv", "captured,USD"), "posting_rules.csv has no row for captured USD"),
        (shifted, "trial_balance.csv: USD is off by -1, 0 and -1"),
        (without_row("clearing.csv", ",second,"), "clearing.csv has no row for charge second"),
        (without_row("clearing.csv", ",before,"), "over its charges"),
        (replaced("adjustments.csv", "5000", "5001"), "is not the one of its hash"),
        (without_row("decisions.csv", "bob"), "adjustment adj_1 was posted without the approvals"),
        (without_row("adjustments.csv", "adj_1"), "entry adjustment/adj_1 was posted by hand"),
        (replaced("seals.csv", "quittance seal 1", "quittance seal 2"), "its digest is not that of what was signed"),
    ],
)
def test_forged_files_contradict_each_other(
    pack: Path, books: EvidenceBooks, change: Callable[[Path], None], line: str
) -> None:
    """Whoever changes a file and makes the manifest fit, which takes no key where none signed, is betrayed by the totals."""
    change(pack)
    forged(pack)
    answer = books("ledger", "evidence", "verify", str(pack))
    assert answer.exit_code == 1
    assert line in answer.stderr


def test_the_sums_are_held_against_the_database(books: EvidenceBooks, tmp_path: Path) -> None:
    """Where the books themselves are bent, the pack is written all the same, says so, and the command says no."""
    raised = "UPDATE lines SET amount_minor = 5000, after_minor = before_minor + 5000"
    books.tamper("lines", f"{raised} WHERE amount_minor = 4999 AND side = 'debit' AND charge_id = 'first'")
    answer = books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "bent"))
    assert answer.exit_code == 1
    assert f"the totals of period {MONTH} do not reconcile" in answer.stderr
    [first, *_] = document(tmp_path / "bent", "reconciliation.json")["checks"]
    assert (first["check"], first["differing"]) == ("every entry balances in each currency", 1)
    assert first["first_differences"][0]["what"] == "first:capture:1"
    assert document(tmp_path / "bent", "verification.json")["damage"]["entry_reference"] == "first:capture:1"


def test_what_cannot_be_used_is_said_in_a_line_and_leaves_nothing(books: EvidenceBooks, tmp_path: Path) -> None:
    """A folder that is taken, a place that is not there, a month that is not, a folder that is no pack: exit code 2."""
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    write, verify = ("ledger", "evidence", "write"), ("ledger", "evidence", "verify")
    for arguments, line in (
        ((*write, MONTH, "--to", str(taken)), "is there already and is no empty folder"),
        ((*write, MONTH, "--to", str(taken / "thesis.txt")), "is there already and is no empty folder"),
        ((*write, MONTH, "--to", str(tmp_path / "no" / "pack")), "No such file or directory"),
        ((*write, "2001-01", "--to", str(tmp_path / "pack")), "there is no period 2001-01"),
        ((*verify, str(taken)), "is no evidence pack: manifest.json: No such file or directory"),
        ((*verify, str(tmp_path / "nothing")), "is no evidence pack"),
        ((*verify, str(taken), "--public-key", str(tmp_path / "none")), "No such file or directory"),
    ):
        answer = books(*arguments)
        assert (answer.exit_code, answer.stdout, len(answer.lines)) == (2, "", 1), answer
        assert line in answer.stderr
    (taken / "manifest.json").write_text("[]")
    assert "manifest.json cannot be read" in books(*verify, str(taken)).stderr
    (taken / "manifest.json").unlink()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failure_on_the_way_leaves_no_half_pack(
    books: EvidenceBooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a database that goes away: nothing is there that somebody could take for a pack."""
    before = sorted(tmp_path.rglob("*"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(folder._HashedFile, "write", full)
        answer = books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "pack"))
    assert (answer.exit_code, len(answer.lines)) == (2, 1)
    assert "(No space left on device): nothing was left there" in answer.stderr
    nowhere = "postgresql://app:secret@127.0.0.1:1/books"
    gone = books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "pack"), DATABASE_URL=nowhere)
    assert (gone.exit_code, len(gone.lines)) == (3, 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_auditor_writes_it_without_any_other_right(books: EvidenceBooks, tmp_path: Path) -> None:
    """The role that only reads is enough; without the private key the pack is not signed, and both commands say so."""
    auditor = books.database.app_url.replace("quittance_app@", "quittance_auditor@")
    given = {"DATABASE_URL": auditor, "SEAL_KEY_FILE": "", "SEALER_DATABASE_URL": ""}
    pack = tmp_path / "audit"
    pack.mkdir()  # an empty folder is as good as none
    answer = books("ledger", "evidence", "write", MONTH, "--to", str(pack), "--json", **given)
    assert answer.document["reconciled"], answer
    assert (answer.document["verification"], answer.document["signed_by"]) == ("verified", None)
    assert document(pack, "manifest.json")["read_as"] == "quittance_auditor"
    checked = books("ledger", "evidence", "verify", str(pack))
    assert checked.exit_code == 0
    assert "not signed: compare this hash with one that was kept elsewhere" in checked.stdout


def test_a_text_is_no_formula(books: EvidenceBooks, tmp_path: Path) -> None:
    """Somebody who opens the file in a spreadsheet runs nobody's formulas."""
    [paid, _] = captured("formula", 0)
    books.post(paid.model_copy(update={"description": "=HYPERLINK(0)"}))
    books("ledger", "evidence", "write", name_of(0), "--to", str(tmp_path / "pack"))
    found = [row["description"] for row in rows(tmp_path / "pack", "entries.csv")]
    assert "'=HYPERLINK(0)" in found
    assert "=HYPERLINK(0)" not in found


def test_the_check_shares_nothing_with_what_writes() -> None:
    """A mistake in what writes a pack cannot hide itself by being in the check as well."""
    for module in ("checking", "recomputing"):
        source = (Path(checking.__file__).parent / f"{module}.py").read_text()
        ours = set(re.findall(r"^from (ledger\S*|commands\S*) import", source, flags=re.MULTILINE))
        assert ours <= {"ledger.evidence.errors", "ledger.evidence.recomputing", "ledger.seals.signing"}


def test_reported_fees_are_in_it_where_there_are_rules(books: EvidenceBooks, tmp_path: Path) -> None:
    """What a gateway took beyond what was expected is evidence too; rules that cannot be read are told before anything is written."""
    with psycopg.connect(books.database.superuser_url, autocommit=True) as superuser:
        insert(superuser, "charges", CHARGE)
        operation = {
            "operation_id": "ch_1:capture:1",
            "kind": "capture",
            "purpose": "attempt:1",
            "outcome": "succeeded",
        }
        fee = {"fee_status": "known", "fee_minor": 200, "fee_currency": "USD", "decided_at": within(1).isoformat()}
        insert(superuser, "operations", OPERATION | operation | fee)
    rules = str(ROOT / "docs" / "fee-rules.yaml")
    books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "pack"), FEE_RULES=rules)
    [found] = rows(tmp_path / "pack", "fees.csv")
    assert (found["operation_id"], found["reported"]) == ("ch_1:capture:1", "2.00")
    assert int(found["reported_minor"]) - int(found["expected_minor"]) == int(found["difference_minor"])
    assert books("ledger", "evidence", "verify", str(tmp_path / "pack")).exit_code == 0
    broken = tmp_path / "rules.yaml"
    broken.write_text("editions: nothing")
    answer = books("ledger", "evidence", "write", MONTH, "--to", str(tmp_path / "other"), FEE_RULES=str(broken))
    assert (answer.exit_code, (tmp_path / "other").exists()) == (2, False)
