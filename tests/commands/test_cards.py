"""`cards`: what was tried, what is left and why a card is not tried any more, for people and scripts."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from starter import app
from tests.billing.claims import Guard
from tests.conftest import Database

NOW = datetime.now(UTC) - timedelta(minutes=5)


class Cards:
    """The commands against one database, and the guard behind them."""

    def __init__(self, url: str, guard: Guard) -> None:
        self.url = url
        self.guard = guard

    def __call__(self, *arguments: str) -> Result:
        environment = {"DATABASE_URL": self.url, "ALLOW_UNSAFE_DATABASE": "true", "GATEWAY_ORDER": "stripe,paypal"}
        return CliRunner(env=environment).invoke(app, list(arguments))

    def said(self, *arguments: str) -> str:
        result = self(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        return result.stdout

    def document(self, *arguments: str) -> Any:
        return json.loads(self.said(*arguments, "--json"))

    def method(self, method_id: str, *more: str) -> str:
        """Add a method, and return its card."""
        given = ("--customer", "cus_1", "--gateway", "stripe", "--token", f"tok_{method_id}")
        return str(self.document("methods", "add", method_id, *given, *more)["card"])


@pytest.fixture
def cards(database: Database) -> Any:
    """Books with a customer."""
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        cards = Cards(database.app_url, Guard(connection))
        cards.said("customers", "add", "cus_1", "--currency", "USD", "--time-zone", "UTC")
        yield cards


def test_a_card_is_shown_with_what_is_left_and_why(cards: Cards) -> None:
    """A person sees why a charge was refused, and from when it can be made, without a calculator."""
    card = cards.method("pm_1", "--brand", "mastercard", "--country", "BR", "--fingerprint", "fp_1")
    assert cards.method("pm_2", "--fingerprint", "fp_1") == card
    for number in range(7):
        cards.guard.tried(f"ch_{number}:capture:1", NOW, card=card, network="mastercard", country="BR")
    cards.guard.claim("ch_7:capture:1", NOW + timedelta(days=1), card=card, network="mastercard", country="BR")
    shown = cards.document("cards", "show", "pm_2")
    assert shown == cards.document("cards", "show", card)
    assert (shown["card"], shown["network"], shown["country"], shown["never_at"]) == (card, "mastercard", "BR", None)
    assert [each["method_id"] for each in shown["methods"]] == ["pm_1", "pm_2"]
    left = {each["rule"]: (each["left"], each["amount_minor"], each["is_ours"]) for each in shown["ceilings"]}
    # A day later only the newest is within a day.
    assert left == {
        "our own minimum: a day between two declines of one card": (0, None, True),
        "10 declines in a row within 24 hours": (9, None, False),
        "7 declines in a row within 24 hours in Brazil": (6, None, False),
        "35 tries of one amount in 30 days": (27, 100, False),
    }
    assert [each["result"] for each in shown["tries"]] == [*["refused"] * 7, "undecided"]
    text = cards.said("cards", "show", "pm_1")
    until = NOW + timedelta(days=2, minutes=1, microseconds=-1)
    assert re.search(rf"our own minimum.* 1 +0 +{until:%Y-%m-%d %H:%M}", text)
    assert "payment method pm_2 of customer cus_1" in text
    assert re.search(r"35 tries of one amount in 30 days \(mastercard\), 1\.00 USD +35 +27 +now", text)
    assert re.search(r"ch_7:capture:1 +1\.00 USD +undecided", text)


def test_a_card_that_is_refused_for_ever_is_shown_as_that(cards: Cards) -> None:
    """Since when and why, in every list that has it."""
    card = cards.method("pm_1", "--brand", "visa")
    other = cards.method("pm_2", "--brand", "visa")
    assert "no try that a ceiling can count" in cards.said("cards", "show", other)
    assert cards.said("cards", "list") == "no card was tried in the last 30 days\n"
    cards.guard.claim("ch_1:capture:1", NOW, card=card)
    cards.guard.settle("ch_1:capture:1", "refused", "visa 43: stolen")
    cards.guard.tried("ch_2:capture:1", NOW, "approved", card=other)
    assert "never to be tried again since" in cards.said("cards", "show", "pm_1")
    assert re.search(r"20 tries in 30 days \(visa\) +20 +19 +never", cards.said("cards", "show", "pm_1"))
    found = {each["card"]: each for each in cards.document("cards", "list")["cards"]}
    assert [(found[each]["tries"], found[each]["refused"]) for each in (card, other)] == [(1, 1), (1, 0)]
    assert found[card]["never_because"] == "visa 43: stolen"
    assert next(iter(found)) == card
    assert "visa 43: stolen" in cards.said("cards", "list")
    assert "never again: visa 43: stolen" in cards.said("methods", "list", "--customer", "cus_1")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pm_9", "there is no payment method pm_9: check the id with `methods list`"),
        (f"card_{9:032x}", f"there is no card card_{9:032x}: check the id with `cards list`"),
        ("no id", "METHOD_ID"),
    ],
)
def test_what_is_not_there_is_said(cards: Cards, name: str, line: str) -> None:
    """One line, and the exit code of wrong use."""
    result = cards("cards", "show", name)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert result.stderr.startswith(f"error: {line}")
