"""`adjustment`: a person asks, others look and decide, and every refusal is one clear line."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from commands import adjustment_arguments
from commands.errors import WrongUse
from ledger.accounts import AccountType, Side, revenue_sales
from tests.commands.conftest import CommandLine, Servers
from tests.commands.test_bad_input import refused, run
from tests.ledger.adjustment_samples import hold_role, lose_role, set_tier

WHY = ("--reason", "write_off", "--because", "the customer is bankrupt", "--evidence", "ticket FIN-512")
DATE = ("--date", "2026-11-20")
WORD = ("--because", "seen on the statement")


FILE = """
date: 2026-11-20
lines:
  - {account: equity:opening, side: debit, amount: 10.10, currency: USD, type: equity, normal_side: credit}
  - {account: revenue:sales, side: credit, amount: 10.10, currency: USD}
"""


def lines(amount: str, currency: str = "USD") -> tuple[str, ...]:
    """A debt that is written off, as options."""
    return ("--debit", "expense:bad_debt", amount, currency, "--credit", "revenue:sales", amount, currency)


@pytest.fixture(scope="module", autouse=True)
def accountants(servers: Servers, cli: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Alice, bob and carol are accountants, and the accounts are open."""
    with psycopg.connect(servers.superuser_url, autocommit=True) as superuser:
        hold_role(superuser, "alice", "bob", "carol")
        set_tier(superuser)
    cli.charge("before_adjustments")
    file = tmp_path_factory.mktemp("entries") / "entry.yaml"
    file.write_text(
        FILE.replace("equity:opening", "expense:bad_debt").replace(
            "type: equity, normal_side: credit", "type: expense, normal_side: debit"
        )
    )
    answer = cli("adjustment", "request", "--entry", str(file), *WHY, "--by", "alice", "--id", "adj_first", "--json")
    assert decide(cli, "approve", answer.document, "bob").exit_code == 0


def ask(cli: CommandLine, adjustment_id: str, *entry: str, by: str = "alice") -> Any:
    """Ask for an adjustment, as JSON."""
    return cli("adjustment", "request", *entry, *DATE, *WHY, "--by", by, "--id", adjustment_id, "--json")


def decide(cli: CommandLine, verdict: str, asked: Any, by: str, **changes: str) -> Any:
    """Approve or reject what was asked for."""
    seen = changes.get("seen", asked["entry_hash"])
    return cli("adjustment", verdict, asked["adjustment_id"], "--hash", seen, *WORD, "--by", by)


def test_what_is_asked_for_is_shown_approved_and_posted(cli: CommandLine) -> None:
    """From the request to the entry in the ledger, with everything on the sheet that an approver needs."""
    answer = cli("adjustment", "request", *lines("12.50"), *DATE, *WHY, "--by", "alice", "--id", "adj_small")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("adjustment adj_small is requested: 1 approval by persons other than alice, until ")
    asked = cli("adjustment", "show", "adj_small", "--json").document
    sheet = cli("adjustment", "show", "adj_small").stdout
    for line in (
        "adjustment adj_small: requested",
        "  asked for by    alice, ",
        "  reason          write_off: the customer is bankrupt",
        "  evidence        ticket FIN-512",
        "  happened        2026-11-20 00:00:00",
        "  amount          12.50 USD: one approval, up to 1,000.00 USD",
        f"  hash            {asked['entry_hash']}",
        "  missing         1 approval by persons other than alice, until ",
    ):
        assert f"{line}" in sheet
    assert [word in sheet for word in ("expense:bad_debt", "revenue:sales")] == [True, True]
    assert json.loads(asked["entry"])["lines"][0]["amount_minor"] == 1250
    assert "adj_small" in cli("adjustment", "list").stdout
    answer = decide(cli, "approve", asked, "bob", seen=asked["entry_hash"][:12])
    assert (answer.exit_code, answer.stdout) == (
        0,
        "adjustment adj_small is posted: see `ledger entry adjustment/adj_small`\n",
    )
    entry = cli("ledger", "entry", "adjustment/adj_small", "--json").document
    assert (entry["rule"], entry["actor"], entry["reason_code"]) == ("adjustment", "person:alice", "write_off")
    assert entry["description"] == "the customer is bankrupt; evidence ticket FIN-512"
    assert "adj_small" not in cli("adjustment", "list").stdout
    assert "adj_small" in cli("adjustment", "list", "--state", "posted").stdout
    sheet = cli("adjustment", "show", "adj_small").stdout
    assert "  approved        by bob, " in sheet
    assert "  posted          " in sheet


