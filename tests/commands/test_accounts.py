"""Accounts, holds and dry runs on the command line, against the whole system."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import chart_file, journal
from tests.commands.conftest import CommandLine, Servers
from tests.ledger.wallets import filled, spent, wallet

pytestmark = pytest.mark.system

SAID = ("--by", "alice", "--because", "as they asked")
USD = ("--currency", "USD")
Fill = Callable[..., str]


@pytest.fixture
def fill(servers: Servers, request: pytest.FixtureRequest) -> Fill:
    """Fills a wallet of this test's own with 10.00, and returns its code."""

    def filled_up(owner: str = "ada") -> str:
        name = f"{request.node.name.partition('[')[0]}.{owner}"[-60:]
        posting = journal.Posting([filled(f"in-{name}", 1000, name)])
        with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
            connection.execute("SELECT * FROM post_entries(%s::jsonb)", [f"[{posting.given}]"])
        return wallet(name).code

    return filled_up


def standing(cli: CommandLine, code: str) -> dict[str, Any]:
    """How a wallet stands."""
    [found] = cli("accounts", "show", code, "--json").document["standings"]
    return dict(found)


def hold(cli: CommandLine, code: str, name: str, amount: str = "6", *more: str) -> Any:
    """Place a hold for an hour."""
    given = ("--account", code, "--amount", amount, *USD, "--until", "1h", "--id", name)
    return cli("holds", "place", *given, *SAID, *more)


def test_an_account_is_frozen_and_opened_again_by_name_and_reason(cli: CommandLine, fill: Fill) -> None:
    """Whoever looks sees how it stands, and who made it so and why."""
    code = fill()
    frozen = cli("accounts", "freeze", code, *USD, *SAID, "--json").document
    assert [each["state"] for each in frozen["standings"]] == ["frozen"]
    assert cli("accounts", "freeze", code, *USD, *SAID).exit_code == 0
    cli("accounts", "open", code, *USD, "--by", "bob", "--because", "it was a mistake")
    found = cli("accounts", "show", code, "--json").document
    assert [(each["state"], each["by"], each["because"]) for each in found["changes"]] == [
        ("open", "person:bob", "it was a mistake"),
        ("frozen", "person:alice", "as they asked"),
    ]
    text = cli("accounts", "show", code).stdout
    assert all(part in text for part in (f"{code} in USD: open", "available  10.00 USD", "never below 0.00 USD", "bob"))


def test_an_account_is_closed_when_it_is_empty(cli: CommandLine, fill: Fill) -> None:
    """Until then the answer is no, and says what it holds."""
    answer = cli("accounts", "close", fill(), *USD, *SAID)
    assert answer.exit_code == 1
    assert "it holds 1000, of which 0 are held: bring both to zero" in answer.stderr


def test_an_account_may_fall_to_its_limit(cli: CommandLine, fill: Fill) -> None:
    """The limit is shown, and taken back where it is not used."""
    code = fill()
    answer = cli("accounts", "bill-back", code, *USD, "--limit", "2.50", *SAID)
    assert "never below -2.50 USD" in answer.stdout
    assert standing(cli, code)["bill_back_minor"] == 250
    cli("accounts", "bill-back", code, *USD, "--limit", "0", *SAID)
    assert standing(cli, code)["bill_back_minor"] == 0


