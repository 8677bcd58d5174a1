"""`card-guard`: decisions a second about one hot card, against a hand-written transaction that locks, counts and inserts.

Each decision is a transaction of its own, over 8 connections, on one PostgreSQL with fsync on; the card is asked for twice, and
ten times, as often as its ceiling allows. What is granted follows each other, each for the time of one commit: `commit_ms`
says how long that takes here. Ours and the hand-written alternate in short rounds, and a figure is a median.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure, at_least, at_most
from billing import card_ceilings, cards
from billing.cards import Asked
from ledger import migrate
from ledger.database import create_engine
from ledger.money import Money
from local import postgres
from local.ports import free_port

DECISIONS = 300
CONNECTIONS = 8
ROUNDS = 21
COMMITS = 30
MOST, WINDOW = 20, timedelta(days=30)
OVERASKED = {"twice": 2, "tenfold": 10}
"""How many times as often the card is asked for as its ceiling allows."""
CARD = f"card_{1:032x}"
AMOUNT = Money(amount_minor=4999, currency="USD")
BY_HAND = (
    "CREATE TABLE hand_cards (LIKE cards INCLUDING ALL)",
    "CREATE TABLE hand_tries (LIKE card_tries INCLUDING ALL)",
)
HOT = "INSERT INTO hand_cards (card) VALUES (%s)"
LOCK = "SELECT never_at FROM hand_cards WHERE card = %s FOR UPDATE"
COUNT = "SELECT count(*) FROM hand_tries WHERE card = %s AND tried_at > %s AND at_network AND NOT is_approved"
INSERT = (
    "INSERT INTO hand_tries (operation_id, charge_id, card, network, amount_minor, currency, tried_at)"
    " VALUES (%s, %s, %s, 'visa', 4999, 'USD', %s)"
)
Decide = Callable[[datetime, psycopg.AsyncConnection], Awaitable[bool]]
EXCESS = (
    "SELECT max(made) FROM (SELECT count(*) OVER (ORDER BY tried_at RANGE BETWEEN '29 days 23:59:59' PRECEDING AND"
    " CURRENT ROW) AS made FROM card_tries WHERE card = %s) counted"
)


@dataclass
class Guards:
    """A migrated PostgreSQL, our engine on it, and connections for the hand-written guard."""

    engine: AsyncEngine
    hands: list[psycopg.AsyncConnection]
    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    async def ours(self, at: datetime, _: psycopg.AsyncConnection) -> bool:
        """Decide as charges and dunning do."""
        asked = Asked(f"{at.timestamp()}:capture:1", f"{at.timestamp()}", AMOUNT, at)
        async with self.engine.begin() as connection:
            claim = await cards.claim(connection, asked, card=CARD, network="visa", country=None, ours=False)
        return claim.granted

    async def by_hand(self, at: datetime, connection: psycopg.AsyncConnection) -> bool:
        """Lock the card, count, and insert where there is room: Visa's ceiling and no other."""
        async with connection.transaction():
            await connection.execute(LOCK, [CARD])
            [made] = await (await connection.execute(COUNT, [CARD, at - WINDOW])).fetchone() or [0]
            if made < MOST:
                await connection.execute(INSERT, [f"{at.timestamp()}:capture:1", f"{at.timestamp()}", CARD, at])
        return bool(made < MOST)

    async def commit_ms(self) -> float:
        """How long one small commit takes on this disk, with nobody beside it."""
        took = []
        for _ in range(COMMITS):
            began = time.perf_counter()
            await self.hands[0].execute("UPDATE hand_cards SET never_because = never_because")
            took.append(1000 * (time.perf_counter() - began))
        return statistics.median(took)

    async def rate(self, decide: Decide, apart: timedelta) -> tuple[float, float]:
        """Decisions a second over all connections, and the share that was granted; each is so much later than the last."""
        left = iter([self.clock + number * apart for number in range(1, DECISIONS + 1)])
        self.clock += DECISIONS * apart
        granted = 0

        async def client(connection: psycopg.AsyncConnection) -> None:
            nonlocal granted
            for at in left:
                is_granted = await decide(at, connection)
                granted += is_granted

        began = time.perf_counter()
        await asyncio.gather(*(client(connection) for connection in self.hands))
        return DECISIONS / (time.perf_counter() - began), granted / DECISIONS


async def measure() -> AsyncIterator[Figure]:
    """Measure on a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory() as directory:
        async with _guards(Path(directory)) as guards:
            commits: list[float] = []
            for name, times in OVERASKED.items():
                rounds = []
                for _ in range(ROUNDS):
                    ours = await guards.rate(guards.ours, WINDOW / MOST / times)
                    rounds.append((ours, await guards.rate(guards.by_hand, WINDOW / MOST / times)))
                    commits.append(await guards.commit_ms())
                bound = at_least(500) if name == "tenfold" else None
                yield Figure(f"{name}_per_second", statistics.median(ours for (ours, _), _ in rounds), bound)
                yield Figure(f"{name}_by_hand_per_second", statistics.median(hand for _, (hand, _) in rounds))
                yield Figure(f"{name}_ratio", statistics.median(ours / hand for (ours, _), (hand, _) in rounds))
                yield Figure(f"{name}_granted_share", statistics.median(share for (_, share), _ in rounds))
            yield Figure("commit_ms", statistics.median(commits))
            [most] = await (await guards.hands[0].execute(EXCESS, [CARD])).fetchone() or [0]
            yield Figure("most_within_30_days", most, at_most(MOST))


@asynccontextmanager
async def _guards(directory: Path) -> AsyncIterator[Guards]:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres.start(directory / "data", free_port(), log=directory / "log"))
        server.ensure_database("bench")
        await asyncio.to_thread(migrate.upgrade, server.url("bench"))
        await asyncio.to_thread(card_ceilings.bring_up_to_date, server.url("bench"))
        engine = create_engine(server.url("bench", user="quittance_app"), CONNECTIONS)
        stack.push_async_callback(engine.dispose)
        hands = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(server.url("bench"), autocommit=True))
            for _ in range(CONNECTIONS)
        ]
        for statement in BY_HAND:
            await hands[0].execute(statement)
        await hands[0].execute(HOT, [CARD])
        yield Guards(engine, hands)