def test_a_request_that_is_repeated_is_the_same_one(cli: CommandLine) -> None:
    """The same id and content is what there is; other content is refused."""
    first = ask(cli, "adj_same", *lines("1.00")).document
    assert ask(cli, "adj_same", *lines("1.00")).document == first
    answer = ask(cli, "adj_same", *lines("2.00"))
    line = "error: adjustment adj_same exists with other content: use another id for another adjustment"
    assert (answer.exit_code, answer.lines) == (1, [line])
    answer = ask(cli, "adj_same", *lines("1.00"), by="bob")
    assert (answer.exit_code, answer.lines) == (1, [line])


def test_who_may_not_decide_hears_why_in_a_line(cli: CommandLine, servers: Servers) -> None:
    """The requester under any spelling, a stranger, a person twice, of another entry, and when it is over."""
    asked = ask(cli, "adj_large", *lines("1000.01")).document
    assert (asked["approvals_needed"], asked["approvals_missing"]) == (2, 2)
    answer = decide(cli, "approve", asked, "bob")
    assert answer.stdout.startswith("adjustment adj_large is requested: 1 approval by persons other than alice, bob, ")
    with psycopg.connect(servers.superuser_url, autocommit=True) as superuser:
        hold_role(superuser, "Alice")
        refusals = {
            "alice": "adjustment adj_large: alice asked for it, and another person has to decide",
            "Alice": "adjustment adj_large: alice asked for it, and another person has to decide",
            "eve": "eve may not {} adjustment adj_large: that needs the role accountant",
            "bob": "adjustment adj_large: each person decides once, and bob has",
        }
        for verdict in ("approve", "reject"):
            for by, line in refusals.items():
                answer = decide(cli, verdict, asked, by)
                assert (answer.exit_code, answer.lines) == (1, [f"error: {line.format(verdict)}"])
        lose_role(superuser, "Alice")
    other = "0" * 64
    answer = decide(cli, "approve", asked, "carol", seen=other)
    assert answer.lines == [
        f"error: the entry of adjustment adj_large has another hash than {other}: look with `adjustment show adj_large`"
    ]
    answer = decide(cli, "reject", asked, "carol")
    assert (answer.exit_code, answer.stdout) == (0, "adjustment adj_large is rejected\n")
    answer = decide(cli, "approve", asked, "carol")
    line = "error: adjustment adj_large is rejected already: nothing is left to decide"
    assert (answer.exit_code, answer.lines) == (1, [line])
    assert cli("ledger", "entry", "adjustment/adj_large").exit_code != 0


def test_who_may_not_ask_hears_so_and_nothing_is_written(cli: CommandLine) -> None:
    """A stranger's request is in no list."""
    answer = ask(cli, "adj_eve", *lines("1.00"), by="eve")
    line = "error: eve may not request an adjustment: that needs the role accountant"
    assert (answer.exit_code, answer.lines) == (1, [line])
    answer = cli("adjustment", "show", "adj_eve")
    assert (answer.exit_code, answer.lines) == (
        2,
        ["error: there is no adjustment adj_eve: check the id with `adjustment list`"],
    )


