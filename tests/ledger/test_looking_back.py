"""The worked example of docs/ledger.md, Looking back, is what the commands print, to the character."""

import json
from datetime import UTC, datetime

import psycopg
import pytest
from typer.testing import CliRunner

from ledger import posting
from ledger.entries import Entry
from ledger.journal import _content
from starter import app
from tests.conftest import Database
from tests.ledger.samples import fact
from tests.ledger.test_ledger_document import BLOCKS

RECORDED = {
    "ch_1:capture:1": datetime(2026, 1, 30, 10, 0, 1, tzinfo=UTC),
    "ch_2:capture:1": datetime(2026, 2, 1, 8, 30, 1, tzinfo=UTC),
    "ch_1:capture:1:fee": datetime(2026, 2, 3, 9, 0, tzinfo=UTC),
}
"""By reference, in the order of recording."""


def entries() -> list[Entry]:
    """A sale of January, one of February, and the fee of the first, which the gateway reports last."""
    january, february = datetime(2026, 1, 30, 10, 0, tzinfo=UTC), datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
    return [
        posting.captured(fact("ch_1", 4999).model_copy(update={"event_at": january})),
        posting.captured(fact("ch_2", 2000).model_copy(update={"event_at": february})),
        posting.fee_charged(fact("ch_1", 175).model_copy(update={"event_at": january})),
    ]


@pytest.fixture
def books(database: Database) -> Database:
    """Those entries, recorded when the example says: only a superuser who turns the guards off can choose that."""
    with psycopg.connect(database.superuser_url) as connection:
        for entry in entries():
            connection.execute("SELECT post_entries(%s::jsonb)", [json.dumps([_content(entry)])])
        connection.execute("ALTER TABLE lines DISABLE TRIGGER ALL")
        connection.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
        for reference, recorded_at in RECORDED.items():
            connection.execute("UPDATE entries SET recorded_at = %s WHERE reference = %s", [recorded_at, reference])
        connection.execute(
            "UPDATE lines l SET recorded_at = e.recorded_at FROM entries e WHERE e.entry_id = l.entry_id"
        )
    return database


def test_the_example_is_what_the_commands_print(books: Database) -> None:
    """Whoever types them sees the same."""
    example = BLOCKS["looking-back"]
    commands = [line for line in example.splitlines() if line.startswith("starter.py ")]
    assert len(commands) == 3
    printed = [
        line.rstrip()
        for command in commands
        for line in [
            command,
            *CliRunner(env={"DATABASE_URL": books.app_url}).invoke(app, command.split()[1:]).stdout.splitlines(),
        ]
    ]
    assert example.splitlines() == printed
