"""The books on the command line, read by finance people and by scripts."""

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
    """Should someone get past every guard of the database, the command says so, and where to look."""
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        tables = connection.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A'")
        guards = tables.fetchall()
        for table, trigger in guards:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        tamper = (
            "UPDATE lines SET amount_minor = amount_minor + %(by)s,"
            " after_minor = after_minor + %(by)s * sign(after_minor - before_minor)::bigint WHERE line_id = "
            "(SELECT max(line_id) FROM lines WHERE side = 'debit' AND currency = 'JPY')"
        )
        try:
            connection.execute(tamper, {"by": 7})
            answer = cli("ledger", "trial-balance")
        finally:
            connection.execute(tamper, {"by": -7})
            for table, trigger in guards:
                connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
    assert (answer.exit_code, answer.lines) == (1, ["error: the trial balance of JPY is off by 7 JPY: run `prove`"])
    assert cli("ledger", "trial-balance").exit_code == 0


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


def test_a_statement_carries_the_balance_from_line_to_line(cli: CommandLine) -> None:
    """Each line is followed by what the account holds, page by page."""
    statement = cli("ledger", "statement", "clearing:paypal", "--currency", "USD", "--json").document
    assert statement["account"] == "clearing:paypal"
    balance = 0
    for line in statement["lines"]:
        balance += line["amount_minor"] if line["side"] == "debit" else -line["amount_minor"]
        assert line["balance_minor"] == balance
    last = statement["lines"][-1]
    page = ("ledger", "statement", "clearing:paypal", "--currency", "USD", "--before", str(last["line_id"]), "--json")
    assert cli(*page, "--limit", "1").document["lines"] == [statement["lines"][-2]]
    shown = cli("ledger", "statement", "clearing:paypal").stdout
    assert all(part in shown for part in ("booked:capture:1", "booked:refund:1", "20.00 USD"))
    unknown = cli("ledger", "statement", "clearing:nobody")
    line = "error: there is no account clearing:nobody: see `ledger accounts` for those there are"
    assert (unknown.exit_code, unknown.lines) == (2, [line])


def test_the_proof_of_these_books_agrees(cli: CommandLine) -> None:
    """What the commands did to the gateways is what the books say, item by item."""
    answer = cli("prove", "--json")
    assert (answer.exit_code, answer.document["verdict"], answer.document["findings"]) == (0, "proved", [])
