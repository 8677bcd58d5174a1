"""The worked example of docs/billing.md is what the commands print, to the character."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billing.invoices import ALLOWED, InvoiceState
from billing.subscriptions import SubscriptionState
from starter import app
from tests.conftest import Database

TEXT = (Path(__file__).parents[2] / "docs" / "billing.md").read_text()
EXAMPLE = re.findall(r"^<!-- example: billing -->\n\n```\n(.*?)```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def test_the_example_is_what_the_commands_print(database: Database) -> None:
    """Whoever types it gets the same, in this order."""
    [block] = EXAMPLE
    typed = re.findall(r"^starter\.py (.*)$", block, flags=re.MULTILINE)
    runner = CliRunner(env={"DATABASE_URL": database.app_url, "ALLOW_UNSAFE_DATABASE": "true"})
    printed = ""
    for line in typed:
        result = runner.invoke(app, shlex.split(line))
        assert result.exit_code == 0, result.stderr
        printed += f"starter.py {line}\n{result.stdout}"
    assert [line.rstrip() for line in printed.splitlines()] == [line.rstrip() for line in block.splitlines()]


@pytest.mark.parametrize("state", [*InvoiceState, *SubscriptionState])
def test_every_state_is_told_of(state: str) -> None:
    """A person who meets one finds what it means."""
    assert state in TEXT
    assert set().union(*ALLOWED.values()) <= set(InvoiceState)
