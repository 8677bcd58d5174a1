"""The worked examples of docs/ledger.md are what the code prints, to the character."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger import credits as credit_rules
from ledger import fees
from ledger.conversion import Quote, converted
from ledger.credits import Outstanding, Purchase, Spending
from ledger.entries import Entry
from ledger.positions import Position
from starter import app
from tests.ledger.exchange_samples import DAY, applied, conversion, money
from tests.ledger.fee_samples import ask, edition, rule

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "ledger.md").read_text()
BLOCKS: dict[str, str] = dict(
    re.findall(r"^<!-- example: (\S+) -->\n\n?```\n(.*?)```$", TEXT, flags=re.MULTILINE | re.DOTALL)
)


def shown(entry: Entry) -> str:
    """Write an entry as the document has it."""
    wide = max(len(line.account.code) for line in entry.lines)
    amounts = max(len(str(line.money)) for line in entry.lines)
    lines = [f"{line.side:<6} {line.account.code:<{wide}} {line.money!s:>{amounts}}" for line in entry.lines]
    return "\n".join([f"{entry.reference}: {entry.description}", *lines, ""])


def purchase() -> Entry:
    """1,000 credits for 10.00 dollars."""
    one = rule()
    bought = Purchase(
        purchase_id="pu_1",
        customer="cus_1",
        credits=money("1000", "CREDIT"),
        fees=fees.of_purchase(edition(one), one, ask(1000)),
        event_at=DAY,
        actor="workflow:charge",
    )
    return credit_rules.bought(bought, {}, "USD")


def spend() -> Entry:
    """300 of them are spent."""
    spent = Spending(
        spending_id="sp_1", customer="cus_1", credits=money("300", "CREDIT"), event_at=DAY, actor="service:shop"
    )
    return credit_rules.spent(spent, Outstanding(issued_minor=1000, deferred_minor=1000), "USD")


def gain() -> Entry:
    """50 EUR that cost 52.50 are given for 58.00 dollars."""
    quote = Quote(rate=applied("USD", "EUR", "50/58"))
    held = Position(held_minor=20000, cost_minor=21000)
    return converted(conversion(money("58", "USD"), "EUR", name="cv_1"), quote, {"EUR": held}, "USD")


def rounding() -> Entry:
    """Euros for whole credits, neither of them the functional currency."""
    quote = Quote(rate=applied("EUR", "CREDIT", "0.333"), value=applied("EUR", "USD", "1.08"))
    return converted(conversion(money("100", "EUR"), "CREDIT", name="cv_2"), quote, {}, "USD")


ENTRIES: dict[str, Callable[[], Entry]] = {"purchase": purchase, "spend": spend, "gain": gain, "rounding": rounding}


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_example_of_an_entry_is_what_the_rule_makes(name: str) -> None:
    """An auditor who reads the page reads what will be in the books."""
    assert BLOCKS[name] == shown(ENTRIES[name]())


def test_an_example_of_a_command_is_what_it_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types it sees the same."""
    monkeypatch.chdir(ROOT)
    command, _, printed = BLOCKS["explain"].partition("\n")
    assert command.startswith("starter.py fees explain ")
    assert CliRunner().invoke(app, command.split()[1:]).stdout == printed


def test_every_example_is_made_by_a_test() -> None:
    """No block of the document is left to somebody's memory."""
    assert set(BLOCKS) == {*ENTRIES, "explain", "looking-back"}
    assert len(re.findall("<!-- example:", TEXT)) == len(BLOCKS)