def test_a_hold_is_placed_posted_in_part_and_listed(cli: CommandLine, fill: Fill) -> None:
    """The same command again is the same hold; the rest is available again."""
    code = fill()
    placed = hold(cli, code, "h_posted")
    assert placed.stdout.startswith(f"hold h_posted is pending: 6.00 USD of {code} until ")
    assert hold(cli, code, "h_posted").stdout == placed.stdout
    assert hold(cli, code, "h_posted", "5").exit_code == 1
    listed = cli("holds", "list", "--account", code, "--state", "pending", "--json").document["holds"]
    assert [(each["hold_id"], each["placed_by"]) for each in listed] == [("h_posted", "person:alice")]
    assert (standing(cli, code)["pending_minor"], standing(cli, code)["available_minor"]) == (600, 400)
    post = ("holds", "post", "h_posted", "--amount", "2.50", "--to", "revenue:sales", *SAID)
    ended = cli(*post, "--json").document
    assert (ended["status"], ended["posted_minor"], ended["entry_reference"]) == ("posted", 250, "hold/h_posted")
    assert cli(*post).stdout == f"hold h_posted is posted: 6.00 USD of {code}, 2.50 USD taken\n"
    assert standing(cli, code)["available_minor"] == 750
    refused = cli("holds", "void", "h_posted", *SAID)
    line = "error: hold h_posted is posted already: a hold ends once, place another"
    assert (refused.exit_code, refused.lines) == (1, [line])
    assert "hold/h_posted" in cli("holds", "show", "h_posted").stdout
    assert "h_posted" in cli("holds", "list").stdout


def test_a_hold_is_let_go(cli: CommandLine, fill: Fill) -> None:
    """All of it is available again, and saying so twice is once."""
    code = fill()
    hold(cli, code, "h_voided")
    for _ in range(2):
        assert cli("holds", "void", "h_voided", *SAID, "--json").document["status"] == "voided"
    assert standing(cli, code)["available_minor"] == 1000


def test_what_is_not_there_is_not_held(cli: CommandLine, fill: Fill) -> None:
    """The answer is no, and says what is missing; a script reads it as a document too."""
    code = fill()
    answer = hold(cli, code, "h_refused", "10.01", "--json")
    assert (answer.exit_code, answer.document["status"]) == (1, "refused")
    assert answer.lines == [f"error: hold h_refused is refused: account {code} is short of 0.01 USD"]
    unknown = cli("holds", "show", "h_refused")
    assert (unknown.exit_code, unknown.lines) == (
        2,
        ["error: there is no hold h_refused: check the id with `holds list`"],
    )


def test_the_database_has_the_chart_that_ships(cli: CommandLine) -> None:
    """`make up` and the tests load it; a chart of one's own is read the same way before it is loaded."""
    loaded = cli("ledger", "chart", "show", "--json").document["accounts"]
    checked = cli("ledger", "chart", "check", str(chart_file.DEFAULT), "--json").document["accounts"]
    assert loaded == sorted(checked, key=lambda row: str(row["code"]))
    assert "liability:refunds_payable" in cli("ledger", "chart", "show").stdout


def test_a_chart_that_cannot_be_used_is_told_by_its_lines(cli: CommandLine, tmp_path: Path) -> None:
    """A line for each fault, and wrong use."""
    path = tmp_path / "chart.yaml"
    path.write_text("version: 1\naccounts:\n  - {code: a:b, type: debt, normal_side: debit, owner: me}\n")
    answer = cli("ledger", "chart", "check", str(path))
    assert answer.exit_code == 2
    assert [line.partition(" must be ")[0] for line in answer.lines] == [
        f"error: {path} line 3: owner:",
        f"error: {path} line 3: type:",
    ]


def lines(code: str, amount: str) -> str:
    """The lines of an entry that takes so much, in YAML."""
    return (
        f'[{{account: "{code}", side: debit, amount: "{amount}", currency: USD}},'
        f' {{account: "revenue:sales", side: credit, amount: "{amount}", currency: USD}}]'
    )


