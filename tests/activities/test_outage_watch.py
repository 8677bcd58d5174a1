"""Outages of gateways are noticed from what attempts came to, written down once, and over in time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta

import psycopg
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from activities import outage_watch
from activities.outage_watch import OutageWatch
from billing import gateway_outages
from billing.dunning.outages import FAILURES, UNASKED, WITHIN
from billing.gateway_outages import GatewayOutage
from ledger import outcomes
from ledger.database import create_engine
from local.postgres import Postgres
from tests.conftest import Database
from tests.faults.proxy import FaultProxy
from tests.ledger.test_outcomes import LONG_AGO, attempt

BOTH = ("paypal", "stripe")


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The application's engine, on a database of the test's own."""
    engine = create_engine(database.app_url, 10)
    yield engine
    await engine.dispose()


class Attempts:
    """Attempts at gateways, each of a charge of its own, and what is known of outages then."""

    def __init__(self, engine: AsyncEngine, superuser: psycopg.Connection) -> None:
        self.engine = engine
        self._superuser = superuser
        self._made = 0

    async def make(self, outcome: str, times: int = 1, *, gateway: str = "stripe", code: str | None = None) -> None:
        """Let attempts end so, one after the other."""
        for _ in range(times):
            self._made += 1
            async with self.engine.begin() as connection:
                operation_id = await attempt(connection, f"ch_{self._made}", None, gateway)
                sql = "UPDATE operations SET outcome = :outcome, decline_code = :code, decided_at = clock_timestamp()"
                values = {"outcome": outcome, "code": code, "id": operation_id}
                await connection.execute(text(f"{sql} WHERE operation_id = :id"), values)

    async def fail(self, times: int = FAILURES, gateway: str = "stripe") -> None:
        """Let attempts find nobody there."""
        await self.make("refused", times, gateway=gateway, code="gateway_unreachable")

    def age(self, by: timedelta) -> None:
        """Let time go by: whatever there is lies so much further back."""
        self._superuser.execute("UPDATE operations SET decided_at = decided_at - %s", (by,))
        self._superuser.execute("ALTER TABLE gateway_outages DISABLE TRIGGER outage_follows")
        self._superuser.execute(
            "UPDATE gateway_outages SET began_at = began_at - %(by)s, last_failed_at = last_failed_at - %(by)s",
            {"by": by},
        )
        self._superuser.execute("ALTER TABLE gateway_outages ENABLE ALWAYS TRIGGER outage_follows")

    async def known(self) -> Sequence[GatewayOutage]:
        """All outages, the oldest first."""
        async with self.engine.connect() as connection:
            return (await gateway_outages.newest(connection, 100))[::-1]

    async def down(self) -> list[str]:
        """The gateways that are down."""
        return [outage.gateway for outage in await self.known() if outage.ended_at is None]


