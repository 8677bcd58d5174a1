"""The proof shares no code with what it checks, except money and the settings."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} | {
    path.stem for path in ROOT.glob("*.py")
}
VERIFIES_SEALS = ("ledger.seals.errors", "ledger.seals.signing", "ledger.seals.verification")
ALLOWED = {
    "ledger/proofs": {"ledger.money", "ledger.proofs"},
    "gateways/records": {"ledger.money", "ledger.proofs.evidence", "gateways.records"},
    "commands/gateway_records.py": {"gateways.records", "ledger.proofs.evidence", "settings"},
    "commands/process_records.py": {"ledger.proofs.evidence", "settings"},
    # What replays is asked is whether today's code replays: that one question needs the processes themselves.
    "commands/process_proof.py": {"commands.process_records", "commands.replays", "ledger.proofs"},
    "commands/proof_report.py": {"ledger.proofs"},
    # Seals are verified by what verifies them, which shares nothing with what posts and what seals.
    "commands/seal_proof.py": {"ledger.proofs", *VERIFIES_SEALS},
    "commands/proof.py": {
        "commands.gateway_records",
        "commands.process_proof",
        "commands.process_records",
        "commands.proof_report",
        "commands.seal_proof",
        "ledger.proofs",
        "settings",
    },
    "commands/explanation.py": {"commands.gateway_records", "commands.process_records", "ledger.proofs", "settings"},
}
FILES = [
    (file, allowed)
    for place, allowed in ALLOWED.items()
    for file in (sorted((ROOT / place).glob("*.py")) if (ROOT / place).is_dir() else [ROOT / place])
]


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports, as far as their names tell."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] in OURS}


@pytest.mark.parametrize(("file", "allowed"), FILES, ids=lambda value: value.name if isinstance(value, Path) else "")
def test_the_proof_imports_nothing_that_it_checks(file: Path, allowed: set[str]) -> None:
    """A mistake in a posting rule, an adapter or a query cannot hide itself by being in the proof as well."""
    strangers = {name for name in imported(file) if not any(f"{name}.".startswith(f"{each}.") for each in allowed)}
    assert strangers == set()


def test_there_is_something_to_hold_to_this() -> None:
    """The rule is not kept by an empty list."""
    assert len(FILES) > 12
    assert "ledger.proofs.evidence.Effect" in imported(ROOT / "gateways/records/stripe.py")
