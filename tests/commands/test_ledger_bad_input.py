"""What the reports of the ledger cannot use is refused with one clear line, before anything is connected to."""

import pytest

from tests.commands.test_bad_input import refused, run

MOMENTS = "write it like 2026-11-21 or 2026-11-21T08:00Z"
ZONED = "write it like 2026-11-21T08:00Z, or give a date"
OF_A_MOMENT = [("balance", "clearing:stripe"), ("trial-balance",), ("balance-sheet",)]
OF_A_TIME = [("statement", "clearing:stripe"), ("general-ledger",), ("income-statement",), ("audit-trail",)]


@pytest.mark.parametrize("text", ["", "yesterday", "7d", "2026-13-01", "2026-02-30", "21.11.2026", "2026-11-21T25:00Z"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        *((command, option) for command in OF_A_MOMENT for option in ("--at", "--known-at")),
        *((command, option) for command in OF_A_TIME for option in ("--from", "--to")),
    ],
)
def test_what_is_no_moment_is_refused(command: tuple[str, ...], option: str, text: str) -> None:
    """A report as of a moment that nobody meant would be believed."""
    refused(run("ledger", *command, option, text), f"{option} {text!r} is no moment: {MOMENTS}")


@pytest.mark.parametrize("text", ["2026-11-21T08:00", "2026-11-21 08:00:00.5", "20261121T0800"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    """Whose eight o'clock it is decides what is in the report."""
    refused(run("ledger", "balance", "clearing:stripe", "--at", text), f"--at {text!r} has no zone: {ZONED}")


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "0001-01-01T00:00+14:00"])
def test_a_moment_before_all_books_is_refused(text: str) -> None:
    """A year of two digits is a slip, and some cannot even be computed with."""
    result = run("ledger", "statement", "clearing:stripe", "--from", text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: --from {text!r} is ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", OF_A_TIME)
def test_a_time_that_ends_before_it_begins_is_refused(command: tuple[str, ...]) -> None:
    """An empty report would look like a time in which nothing happened."""
    result = run("ledger", *command, "--from", "2026-02-01", "--to", "2026-01-31")
    refused(result, "--from 2026-02-01 is after --to 2026-01-31: give the earlier one first")


@pytest.mark.parametrize("command", [*OF_A_MOMENT, *OF_A_TIME])
def test_one_form_is_printed(command: tuple[str, ...]) -> None:
    """No script gets half of one and half of the other."""
    refused(run("ledger", *command, "--json", "--csv"), "--json and --csv cannot be given together: choose one")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--by", "amount"), "--by 'amount' is no order: write happened or recorded"),
        (
            ("--by", "recorded", "--known-at", "2026-01-01"),
            "--known-at is for what happened: by what was recorded, give --to",
        ),
        (("--csv", "--before", "7"), "--before is for pages, and --csv prints all lines: leave one of them out"),
        (("--currency", "XYZ"), "--currency: unknown currency 'XYZ': give an ISO 4217 code such as USD"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...], line: str) -> None:
    """An option that would be ignored is not taken."""
    refused(run("ledger", "statement", "clearing:stripe", *arguments), line)