def test_an_entry_comes_from_a_file_too(cli: CommandLine, tmp_path: Path) -> None:
    """YAML or JSON, with amounts as they are written and accounts that are not open yet."""
    file = tmp_path / "entry.yaml"
    file.write_text(FILE)
    answer = cli("adjustment", "request", "--entry", str(file), *WHY, "--by", "alice", "--id", "adj_file", "--json")
    assert answer.exit_code == 0, answer.stderr
    assert [(line["account"], line["amount_minor"]) for line in answer.document["lines"]] == [
        ("equity:opening", 1010),
        ("revenue:sales", 1010),
    ]
    assert decide(cli, "approve", answer.document, "carol").exit_code == 0


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (("--debit", "nowhere:none", "1", "USD", "--credit", "revenue:sales", "1", "USD"), "line 1: there is no account nowhere:none: `ledger chart show` has those that there can be"),
        (("--debit", "expense:bad_debt", "1", "USD", "--credit", "revenue:sales", "2", "USD"), "entry adjustment/adj_x cannot be posted: it has 1.00 USD more credits than debits"),
        (("--debit", "expense:bad_debt", "1", "USD", "--credit", "revenue:sales", "1", "EUR"), "entry adjustment/adj_x cannot be posted: it has 1.00 USD more debits than credits, and EUR does not make up for it: a conversion needs its rate"),
        (("--debit", "expense:bad_debt", "0", "USD", "--credit", "revenue:sales", "0", "USD"), "line 1: amount 0 USD must be greater than zero"),
        (("--debit", "expense:bad_debt", "1", "USD"), "--entry: is needed at least 2 times"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_is_refused_before_anything_starts(
    cli: CommandLine, entry: tuple[str, ...], line: str
) -> None:
    """Unknown accounts, entries that do not balance, and amounts of nothing."""
    answer = ask(cli, "adj_x", *entry)
    assert (answer.exit_code, answer.lines[0], answer.stdout) == (2, f"error: {line}", "")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"--by": "alice smith"}, "--by: may have only letters, digits and _ . - and at most 64 of them"),
        ({"--reason": "Fee"}, "--reason: must be a code in small letters, such as write_off"),
        ({"--because": " "}, "--because: must say something, in one line"),
        ({"--evidence": ""}, "--evidence: must say something, in one line"),
        ({"--date": "soon"}, "--date 'soon' is no date: write it like 2026-11-20 or 2026-11-20T08:00Z"),
        ({"--valid-for": "31d"}, "--valid-for: must be at least a second and at most 30 days"),
        ({"--valid-for": "week"}, "--valid-for 'week' cannot be read: write it like 30m, 12h or 7d"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(cli: CommandLine, changes: dict[str, str], line: str) -> None:
    """Each fault is one line that names the option."""
    options = dict(zip(WHY[::2], WHY[1::2], strict=True)) | {"--date": "2026-11-20", "--by": "alice"} | changes
    flat = [part for option in options.items() for part in option]
    answer = cli("adjustment", "request", *lines("1.00"), "--id", "adj_x", *flat)
    assert (answer.exit_code, answer.lines, answer.stdout) == (2, [f"error: {line}"], "")


def test_what_needs_no_server_to_be_refused_needs_none() -> None:
    """A missing entry, half a line, a hash that is none and an unknown state are told at once."""
    base = ("adjustment", "request", *WHY, *DATE, "--by", "alice")
    example = "--debit expense:bad_debt 12.50 USD --credit revenue:sales 12.50 USD"
    refused(run(*base), f"--entry: give a file, or lines such as {example}")
    refused(
        run(*base, "--debit", "expense:bad_debt 12.50"),
        "--debit 'expense:bad_debt 12.50' cannot be read: write it like --debit expense:bad_debt 12.50 USD",
    )
    refused(
        run(*base, "--entry", "/nowhere"),
        "--entry: /nowhere cannot be read (No such file or directory): name a file with an entry",
    )
    refused(run(*base, "--entry", "x", *lines("1")), "--entry: give a file or --debit and --credit, not both")
    decision = ("adjustment", "approve", "adj_1", *WORD, "--by", "bob")
    refused(
        run(*decision, "--hash", "abc"),
        "--hash: must be the hash that `adjustment show` prints, or its first 12 digits at least",
    )
    refused(
        run("adjustment", "list", "--state", "open"),
        "--state: there is no state 'open': use one of requested, approved, rejected, expired, posted",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("lines: [", "is neither YAML nor JSON"),
        ("{}", "lines: Field required"),
        ("lines: []\nlines: []", "a name is given twice"),
        ("lines: [{account: a:b, side: left, amount: 1, currency: USD}]", "line 1, side: "),
        ("lines: [{account: a:b, side: debit, amount: 1}]", "line 1, currency: Field required"),
        ("amount: !!python/object/apply:os.system [x]", "is neither YAML nor JSON"),
        ("when: 2026", "Extra inputs are not permitted"),
    ],
)
def test_a_file_that_is_no_entry_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """The line says where in the file it is wrong."""
    file = tmp_path / "entry"
    file.write_text(text)
    with pytest.raises(WrongUse) as wrong:
        adjustment_arguments.typed_entry(str(file), (), (), None)
    assert any(fault in line for line in wrong.value.lines), wrong.value.lines


def test_amounts_of_a_file_are_text_and_not_floats(tmp_path: Path) -> None:
    """0.1 and 0.2 are ten and twenty cents, and NO is no boolean."""
    file = tmp_path / "entry.json"
    typed = {"account": "revenue:sales", "side": "credit", "amount": 0.30, "currency": "USD"}
    file.write_text(json.dumps({"date": "2026-11-20", "lines": [typed, typed | {"side": "debit"}]}))
    read = adjustment_arguments.typed_entry(str(file), (), (), None)
    opened = {account.code: account for account in (revenue_sales(),)}
    assert [line.money.amount_minor for line in adjustment_arguments.lines_of(read, opened)] == [30, 30]
    other = read.model_copy(
        update={
            "lines": tuple(
                line.model_copy(update={"type": AccountType.ASSET, "normal_side": Side.DEBIT}) for line in read.lines
            )
        }
    )
    with pytest.raises(WrongUse, match="account revenue:sales is revenue, credit normal: leave both out"):
        adjustment_arguments.lines_of(other, opened)
