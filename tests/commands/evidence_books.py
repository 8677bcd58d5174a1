"""Books with two months in them, sealed and closed as far as a test asks, and the command line over them."""

import asyncio
import csv
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from typer.testing import CliRunner

from ledger import journal, posting
from ledger.database import create_engine
from ledger.entries import Entry
from ledger.protection import declared
from ledger.seals import signing
from starter import app
from tests.commands.conftest import Answer, CommandLine
from tests.conftest import Database
from tests.ledger.adjustment_samples import POST, ask, asked, pass_time, say, set_tier
from tests.ledger.months import appoint, name_of, within
from tests.ledger.samples import fact, two_currencies

MONTH = name_of(1)


@dataclass(frozen=True)
class EvidenceBooks:
    """The books, and who may do what with them."""

    database: Database
    key: Path

    def __call__(self, *arguments: str, **environment: str) -> Answer:
        """Run a command with the key that seals."""
        given = {
            "DATABASE_URL": self.database.app_url,
            "SEALER_DATABASE_URL": self.database.app_url.replace("quittance_app@", "quittance_sealer@"),
            "SEAL_KEY_FILE": str(self.key),
            "SEAL_PUBLIC_KEY_FILE": f"{self.key}.pub",
            "ALLOW_UNSAFE_DATABASE": "1",
        }
        result = CliRunner(env=given | environment).invoke(app, list(arguments))
        return CommandLine.checked(result.exit_code, result.stdout, result.stderr)

    def post(self, *entries: Entry) -> None:
        """Post entries, each in a transaction of its own."""
        asyncio.run(self._post(entries))

    async def _post(self, entries: tuple[Entry, ...]) -> None:
        engine = create_engine(self.database.app_url, 1)
        for entry in entries:
            async with engine.begin() as connection:
                await journal.post(connection, [entry])
        await engine.dispose()

    def tamper(self, table: str, statement: str) -> None:
        """Do something as a superuser to a table whose triggers are off meanwhile."""
        with psycopg.connect(self.database.superuser_url, autocommit=True) as connection:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            connection.execute(statement.encode())
            for guard in declared.guards():
                if guard.table == table:
                    connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard.name}".encode())


def captured(charge_id: str, ago: int, amount_minor: int = 4999) -> tuple[Entry, Entry]:
    """A capture so many months ago, and its fee."""
    what = fact(charge_id, amount_minor).model_copy(update={"event_at": within(ago)})
    paid = what.model_copy(update={"money": what.money.model_copy(update={"amount_minor": 175})})
    return posting.captured(what), posting.fee_charged(paid)


def filled(database: Database, key: Path) -> EvidenceBooks:
    """Two months of captures, adjustments that are posted, rejected and open; the earlier months closed and sealed."""
    signing.create(key)
    books = EvidenceBooks(database, key)
    books.post(*captured("before", 2), *captured("first", 1), *captured("second", 1, 2000))
    books.post(two_currencies("both").model_copy(update={"event_at": within(1)}), *captured("after", 0))
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        appoint(superuser, closer="carol", accountant="alice bob")
        set_tier(superuser)
        posted, refused = asked(event_at=within(1)), asked("adj_2", event_at=within(1))
        for request, verdict in ((posted, "approve"), (refused, "reject")):
            ask(superuser, request)
            say(superuser, request, "bob", verdict)
        superuser.execute(POST, ["adj_1"])
        # Asked for in the month, and not decided when it ended.
        ask(superuser, asked("adj_3", event_at=within(1)))
        pass_time(superuser, "adj_3", datetime.now(UTC) - within(1))
    close = ("periods", "close")
    for command in (("ledger", "seal"), (*close, name_of(2), "--by", "carol"), (*close, MONTH, "--by", "carol")):
        answer = books(*command)
        assert answer.exit_code == 0, answer
    return books


def rows(pack: Path, name: str) -> list[dict[str, str]]:
    """Read a file of a pack."""
    with (pack / name).open(newline="") as file:
        return list(csv.DictReader(file))


def document(pack: Path, name: str) -> Any:
    """Read a document of a pack."""
    return json.loads((pack / name).read_text())