def test_entries_are_tried_and_nothing_is_written(cli: CommandLine, fill: Fill, tmp_path: Path) -> None:
    """What would be refused and why, what each account would hold; and then everything is as it was."""
    code = fill()
    before = cli("ledger", "entries", "--json").document, standing(cli, code)
    path = tmp_path / "entries.yaml"
    tried = {"first": lines(code, "4"), "too much": lines(code, "6.01"), "rest": lines(code, "6")}
    path.write_text(
        "entries:\n"
        + "".join(f"  - entry_reference: e-{n}\n    lines: {text}\n" for n, text in enumerate(tried.values()))
    )
    answer = cli("ledger", "check", str(path), "--json")
    assert answer.exit_code == 1
    found = answer.document
    assert [(each["accepted"], each["refusal"], each["missing_minor"]) for each in found["entries"]] == [
        (True, None, None),
        (False, "AccountShort", 1),
        (True, None, None),
    ]
    assert found["entries"][1]["account"] == code
    [shown] = [each for each in found["standings"] if each["account"] == code]
    assert (shown["posted_minor"], shown["version"]) == (0, 3)
    text = cli("ledger", "check", str(path))
    assert "e-0 would be posted" in text.stdout
    assert text.lines == [
        f"error: entry e-1 cannot be posted: account {code} is short of 0.01 USD: it may not fall below its limit"
    ]
    assert (cli("ledger", "entries", "--json").document, standing(cli, code)) == before


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        (
            "[{account: a:b, side: debit, amount: 1, currency: USD}, {account: revenue:sales, side: credit, amount: 1, currency: USD}]",
            "AccountNotInChart",
        ),
        (
            "[{account: bank:x, side: debit, amount: 1, currency: USD}, {account: revenue:sales, side: credit, amount: 2, currency: USD}]",
            "UnbalancedEntry",
        ),
        ("[{account: bank:x, side: debit, amount: 1, currency: USD}]", "InvalidEntry"),
        (
            "[{account: bank:x, side: debit, amount: 1, currency: USD, type: liability, normal_side: debit}, {account: revenue:sales, side: credit, amount: 1, currency: USD}]",
            "AccountConflict",
        ),
    ],
)
def test_each_refusal_has_its_kind(cli: CommandLine, tmp_path: Path, entry: str, refusal: str) -> None:
    """A script can tell a missing account from missing money."""
    path = tmp_path / "entry.yaml"
    path.write_text(f"lines: {entry}\n")
    [tried] = cli("ledger", "check", str(path), "--json").document["entries"]
    assert (tried["entry_reference"], tried["refusal"]) == ("check:1", refusal)


def test_units_are_checked_as_money_is(cli: CommandLine, tmp_path: Path) -> None:
    """A wallet of credits can be tried beforehand, with a condition on it too."""
    path = tmp_path / "entry.yaml"
    moved = "{account: bank:x, side: debit, amount: 5, currency: CREDIT}, {account: wallet:user:checked, side: credit, amount: 5, currency: CREDIT}"
    path.write_text(f"lines: [{moved}]\n")
    [tried] = cli("ledger", "check", str(path), "--json").document["entries"]
    assert (tried["accepted"], tried["refusal"]) == (True, None)
    path.write_text(
        path.read_text() + "conditions: [{code: wallet:user:checked, currency: CREDIT, at_least_minor: 1}]\n"
    )
    [tried] = cli("ledger", "check", str(path), "--json").document["entries"]
    assert tried["refusal"] == "AccountConditionFailed"


def test_an_entry_that_was_printed_can_be_checked(
    cli: CommandLine, servers: Servers, fill: Fill, tmp_path: Path
) -> None:
    """It is posted already, and says so; the same reference with other content is refused."""
    code = fill()
    posting = journal.Posting([spent("printed", 1, code.rpartition(":")[2])])
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        connection.execute("SELECT * FROM post_entries(%s::jsonb)", [f"[{posting.given}]"])
    printed = cli("ledger", "entry", "printed", "--json")
    path = tmp_path / "entry.json"
    path.write_text(printed.stdout)
    assert cli("ledger", "check", str(path)).stdout.startswith("printed is posted already\n")
    path.write_text(json.dumps({**printed.document, "description": "altered"}))
    [tried] = cli("ledger", "check", str(path), "--json").document["entries"]
    assert tried["refusal"] == "ReferenceConflict"