@pytest.fixture
def attempts(engine: AsyncEngine, database: Database) -> Iterator[Attempts]:
    """Attempts over the test's own database."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        yield Attempts(engine, superuser)


async def test_a_gateway_that_nobody_reaches_is_down_until_it_answers(attempts: Attempts) -> None:
    """The other gateway is not, and each is told to whoever watches the metrics."""
    told: list[tuple[str, bool]] = []
    watch = OutageWatch(attempts.engine, BOTH, lambda gateway, is_down: told.append((gateway, is_down)))
    await attempts.make("succeeded", 2, gateway="paypal")
    await attempts.fail(FAILURES - 1)
    await watch.look()
    assert await attempts.known() == []
    await attempts.make("unknown")
    await watch.look()
    (outage,) = await attempts.known()
    assert (outage.gateway, outage.ended_at, outage.why) == ("stripe", None, "5 attempts in a row had no answer")
    assert outage.began_at < outage.last_failed_at < outage.noticed_at
    assert told[-2:] == [("paypal", False), ("stripe", True)]
    await attempts.make("declined", code="insufficient_funds")
    await watch.look()
    (ended,) = await attempts.known()
    assert ended.ended_at is not None
    assert ended.ended_because == "it answers again"
    assert told[-2:] == [("paypal", False), ("stripe", False)]


@pytest.mark.parametrize(
    ("outcome", "code", "answered"),
    [
        ("succeeded", None, [True]),
        ("declined", "do_not_honor", [True]),
        ("action_required", None, [True]),
        ("pending", None, [True]),
        ("unknown", None, [False]),
        ("refused", "gateway_unreachable", [False]),
        ("refused", "no_effect", [False]),
        ("refused", "canceled", []),
        ("declined", "not_authenticated", []),
    ],
)
async def test_what_tells_of_a_gateway(
    attempts: Attempts, outcome: str, code: str | None, answered: list[bool]
) -> None:
    """A no is an answer; what we decided ourselves, or the customer by leaving, says nothing of the gateway."""
    await attempts.make(outcome, code=code)
    async with attempts.engine.connect() as connection:
        decided = await outcomes.newest(connection, "stripe", LONG_AGO, 10)
    told = [outage_watch.told_by(each) for each in decided]
    assert [each.was_answered for each in told if each is not None] == answered


async def test_an_outage_is_over_when_nobody_asks_any_more_and_begins_again_if_it_lasts(attempts: Attempts) -> None:
    """Half open: where only dunning used the gateway, nothing would ever ask it, and every try would wait for ever."""
    watch = OutageWatch(attempts.engine, BOTH)
    await attempts.fail()
    await watch.look()
    attempts.age(UNASKED - timedelta(minutes=1))
    await watch.look()
    assert await attempts.down() == ["stripe"]
    await attempts.fail(1)  # a charge asked meanwhile: from then on, again
    await watch.look()
    attempts.age(timedelta(minutes=2))
    await watch.look()
    assert await attempts.down() == ["stripe"]
    attempts.age(UNASKED)
    await watch.look()
    assert await attempts.down() == []
    await attempts.fail(FAILURES - 1)
    await watch.look()
    assert await attempts.down() == []
    await attempts.fail(1)
    await watch.look()
    assert await attempts.down() == ["stripe"]
    first, second = await attempts.known()
    assert first.ended_because == "nobody has asked it for 30 minutes"
    assert second.began_at > first.last_failed_at


async def test_an_outage_of_a_gateway_that_is_gone_from_the_settings_ends_too(attempts: Attempts) -> None:
    """Nobody waits for ever for what was taken out of use."""
    await attempts.fail(gateway="paypal")
    await OutageWatch(attempts.engine, BOTH).look()
    attempts.age(UNASKED)
    await OutageWatch(attempts.engine, ("stripe",)).look()
    assert await attempts.down() == []


async def test_failures_of_long_ago_begin_nothing(attempts: Attempts) -> None:
    """A worker that starts in the morning does not find the outage of the night."""
    await attempts.fail()
    attempts.age(WITHIN)
    await OutageWatch(attempts.engine, BOTH).look()
    assert await attempts.known() == []


async def test_many_workers_write_each_outage_down_once(attempts: Attempts) -> None:
    """However many look at the same moment, an outage is one row, begun once and ended once."""
    watches = [OutageWatch(attempts.engine, BOTH) for _ in range(8)]
    for _ in range(3):
        await attempts.fail()
        for _ in range(5):
            await asyncio.gather(*(watch.look() for watch in watches))
        assert await attempts.down() == ["stripe"]
        await attempts.make("succeeded")
        for _ in range(5):
            await asyncio.gather(*(watch.look() for watch in watches))
        assert await attempts.down() == []
    assert len(await attempts.known()) == 3


async def test_a_worker_that_stood_still_writes_nothing_by_what_it_read_before(attempts: Attempts) -> None:
    """One looks at a time: nobody begins an outage by failures after which another one has seen an answer."""
    await attempts.fail()
    async with attempts.engine.begin() as stands_still:
        assert await gateway_outages.take_turn(stands_still) is not None
        told: list[tuple[str, bool]] = []
        await OutageWatch(attempts.engine, BOTH, lambda *said: told.append(said)).look()
        assert told == [("paypal", False), ("stripe", False)]
        assert await attempts.known() == []
    await OutageWatch(attempts.engine, BOTH).look()
    assert await attempts.down() == ["stripe"]


async def test_a_gateway_that_is_down_shows_among_the_metrics(attempts: Attempts) -> None:
    """Whoever is called by an alarm knows which gateway, and the alarm ends with the outage."""
    buffer: MetricBuffer = MetricBuffer(1000)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=buffer))
    watch = outage_watch.metered(attempts.engine, BOTH, runtime.metric_meter)

    def shown() -> dict[str, int]:
        updates = buffer.retrieve_updates()
        ours = [update for update in updates if update.metric.name == "quittance_gateway_down"]
        return {str(update.attributes["gateway"]): int(update.value) for update in ours}

    await attempts.fail()
    await watch.look()
    assert shown() == {"paypal": 0, "stripe": 1}
    await attempts.make("succeeded")
    await watch.look()
    assert shown() == {"paypal": 0, "stripe": 0}


async def test_the_newest_attempts_of_a_gateway_are_read_by_an_index(attempts: Attempts) -> None:
    """However busy the other gateway is, and however large the table: a look costs a few rows."""
    async with attempts.engine.connect() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        query = outcomes._NEWEST.compile(dialect=connection.dialect)
        values = {**query.params, "gateway": "stripe", "most": 10, "since": LONG_AGO}
        plan = await connection.exec_driver_sql(f"EXPLAIN {query}", values)
        lines = "\n".join(row[0] for row in plan)
    assert "operations_first_of_gateway" in lines
    assert "Sort" not in lines


async def test_a_database_that_is_away_does_not_end_the_watch(
    attempts: Attempts, database: Database, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told of in the log, and what happened meanwhile is noticed when PostgreSQL is there again."""
    monkeypatch.setattr(outage_watch, "DATABASE_AWAY_SECONDS", 0.1)
    monkeypatch.setattr(outage_watch, "EVERY_SECONDS", 0.1)
    async with FaultProxy(postgres_server.port) as proxy:
        engine = create_engine(database.app_url.replace(f":{postgres_server.port}/", f":{proxy.port}/"), 1)
        with structlog.testing.capture_logs() as logs:
            loop = asyncio.create_task(OutageWatch(engine, BOTH).run())
            await proxy.down()
            await attempts.fail()
            await until(lambda: len(logs) > 1)
            assert {log["event"] for log in logs} == {"outages.database_away"}
            await proxy.up()
            await until(lambda: logs[-1]["event"] == "outages.began")
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await engine.dispose()
    assert await attempts.down() == ["stripe"]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.05)
