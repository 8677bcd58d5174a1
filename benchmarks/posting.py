"""`posting`: how many postings a second, and how long one takes, against hand-written SQL with the same rows and balances.

Many concurrent postings, spread over 2,000 accounts and all on one; one posting at a time. Ours and the hand-written
alternate on one PostgreSQL with fsync on, and a figure is the median of the ratios of neighbouring rounds.
"""

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks import baseline_posting
from benchmarks.baseline_posting import Transfer
from benchmarks.figures import Figure, at_least, at_most
from ledger import journal, migrate
from ledger.accounts import Account, AccountType, Side
from ledger.database import create_engine
from ledger.entries import Entry, credit, debit
from ledger.group_commit import GroupCommit
from ledger.money import Money
from local import postgres
from local.ports import free_port

PAIRS = 1_000
"""Accounts on each side: 2,000 in all."""
BATCH = 100
BATCHES = 40
CALLERS = 400
"""Who post at once; each goes on when its posting is committed."""
SINGLES = 200
CLIENTS = 8
"""Connections of the hand-written postings that have a transaction each."""
ROUNDS = 5
DOLLAR = Money(amount_minor=100, currency="USD")

_numbers = itertools.count(1)


@dataclass
class Ledger:
    """A migrated PostgreSQL with the accounts of the benchmark."""

    engine: AsyncEngine
    hands: list[psycopg.AsyncConnection]
    ids: dict[str, int] = field(default_factory=dict)

    async def ours(self, entries: Sequence[Entry]) -> float:
        """Post side by side through the group commit; postings a second."""
        group, left = GroupCommit(self.engine), iter(entries)

        async def caller() -> None:
            for entry in left:
                await group.post([entry])

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return len(entries) / (time.perf_counter() - began)

    async def by_hand(self, transfers: Sequence[Transfer], size: int) -> float:
        """Write in batches of this size, one after the other; postings a second."""
        batches = _written(transfers, size)
        began = time.perf_counter()
        for batch in batches:
            await baseline_posting.post(self.hands[0], batch)
        return len(transfers) / (time.perf_counter() - began)

    async def by_hand_at_once(self, transfers: Sequence[Transfer]) -> float:
        """Write each in a transaction of its own, over several connections; postings a second."""
        left = iter(_written(transfers, 1))

        async def client(connection: psycopg.AsyncConnection) -> None:
            for each in left:
                await baseline_posting.post(connection, each)

        began = time.perf_counter()
        await asyncio.gather(*(client(connection) for connection in self.hands))
        return len(transfers) / (time.perf_counter() - began)

    async def one_by_one(self, entries: Sequence[Entry]) -> list[float]:
        """Post one at a time; the seconds of each."""
        group, seconds = GroupCommit(self.engine), []
        for entry in entries:
            began = time.perf_counter()
            await group.post([entry])
            seconds.append(time.perf_counter() - began)
        return seconds

    async def one_by_one_by_hand(self, transfers: Sequence[Transfer]) -> list[float]:
        """Write one at a time; the seconds of each."""
        seconds = []
        for prepared in _written(transfers, 1):
            began = time.perf_counter()
            await baseline_posting.post(self.hands[0], prepared)
            seconds.append(time.perf_counter() - began)
        return seconds


async def measure() -> AsyncIterator[Figure]:
    """Measure on a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory() as directory:
        async with _ledger(Path(directory)) as ledger:
            for name, spread in (("spread", True), ("hot", False)):
                rates = [await _rates(ledger, is_spread=spread) for _ in range(ROUNDS)]
                yield Figure(f"{name}_ratio", _median(ours / batched for ours, batched, _ in rates), at_least(0.7))
                singles = at_least(6) if name == "hot" else None
                yield Figure(f"{name}_ratio_to_singles", _median(ours / alone for ours, _, alone in rates), singles)
                for which, kind in enumerate(("ours", "by_hand", "by_hand_one_each")):
                    yield Figure(f"{name}_{kind}_per_second", _median(rate[which] for rate in rates))
            ratios, ours_ms, hand_ms = [], [], []
            for _ in range(ROUNDS):
                ours = await ledger.one_by_one([_entry(*_pair(is_spread=True)) for _ in range(SINGLES)])
                hand = await ledger.one_by_one_by_hand(_transfers(ledger, SINGLES, is_spread=True))
                ratios.append(statistics.median(ours) / statistics.median(hand))
                ours_ms.append(statistics.median(ours) * 1000)
                hand_ms.append(statistics.median(hand) * 1000)
            yield Figure("latency_ratio", statistics.median(ratios), at_most(1.3))
            yield Figure("latency_ours_ms", statistics.median(ours_ms))
            yield Figure("latency_by_hand_ms", statistics.median(hand_ms))


async def _rates(ledger: Ledger, *, is_spread: bool) -> tuple[float, float, float]:
    count = BATCH * BATCHES
    ours = await ledger.ours([_entry(*_pair(is_spread=is_spread)) for _ in range(count)])
    batched = await ledger.by_hand(_transfers(ledger, count, is_spread=is_spread), BATCH)
    alone = await ledger.by_hand_at_once(_transfers(ledger, count // 4, is_spread=is_spread))
    return ours, batched, alone


@asynccontextmanager
async def _ledger(directory: Path) -> AsyncIterator[Ledger]:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres.start(directory / "data", free_port(), log=directory / "log"))
        server.ensure_database("bench")
        await asyncio.to_thread(migrate.upgrade, server.url("bench"))
        engine = create_engine(server.url("bench", user="quittance_app"), 4)
        stack.push_async_callback(engine.dispose)
        async with engine.begin() as connection:
            for start in range(0, PAIRS, BATCH):
                await journal.post(connection, [_entry(number, number) for number in range(start, start + BATCH)])
        hands = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(server.url("bench")))
            for _ in range(CLIENTS)
        ]
        for statement in (*baseline_posting.COPIES, "ANALYZE"):
            await hands[0].execute(statement)
        await hands[0].commit()
        rows = await (await hands[0].execute("SELECT code, account_id FROM accounts")).fetchall()
        await hands[0].commit()
        yield Ledger(engine, hands, dict(rows))


def _pair(*, is_spread: bool) -> tuple[int, int]:
    return (random.randrange(PAIRS), random.randrange(PAIRS)) if is_spread else (0, 0)  # noqa: S311 # no secret


def _debited(number: int) -> Account:
    return Account(code=f"expense:bench_{number}", type=AccountType.EXPENSE, normal_side=Side.DEBIT)


def _credited(number: int) -> Account:
    return Account(code=f"revenue:bench_{number}", type=AccountType.REVENUE, normal_side=Side.CREDIT)


def _entry(debited: int, credited: int) -> Entry:
    return Entry(
        reference=f"bench_{next(_numbers)}",
        rule="transferred",
        description="a transfer",
        event_at=datetime.now(UTC),
        actor="benchmark",
        lines=(debit(_debited(debited), DOLLAR), credit(_credited(credited), DOLLAR)),
    )


def _transfers(ledger: Ledger, count: int, *, is_spread: bool) -> list[Transfer]:
    made = []
    for _ in range(count):
        debited, credited = _pair(is_spread=is_spread)
        ids = ledger.ids[_debited(debited).code], ledger.ids[_credited(credited).code]
        made.append(Transfer(f"hand_{next(_numbers)}", *ids, datetime.now(UTC).isoformat()))
    return made


def _written(transfers: Sequence[Transfer], size: int) -> list[tuple[list[int], dict[str, object]]]:
    return [baseline_posting.written(transfers[start : start + size]) for start in range(0, len(transfers), size)]


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)
