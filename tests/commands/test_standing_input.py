"""What cannot be used of accounts, holds and entries is refused with a line for each fault, before anything is connected to."""

from pathlib import Path

import pytest

from tests.commands.test_bad_input import VISA, refused, run

SAID = ("--by", "alice", "--because", "as they asked")
USD = ("--currency", "USD")
WALLET = "wallet:user:ada"
PLACE = ("holds", "place", "--account", WALLET, "--amount", "5", *USD)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("accounts", "freeze", "wallet", *USD, *SAID),
            "ACCOUNT: 'wallet' is no code of an account: write it like wallet:user:ada",
        ),
        (
            ("accounts", "freeze", WALLET, "--currency", "XYZ", *SAID),
            "--currency: unknown currency 'XYZ': give an ISO 4217 code such as USD",
        ),
        (
            ("accounts", "close", WALLET, *USD, "--by", "Ada Lovelace", "--because", "x"),
            "--by: must be letters, digits and _ . - and at most 64 of them, such as alice",
        ),
        (
            ("accounts", "open", WALLET, *USD, "--by", "alice", "--because", ""),
            "--because: must be 1 to 500 characters",
        ),
        (
            ("accounts", "open", WALLET, *USD, "--by", "alice", "--because", "a\nb"),
            "--because: must be 1 to 500 characters",
        ),
        (("accounts", "bill-back", WALLET, *USD, "--limit", "-5", *SAID), "amount -5 USD must be greater than zero"),
        (
            ("accounts", "bill-back", WALLET, *USD, "--limit", "x", *SAID),
            "amount 'x' is not a number: write it like 49.99",
        ),
        ((*PLACE, "--until", "2001-01-01", *SAID), "--until '2001-01-01' is over: give a time that is still to come"),
        (
            (*PLACE, "--until", "soon", *SAID),
            "--until 'soon' is no point in time: write it like 7d, 2026-11-21 or 2026-11-21T08:00Z",
        ),
        (
            (*PLACE, "--until", "1h", "--id", "a/b", *SAID),
            "--id: may have only letters, digits and _ . - and at most 64 of them",
        ),
        (
            ("holds", "post", "h_1", "--to", "sales", *SAID),
            "--to: 'sales' is no code of an account: write it like wallet:user:ada",
        ),
        (
            ("holds", "list", "--state", "gone"),
            "--state: there is no state 'gone': use one of pending, posted, voided, expired",
        ),
        (("holds", "void", "h 1", *SAID), "HOLD_ID: may have only letters, digits and _ . - and at most 64 of them"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_reached(arguments: tuple[str, ...], line: str) -> None:
    """One line that names the option and says what to do; nothing was asked of any server."""
    refused(run(*arguments), line)


def test_a_card_number_is_no_reason() -> None:
    """It is refused before it could be stored."""
    result = run("accounts", "freeze", WALLET, *USD, "--by", "alice", "--because", f"card {VISA}")
    assert result.exit_code == 2
    assert VISA not in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the file is empty: write an entry, as docs/cli.md shows"),
        ("lines: [", "line 1: is no YAML: "),
        ("entries: []", "line 1: entries: needs at least one entry"),
        ("entries: 5", "line 1: entries: must be a list"),
        (
            "lines:\n  - {account: a, side: debit, amount: 1, currency: USD}",
            "line 2: account: is not written as it has to be",
        ),
        (
            "lines:\n  - {account: a:b, side: left, amount: 1, currency: USD}",
            "line 2: side: must be 'debit' or 'credit'",
        ),
        (
            "lines:\n  - {account: a:b, side: debit, currency: USD}",
            "line 2: lines: needs an amount: give `amount: 12.50`",
        ),
        ("lines:\n  - {account: a:b, side: debit, amount: 1, currency: XXY}", "unknown currency 'XXY'"),
        ("lines: []\nwhatever: 1", "line 2: whatever: there is no such field"),
    ],
)
def test_a_file_that_is_no_entry_is_told_by_its_lines(tmp_path: Path, text: str, said: str) -> None:
    """Whoever wrote it finds the line."""
    path = tmp_path / "entry.yaml"
    path.write_text(text)
    result = run("ledger", "check", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: {path} " in result.stderr
    assert said in result.stderr
