"""docs/dunning.md says what the policy does: its calendar is the command's own, and its names are those of the code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billing.dunning.ceilings import CEILINGS
from billing.dunning.decline_classes import DeclineClass
from billing.dunning.entitlement import Access
from billing.dunning.policy import Backups, InvoiceEnd, Policy, SubscriptionEnd
from starter import app

TEXT = (Path(__file__).parents[3] / "docs" / "dunning.md").read_text()
COMMAND = (
    "preview",
    "--decline",
    "51",
    "--network",
    "visa",
    "--customer-zone",
    "Europe/Berlin",
    "--at",
    "2026-11-26T09:00Z",
)


def test_the_calendar_in_the_document_is_the_one_that_the_command_prints() -> None:
    """A reader sees what would be done, and not what was once planned."""
    assert f"starter.py dunning {' '.join(COMMAND)}" in TEXT
    result = CliRunner().invoke(app, ["dunning", *COMMAND, "--json"])
    rows = [
        f"| {entry['day']} | {entry['local']} | {entry['clock']} | {entry['what']} | {entry['why']} |"
        for entry in json.loads(result.stdout)["entries"]
    ]
    assert rows == [
        line
        for line in TEXT.splitlines()
        if line.startswith("| ") and "| 20" not in line[:4] and " 2026-1" in line[:25]
    ]


@pytest.mark.parametrize("word", [*DeclineClass, *Access, *Backups, *SubscriptionEnd, *InvoiceEnd])
def test_every_word_of_the_policy_is_explained(word: str) -> None:
    """Whoever writes a policy finds each of its words."""
    assert f"`{word}`" in TEXT


def test_every_field_of_a_policy_is_explained() -> None:
    """No field is hidden from whoever writes a policy."""
    assert [name for name in Policy.model_fields if name != "name" and f"`{name}`" not in TEXT] == []


def test_the_ceilings_in_the_document_are_those_in_the_data() -> None:
    """The numbers that people plan by are those that bind."""
    for row in CEILINGS.rows:
        most = f"{row.most} in {row.window_hours // 24} days" if row.window_hours > 24 else f"{row.most} in 24 hours"
        assert most in TEXT or f"{row.most} before {row.effective_until}" in TEXT or f"{row.most} in Brazil" in TEXT, (
            row
        )
