"""The books on the command line, read by finance people and by scripts."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.commands.conftest import CommandLine, Servers

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", autouse=True)
def booked(cli: CommandLine) -> None:
    """A charge of 49.99 with a refund of 20.00, and one in yen."""
    cli.charge("booked", "paypal")
    cli("refund", "booked", "--amount", "20", "--id", "re_booked")
    yen = ("--amount", "500", "--currency", "JPY", "--customer", "cus_1", "--id", "yen")
    cli("charge", *yen, "--payment-method", "stripe=pm_card_visa")


def test_the_trial_balance_is_zero_in_every_currency(cli: CommandLine) -> None:
    """Debits are credits, and every account is listed with what it adds to them."""
    answer = cli("ledger", "trial-balance", "--json")
    assert answer.exit_code == 0
    balance = answer.document
    assert {"JPY", "USD"} <= {sums["currency"] for sums in balance["currencies"]}
    for sums in balance["currencies"]:
        accounts = [account for account in balance["accounts"] if account["currency"] == sums["currency"]]
        assert sums["difference_minor"] == 0
        assert sums["debit_minor"] == sum(account["debit_minor"] for account in accounts) > 0
        assert sums["credit_minor"] == sum(account["credit_minor"] for account in accounts)
    only = cli("ledger", "trial-balance", "--currency", "jpy", "--json").document
    assert {account["currency"] for account in only["accounts"]} == {"JPY"}
    shown = cli("ledger", "trial-balance").stdout
    assert all(part in shown for part in ("clearing:paypal", "revenue:sales", "total JPY", "total USD", "0.00 USD"))


def test_books_that_do_not_balance_are_an_answer(cli: CommandLine, servers: Servers) -> None:
    """Should someone get past every guard of the database, the commands say so, and where to look."""
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        tamper = (
            "UPDATE balances SET balance_minor = balance_minor + %s WHERE account_id = "
            "(SELECT account_id FROM accounts WHERE code = 'clearing:stripe' AND currency = 'JPY')"
        )
        try:
            connection.execute(tamper, [7])
            answers = [cli("ledger", "trial-balance", *form) for form in ((), ("--json",), ("--csv",))]
        finally:
            connection.execute(tamper, [-7])
    line = "error: the trial balance of JPY is off by 7 JPY: run `prove`"
    assert [(answer.exit_code, answer.lines) for answer in answers] == [(1, [line])] * 3
    assert cli("ledger", "trial-balance").exit_code == 0


def test_a_balance_is_told_for_now_and_for_then(cli: CommandLine) -> None:
    """What an account holds, what it held before anything, and what of that came only later."""
    [now] = cli("ledger", "balance", "clearing:paypal", "--json").document["balances"]
    assert (now["account"], now["currency"], now["at"], now["state"]) == ("clearing:paypal", "USD", None, "open")
    assert now["available_minor"] == now["balance_minor"] > 0
    [then] = cli("ledger", "balance", "clearing:paypal", "--at", "2020-01-01", "--json").document["balances"]
    assert (then["balance_minor"], then["line_count"], then["at"]) == (0, 0, "2020-01-01T23:59:59.999999Z")
    [later] = cli("ledger", "balance", "clearing:paypal", "--at", "2999-01-01T08:00+02:00", "--json").document[
        "balances"
    ]
    assert (later["balance_minor"], later["at"]) == (now["balance_minor"], "2999-01-01T06:00:00Z")
    [unknown] = cli("ledger", "balance", "clearing:paypal", "--known-at", "2020-01-01", "--json").document["balances"]
    assert unknown["balance_minor"] == 0
    assert "clearing:paypal" in cli("ledger", "balance", "clearing:paypal").stdout
    nobody = cli("ledger", "balance", "clearing:nobody", "--at", "2026-01-01")
    line = "error: there is no account clearing:nobody: see `ledger accounts` for those there are"
    assert (nobody.exit_code, nobody.lines) == (2, [line])


def test_the_trial_balance_of_the_past_is_what_was_true_then(cli: CommandLine) -> None:
    """Before anything happened there was nothing, and at the end of time there is everything."""
    assert cli("ledger", "trial-balance", "--at", "2020-01-01", "--json").document["accounts"] == []
    now = cli("ledger", "trial-balance", "--json").document
    then = cli("ledger", "trial-balance", "--at", "2999-01-01", "--json").document
    assert [{**account, "later_minor": None} for account in then["accounts"]] == now["accounts"]


def test_accounts_are_listed_by_their_beginning(cli: CommandLine) -> None:
    """One query shows what each gateway owes us."""
    found = cli("ledger", "accounts", "--prefix", "clearing:", "--currency", "USD", "--json").document["accounts"]
    assert {account["account"] for account in found} >= {"clearing:paypal"}
    assert all(account["account"].startswith("clearing:") for account in found)
    assert {(account["type"], account["normal_side"], account["currency"]) for account in found} == {
        ("asset", "debit", "USD")
    }
    assert len(cli("ledger", "accounts", "--limit", "1", "--json").document["accounts"]) == 1
    assert "clearing:paypal" in cli("ledger", "accounts").stdout


def test_the_entries_of_a_charge_are_those_of_its_status(cli: CommandLine) -> None:
    """Finance people and operations people read the same journal."""
    entries = cli("ledger", "entries", "--charge", "booked", "--json").document["entries"]
    assert entries == cli("status", "booked", "--json").document["entries"]
    rules = ["captured", "fee_charged", "refund_reserved", "refund_succeeded"]
    assert [entry["rule"] for entry in entries][: len(rules)] == rules
    assert entries[-1]["actor"].startswith("person:")
    assert cli("ledger", "entries", "--since", "2099-01-01", "--json").document == {"entries": []}
    assert len(cli("ledger", "entries", "--limit", "2", "--json").document["entries"]) == 2


def test_an_entry_is_found_by_its_reference(cli: CommandLine) -> None:
    """The operation id leads from the gateway to the journal."""
    entry = cli("ledger", "entry", "booked:refund:1:reserved", "--json").document
    assert (entry["entry_reference"], entry["rule"]) == ("booked:refund:1:reserved", "refund_reserved")
    assert [(line["account"], line["side"], line["amount_minor"]) for line in entry["lines"]] == [
        ("revenue:refunds", "debit", 2000),
        ("liability:refunds_payable", "credit", 2000),
    ]
    shown = cli("ledger", "entry", "booked:refund:1:reserved").stdout
    assert all(part in shown for part in ("liability:refunds_payable", "20.00 USD", "refund_reserved"))
    unknown = cli("ledger", "entry", "booked:refund:9")
    line = "error: there is no entry booked:refund:9: find its reference with `ledger entries`"
    assert (unknown.exit_code, unknown.lines) == (2, [line])


def test_an_entry_leads_to_the_gateway(cli: CommandLine) -> None:
    """From a figure to an entry, and from there to operation, charge and the gateway's object."""
    entry = cli("ledger", "entry", "booked:capture:1", "--json").document
    operation = entry["operation"]
    assert (operation["operation_id"], operation["gateway"], operation["outcome"]) == (
        "booked:capture:1",
        "paypal",
        "succeeded",
    )
    assert entry["gateway_reference"] == operation["gateway_reference"]
    assert operation["gateway_reference"]
    assert (entry["reverses"], entry["reversed_by"], entry["withdrawal"]) == (None, [], None)
    shown = cli("ledger", "entry", "booked:capture:1").stdout
    assert all(part in shown for part in (operation["gateway_reference"], "paypal's object", "succeeded", "booked"))


