"""`balances`: what a balance costs, now and at a past moment, in 10 million lines against 10 thousand; and a bulk load.

The lines are made by SQL (`past_lines`); balances are asked of random accounts at random moments, of both sizes by turns,
so that what else the machine does meets both alike. How many pages a balance takes is counted too: that depends on nothing else.
The bulk load goes through the posting function, as everything does that is not made up.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
from psycopg import Connection

from benchmarks import past_lines
from benchmarks.figures import Figure, at_most
from ledger import journal, migrate, posting
from ledger.database import create_engine
from ledger.entries import Entry
from ledger.money import Money
from ledger.posting import Fact
from local import postgres
from local.ports import free_port
from local.postgres import Postgres

FEW, MANY = 10_000, 10_000_000
LOADED = 1_000_000
BATCH_ENTRIES = 1_000
"""The most that a posting takes."""
ASKED = 400
WARM = 50
"""Questions that are asked first and not counted."""
MOST_MS = 1.0
MOST_RATIO = 2.0
EVER = "infinity"
NOW = "SELECT balance_minor FROM balances WHERE account_id = %s"
THEN = "SELECT balance_minor FROM balance_at(%s, %s, %s)"
Parameters = tuple[object, ...]
Question = Callable[[random.Random, Sequence[int]], Parameters]


async def measure(few: int = FEW, many: int = MANY, loaded: int = LOADED) -> AsyncIterator[Figure]:
    """Fill two databases of one server, ask both; then load a third."""
    with tempfile.TemporaryDirectory(prefix="quittance-") as directory, _server(Path(directory)) as server:
        urls = {}
        for name, lines in (("few", few), ("many", many)):
            urls[name] = _database(server, name)
            started = time.perf_counter()
            past_lines.fill(urls[name], lines)
            yield Figure(f"{lines}_lines_made_seconds", time.perf_counter() - started)
        for figure in _balances(urls["few"], urls["many"]):
            yield figure
        async for figure in _bulk_load(server, loaded):
            yield figure


def _server(directory: Path) -> "_Running":
    directory.chmod(0o755)  # The server may run as another user.
    return _Running(postgres.start(directory / "data", free_port(), log=directory / "log"))


class _Running:
    """A server that ends with its block."""

    def __init__(self, server: Postgres) -> None:
        self._server = server

    def __enter__(self) -> Postgres:
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.stop()


def _database(server: Postgres, name: str) -> str:
    server.ensure_database(name)
    migrate.upgrade(server.url(name))
    return server.url(name)


def _balances(few_url: str, many_url: str) -> Iterator[Figure]:
    with psycopg.connect(few_url, autocommit=True) as few, psycopg.connect(many_url, autocommit=True) as many:
        accounts = [_accounts(connection) for connection in (few, many)]
        # The hot one has as many late lines as all others together: what those that span a moment cost is only reported.
        for who, choose, bound in (("", _any_account, at_most(MOST_RATIO)), ("hot_account_", _hot_account, None)):
            chosen = [choose(each) for each in accounts]
            [_, now_ms] = _times((few, many), NOW, chosen, lambda chance, ids: (chance.choice(ids),))
            yield Figure(f"{who}now_ms", now_ms, at_most(MOST_MS))
            for clock, question in QUESTIONS.items():
                few_ms, many_ms = _times((few, many), THEN, chosen, question)
                yield Figure(f"{who}{clock}_in_few_ms", few_ms)
                yield Figure(f"{who}{clock}_in_many_ms", many_ms)
                yield Figure(f"{who}{clock}_ratio", many_ms / few_ms, bound)
                few_pages, many_pages = (
                    _pages(each, ids, question) for each, ids in zip((few, many), chosen, strict=True)
                )
                yield Figure(f"{who}{clock}_in_few_pages", few_pages)
                yield Figure(f"{who}{clock}_in_many_pages", many_pages)


def _moment(chance: random.Random) -> datetime:
    return past_lines.BEGIN + past_lines.YEAR * chance.random()


QUESTIONS: dict[str, Question] = {
    "happened": lambda chance, ids: (chance.choice(ids), _moment(chance), EVER),
    "recorded": lambda chance, ids: (chance.choice(ids), EVER, _moment(chance)),
    "both": lambda chance, ids: (chance.choice(ids), _moment(chance), _moment(chance)),
}


def _accounts(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT code, account_id FROM accounts").fetchall())


def _any_account(accounts: dict[str, int]) -> list[int]:
    return list(accounts.values())


def _hot_account(accounts: dict[str, int]) -> list[int]:
    return [accounts[past_lines.HOT]]


def _times(
    connections: Sequence[Connection], query: str, accounts: Sequence[Sequence[int]], question: Question
) -> list[float]:
    """The median time of an answer in milliseconds, for each connection; they are asked by turns."""
    chance = random.Random(7)  # noqa: S311 # moments to ask about, the same in each run
    taken: list[list[float]] = [[] for _ in connections]
    for _ in range(WARM + ASKED):
        for connection, ids, times in zip(connections, accounts, taken, strict=True):
            values = question(chance, ids)
            started = time.perf_counter()
            connection.execute(query, values, prepare=True).fetchall()
            times.append(1000 * (time.perf_counter() - started))
    return [statistics.median(times[WARM:]) for times in taken]


def _pages(connection: Connection, accounts: Sequence[int], question: Question) -> float:
    """The median number of pages that an answer takes, in memory or not."""
    chance = random.Random(7)  # noqa: S311 # as above
    found = []
    for _ in range(ASKED):
        explained = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT json) " + THEN
        [(plan,)] = connection.execute(explained, question(chance, accounts), prepare=True).fetchall()
        node = plan[0]["Plan"]
        found.append(node["Shared Hit Blocks"] + node["Shared Read Blocks"])
    return float(statistics.median(found))


async def _bulk_load(server: Postgres, lines: int) -> AsyncIterator[Figure]:
    """Post entries of two lines in batches, and read how much memory that took at most, here and in the server."""
    engine = create_engine(_database(server, "loaded"), 1)
    entries = lines // 2
    ours, most_ours, most_theirs = psutil.Process(os.getpid()), 0, 0
    before = ours.memory_info().rss
    started = time.perf_counter()
    async with engine.connect() as connection:
        theirs = psutil.Process(int((await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()))
        for first in range(0, entries, BATCH_ENTRIES):
            batch = [_entry(number) for number in range(first, min(first + BATCH_ENTRIES, entries))]
            await journal.post(connection, batch)
            await connection.commit()
            most_ours = max(most_ours, ours.memory_info().rss - before)
            most_theirs = max(most_theirs, theirs.memory_full_info().uss)
    seconds = time.perf_counter() - started
    await engine.dispose()
    yield Figure(f"load_of_{lines}_lines_seconds", seconds)
    yield Figure("loaded_lines_per_second", lines / seconds)
    yield Figure("load_grew_client_by_mb", most_ours / 2**20)
    yield Figure("load_server_process_mb", most_theirs / 2**20)


def _entry(number: int) -> Entry:
    fact = Fact(
        operation_id=f"load_{number}:capture:1",
        charge_id=f"load_{number}",
        gateway="stripe",
        money=Money(amount_minor=1 + number % 10_000, currency="USD"),
        event_at=datetime(2026, 1, 1, tzinfo=UTC) + past_lines.YEAR * (number / LOADED),
        actor="benchmark",
        customer=f"cus_{number % past_lines.WALLETS}",
        invoice="in_1",
    )
    return posting.captured(fact)
