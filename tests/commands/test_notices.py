"""`dunning notice` and `events`: what customers and merchants' systems are told, before and after."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from billing import customers, dunning_books, events
from billing.customers import Contact
from billing.dunning import policy_file
from billing.dunning.notice_ladder import Template
from billing.events import Event
from ledger.database import create_engine
from starter import app
from tests.billing.books import Books, customer_request
from tests.conftest import Database

NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "TEMPORAL_ADDRESS": "127.0.0.1:1"}


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={**NOWHERE, "NOTICE_TEMPLATES": "", "NOTICE_FROM": "", **environment}).invoke(app, arguments)


@pytest.mark.parametrize("template", list(Template))
def test_every_notice_can_be_looked_at_before_any_is_sent(template: Template) -> None:
    """The merchant sees subject, text and page, in both languages, without a server."""
    english = run("dunning", "notice", "show", template)
    assert (english.exit_code, english.stderr) == (0, "")
    assert english.stdout.startswith("Subject: ")
    assert english.stdout.endswith("Kind regards\nExample Shop\n")
    german = json.loads(run("dunning", "notice", "show", template, "--locale", "de-AT", "--json").stdout)
    assert (german["template"], german["language"]) == (template, "de")
    page = run("dunning", "notice", "show", template, "--locale", "de-AT", "--html")
    assert page.stdout.strip() == german["html"].strip()


def test_the_merchant_is_named_as_mail_names_it() -> None:
    """The sender's name is what customers read."""
    shown = run("dunning", "notice", "show", "reminder", NOTICE_FROM="Ada's Shop <billing@example.com>")
    assert shown.stdout.endswith("Kind regards\nAda's Shop\n")
    assert run("dunning", "notice", "show", "reminder", NOTICE_FROM="nobody").stderr == (
        "error: NOTICE_FROM: must be an address like Example Shop <billing@example.com>\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "reminder", "--locale", "german"), "--locale: german is none: give it like de, or de-AT"),
        (("show", "remainder"), "'remainder' is not one of 'card_expiring'"),
        (("show", "reminder", "--invoice", "a b"), "--invoice: "),
        (("show", "reminder", "--templates", "/nowhere"), "/nowhere is no directory"),
        (("check", "/nowhere"), "/nowhere is no directory: name one with files such as de/reminder.txt"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """One line, and nothing is shown."""
    result = run("dunning", "notice", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_templates_of_ones_own_are_checked_and_shown(tmp_path: Path) -> None:
    """The same directory as the worker's, by setting or by option; a fault has its file and line."""
    file = tmp_path / "en" / "reminder.txt"
    file.parent.mkdir()
    file.write_text("Pay {{ amount|money }}\n\nPlease.\n")
    assert run("dunning", "notice", "check", str(tmp_path)).stdout == (
        f"{tmp_path} is in order: 16 notices in de, en\n"
    )
    for shown in (
        run("dunning", "notice", "show", "reminder", NOTICE_TEMPLATES=str(tmp_path)),
        run("dunning", "notice", "show", "reminder", "--templates", str(tmp_path)),
    ):
        assert shown.stdout == "Subject: Pay €49.99\n\nPlease.\n"
    page = run("dunning", "notice", "show", "reminder", "--html", "--templates", str(tmp_path))
    assert (page.exit_code, page.stderr) == (
        1,
        "error: reminder has no page in en: it is sent as plain text only\n",
    )
    file.write_text("Pay {{ sum }}\n\nPlease.\n")
    result = run("dunning", "notice", "check", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {file} line 1: there is no sum: use one of access, amount")


def prepared(database: Database, *steps: Callable[[Any], Awaitable[Any]]) -> dict[str, str]:
    """Do steps of the books; the environment that commands find them by."""

    async def do() -> None:
        engine = create_engine(database.app_url, 2)
        books = Books(engine)
        request = customer_request(locale="de")
        await books.step(lambda made: customers.add(made, request, Contact(name="Ada", email="ada@example.org")))
        await books.issue("in_1")
        for step in steps:
            await books.step(step)
        await engine.dispose()

    asyncio.run(do())
    return {"DATABASE_URL": database.app_url, "ALLOW_UNSAFE_DATABASE": "true"}


def begin(books: Any) -> Awaitable[Any]:
    """The payment of the invoice failed eight days ago."""
    failed_at = datetime.now(UTC) - timedelta(days=8)
    edition = policy_file.read().editions[-1]
    return dunning_books.begin(books, "in_1", edition, failed_at=failed_at, now=failed_at, actor="process:test")


def test_an_invoices_notice_says_what_it_would_say_now(database: Database) -> None:
    """In the customer's language, or in another; what cannot be said of it is told."""
    found = prepared(database, begin)
    shown = run("dunning", "notice", "show", "reminder", "--invoice", "in_1", **found)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "Guten Tag Ada," in shown.stdout
    assert "19,00" in shown.stdout
    assert (
        "Hello Ada,"
        in run("dunning", "notice", "show", "reminder", "--invoice", "in_1", "--locale", "en", **found).stdout
    )
    over = run("dunning", "notice", "show", "recovered", "--invoice", "in_1", **found)
    assert (over.exit_code, over.stdout) == (1, "")
    assert over.stderr == (
        "error: recovered cannot be written of invoice in_1 as it stands: a moment is not known here\n"
    )
    unknown = run("dunning", "notice", "show", "reminder", "--invoice", "in_9", **found)
    assert (unknown.exit_code, len(unknown.stderr.splitlines())) == (2, 1)


def test_events_are_listed_as_they_are_read(database: Database) -> None:
    """People see what merchants' systems are told, and read on as those do."""
    told = [
        Event(key=f"k{number}", kind="notice.sent", subject="invoice/in_1", occurred_at=datetime.now(UTC), body={})
        for number in range(3)
    ]
    found = prepared(database, *(lambda books, each=each: events.tell(books, each) for each in told))
    listed = json.loads(run("events", "list", "--limit", "2", "--json", **found).stdout)
    assert [each["key"] for each in listed["events"]] == ["k0", "k1"]
    rest = run("events", "list", "--after", str(listed["next_after"]), **found)
    assert rest.stdout.splitlines()[-1].split()[3:] == ["notice.sent", "invoice/in_1"]
    assert run("events", "list", "--after", "3", **found).stdout == "there is no event after that\n"
    missing = run("events", "list", "--after", "99", **found)
    assert (missing.exit_code, missing.stderr) == (
        2,
        "error: there is no event 99: check the id with `events list`\n",
    )