def test_a_statement_carries_the_balance_from_line_to_line(cli: CommandLine) -> None:
    """Each line says what the account held before and after it, page by page, to the closing balance."""
    asked = ("ledger", "statement", "clearing:paypal", "--currency", "USD")
    for order in ("happened", "recorded"):
        document = cli(*asked, "--by", order, "--json").document
        [statement] = document["statements"]
        assert (document["by"], statement["account"], statement["opening_minor"]) == (order, "clearing:paypal", 0)
        balance = 0
        for line in statement["lines"]:
            assert line["before_minor"] == balance
            balance += line["amount_minor"] if line["side"] == "debit" else -line["amount_minor"]
            assert line["after_minor"] == balance
        assert statement["closing_minor"] == balance
        last = statement["lines"][-1]
        page = (*asked, "--by", order, "--before", str(last["line_id"]), "--limit", "1", "--json")
        assert cli(*page).document["statements"][0]["lines"] == [statement["lines"][-2]]
    shown = cli("ledger", "statement", "clearing:paypal").stdout
    parts = (
        "booked:capture:1",
        "booked:refund:1",
        "20.00 USD",
        "opening balance",
        "closing balance",
        "captured paypal",
    )
    assert all(part in shown for part in parts)
    unknown = cli("ledger", "statement", "clearing:nobody")
    line = "error: there is no account clearing:nobody: see `ledger accounts` for those there are"
    assert (unknown.exit_code, unknown.lines) == (2, [line])
    assert cli(*asked, "--before", "999999").exit_code == 2


