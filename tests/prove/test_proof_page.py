"""docs/proof.md lists what the proof can find, in the words of the code."""

import re
from pathlib import Path

from ledger.proofs.findings import Code, NoteCode
from ledger.proofs.invariants import Invariant

PAGE = (Path(__file__).parents[2] / "docs" / "proof.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Read the table under a heading, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in table[2:]]


def test_the_page_lists_every_finding_with_its_meaning_and_its_way_out() -> None:
    """Whoever looks a code up finds what it means and what to do, as the command says it."""
    assert rows("Findings") == [[f"`{code}`", code.meaning, code.what_to_do] for code in Code]


def test_the_page_lists_every_note() -> None:
    """A note is explained as well."""
    assert rows("Notes") == [[f"`{code}`", code.meaning] for code in NoteCode]


def test_every_code_has_its_words() -> None:
    """A code without a meaning or a way out cannot be printed."""
    for code in Code:
        assert code.meaning.endswith(".")
        assert code.what_to_do.endswith(".")


def test_the_page_lists_every_invariant() -> None:
    """Whoever reads a count finds what was promised."""
    assert rows("Invariants") == [[invariant, invariant.meaning] for invariant in Invariant]
