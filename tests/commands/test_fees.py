"""Fees on the command line: rules that are checked, a purchase that is explained, and what gateways reported instead."""

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from starter import app
from tests.conftest import Database
from tests.ledger.test_captured_fees import capture

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "fee-rules.yaml")
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
LATER = ("--at", "2026-12-01")


def run(*arguments: str, url: str = NOWHERE, rules: str = EXAMPLE) -> Result:
    return CliRunner(env={"DATABASE_URL": url, "FEE_RULES": rules}).invoke(app, ["fees", *arguments])


def test_good_rules_are_described() -> None:
    """The operator sees which edition is in force."""
    result = run("check", EXAMPLE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "edition 2026-01, no longer in force: stripe-cards",
        "edition 2026-11, in force: stripe-amex, stripe-debit, stripe-large, stripe-cards, paypal",
        f"{EXAMPLE} is in order",
    ]
    editions = json.loads(run("check", EXAMPLE, "--json").stdout)["editions"]
    assert [(edition["version"], edition["in_force"]) for edition in editions] == [
        ("2026-01", False),
        ("2026-11", True),
    ]


def test_rules_with_faults_are_refused_with_the_line_of_each(tmp_path: Path) -> None:
    """The file can be mended in one go, and nothing of it is used."""
    path = tmp_path / "fees.yaml"
    path.write_text("editions:\n  - version: v1\n    effective_from: soon\n    rules:\n      - {name: A, fee: 3}\n")
    for result in (run("check", str(path)), run("explain", "--amount", "1", "--gateway", "stripe", rules=str(path))):
        assert (result.exit_code, result.stdout) == (2, "")
        assert [line.partition(" line ")[2] for line in result.stderr.splitlines()] == [
            "3: effective_from: must be a valid datetime or date, input is too short",
            "5: fee: there is no such field: correct its name or leave it out",
            "5: name: is not written as it has to be: it must match ^[a-z0-9][a-z0-9_-]{0,59}$",
        ]


def test_a_purchase_is_explained() -> None:
    """Which rule, which tier, and the lines that it would have, which balance."""
    asked = ("--amount", "1000", "--gateway", "stripe", "--plan", "large", "--volume", "9500", *LATER)
    shown = run("explain", *asked).stdout
    assert "rule stripe-large of edition 2026-11, settled net\n" in shown
    assert "tier 1: 2.9 % of 500.00 USD\ntier 2: 2.5 % of 500.00 USD\nfixed part: 0.30 USD\n" in shown
    document = json.loads(run("explain", *asked, "--json").stdout)
    assert (document["gross_minor"], document["fee_minor"], document["net_minor"]) == (100_000, 2730, 97_270)
    sides = {
        side: sum(line["amount_minor"] for line in document["lines"] if line["side"] == side)
        for side in ("debit", "credit")
    }
    assert sides["debit"] == sides["credit"]
    least = run("explain", "--amount", "1", "--gateway", "stripe", *LATER).stdout
    assert "the fee is the minimum of the rule" in least


def test_a_fee_that_no_rule_says_is_a_no() -> None:
    """A price that is not known is told from one that is nothing."""
    result = run("explain", "--amount", "100", "--currency", "JPY", "--gateway", "paypal", *LATER)
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "error: rule paypal has no price in JPY: add it\n",
    )


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--gateway", "adyen"), "--gateway: there is no gateway 'adyen': use stripe or paypal"),
        (("--currency", "CREDIT"), "--amount: CREDIT is a unit of ours, which no gateway takes: charge a currency such as USD"),
        (("--brand", "VISA!"), "--brand: must be a name in small letters, such as visa"),
        (("--funding", "gold"), "--funding: must be credit, debit or prepaid"),
        (("--amount", "0"), "amount 0 USD must be greater than zero"),
        (("--volume", "lots"), "amount 'lots' is not a number: write it like 49.99"),
        (("--rules", "absent.yaml"), "absent.yaml cannot be read (No such file or directory): name a fee rule file"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(more: tuple[str, ...], line: str) -> None:
    """One line that says what to do."""
    asked = {"--amount": "10", "--gateway": "stripe", more[0]: more[1]}
    result = run("explain", *(part for option in asked.items() for part in option))
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {line}\n")


def test_without_rules_nothing_is_expected() -> None:
    """The line says where they are set."""
    result = run("compare", rules="")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: there are no fee rules: give --rules FILE, or set FEE_RULES\n",
    )


def test_reported_fees_are_compared(database: Database) -> None:
    """The difference is shown by capture and by rule."""
    nothing = run("compare", url=database.app_url)
    assert (nothing.exit_code, nothing.stdout) == (0, "there are no captures with a reported fee in that time\n")
    with psycopg.connect(database.superuser_url) as owner:
        capture(owner, "same", hours=1)
        capture(owner, "dearer", fee=350, hours=2)
    document = json.loads(run("compare", "--since", "2026-11-01", "--json", url=database.app_url).stdout)
    assert [(row["rule"], row["captures"], row["differing"], row["difference_minor"]) for row in document["rules"]] == [
        ("stripe-cards", 2, 1, 30)
    ]
    assert [(one["charge_id"], one["difference_minor"]) for one in document["compared"]] == [
        ("dearer", 30),
        ("same", 0),
    ]
    shown = run("compare", url=database.app_url).stdout
    assert "stripe-cards (2026-11)" in shown
    assert "dearer:capture:1" in shown
    assert "same:capture:1" not in shown