def test_every_report_is_the_same_in_each_form(cli: CommandLine) -> None:
    """A spreadsheet has the rows that a script has, and what a person reads is made of them."""
    reports: dict[tuple[str, ...], Callable[[Any], Any]] = {
        ("balance", "clearing:paypal"): lambda document: document["balances"],
        ("trial-balance",): lambda document: document["accounts"],
        ("statement", "clearing:paypal"): lines_of_statements,
        ("general-ledger",): lines_of_statements,
        ("income-statement",): rows_of_currencies,
        ("balance-sheet",): rows_of_currencies,
        ("audit-trail", "--limit", "1000"): lambda document: document["events"],
    }
    for command, rows_of in reports.items():
        rows = rows_of(cli("ledger", *command, "--json").document)
        answer = cli("ledger", *command, "--csv")
        assert answer.exit_code == 0
        assert answer.stdout.endswith("\n")
        found = [
            row
            for row in csv.DictReader(io.StringIO(answer.stdout, newline=""))
            if row.get("what") not in {"opening", "closing"} and row.get("type") not in {"retained", "result"}
        ]
        assert len(found) == len(rows) > 0, command
        for written, row in zip(found, rows, strict=True):
            for name in written.keys() & row.keys():
                value = row[name]
                if isinstance(value, dict):
                    value = [f"{key}={each}" for key, each in value.items()]
                shown = " ".join(value) if isinstance(value, list) else "" if value is None else value
                assert written[name].removeprefix("'") == (
                    str(shown).lower() if isinstance(shown, bool) else str(shown)
                )
        assert cli("ledger", *command).exit_code == 0


def lines_of_statements(document: Any) -> Any:
    """The lines of all statements of a document."""
    return [line for statement in document["statements"] for line in statement["lines"]]


def rows_of_currencies(document: Any) -> Any:
    """The rows of all currencies of a document."""
    return [row for currency in document["currencies"] for row in currency["rows"]]


def test_amounts_in_csv_are_in_major_units_too(cli: CommandLine) -> None:
    """Whoever opens it in a spreadsheet does not count in cents."""
    answer = cli("ledger", "balance", "clearing:paypal", "--csv")
    [row] = csv.DictReader(io.StringIO(answer.stdout, newline=""))
    assert Decimal(row["balance"]) * 100 == int(row["balance_minor"])
    assert row["balance"].count(".") == 1


def test_income_and_balance_sheet_hold_together(cli: CommandLine) -> None:
    """The result of all time is on both, and assets are what stands against them."""
    income = {each["currency"]: each for each in cli("ledger", "income-statement", "--json").document["currencies"]}
    sheets = cli("ledger", "balance-sheet", "--json").document["currencies"]
    assert {each["currency"] for each in sheets} >= {"JPY", "USD"}
    for sheet in sheets:
        assert sheet["difference_minor"] == 0
        assert sheet["retained_minor"] + sheet["result_minor"] == income[sheet["currency"]]["result_minor"]
    refunds = [row for row in income["USD"]["rows"] if row["account"] == "revenue:refunds"]
    assert [(row["is_contra"], row["amount_minor"] < 0) for row in refunds] == [(True, True)]
    shown = cli("ledger", "income-statement", "--depth", "1").stdout
    assert "revenue:sales" not in shown
    assert "result" in shown
    assert (
        cli("ledger", "income-statement", "--to", "2020-01-01").stdout == "nothing was earned or spent in that time\n"
    )
    assert cli("ledger", "balance-sheet", "--at", "2020-01-01").stdout == "the books are empty\n"


def test_the_audit_trail_says_who_did_what(cli: CommandLine) -> None:
    """A refund is followed to the person who gave it and to the gateway's object; a page says that there is more."""
    events = cli("ledger", "audit-trail", "--json").document["events"]
    [refund] = [event for event in events if event["subject"] == "booked:refund:1"]
    assert refund["actor"].startswith("person:")
    assert (refund["what"], refund["gateway"], bool(refund["gateway_reference"])) == ("entry_posted", "paypal", True)
    of_person = cli("ledger", "audit-trail", "--actor", refund["actor"], "--json").document["events"]
    assert {event["actor"] for event in of_person} == {refund["actor"]}
    page = cli("ledger", "audit-trail", "--limit", "1")
    assert page.stderr.startswith("there are earlier ones: see them with --to ")


def test_the_proof_of_these_books_agrees(cli: CommandLine) -> None:
    """What the commands did to the gateways is what the books say, item by item."""
    # A test has ended a process by force; minutes later the proof names what it left, and the repair settles it.
    cli("prove", "--repair", "--yes")
    answer = cli("prove", "--json")
    assert [(each["code"], each["message"]) for each in answer.document["findings"]] == []
    assert (answer.exit_code, answer.document["verdict"]) == (0, "proved")
