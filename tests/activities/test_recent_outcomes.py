"""The counts that routing reads are kept fresh beside the charges, and never in their way."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities import recent_outcomes
from activities.recent_outcomes import RecentOutcomes, counted
from gateways.routing import policy_file
from gateways.routing.policy import Policies, of_order
from gateways.routing.windows import EMPTY, OutcomeClass, Tally
from ledger import outcomes
from ledger.database import create_engine
from ledger.outcomes import AttemptOutcome
from tests.conftest import Database
from tests.ledger.test_outcomes import attempt

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
READING = """editions:
  - version: v1
    effective_from: 2026-01-01
    fallback_order: [stripe, paypal]
    outages: {}
"""


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The application's engine, on a database of the test's own."""
    engine = create_engine(database.app_url, 5)
    yield engine
    await engine.dispose()


def reading() -> Policies:
    return policy_file.parse(READING, "policy.yaml", ("stripe", "paypal"))


async def settled(recent: RecentOutcomes) -> None:
    """Wait for the reading that is due."""
    recent.refresh()
    if recent._reading is not None:
        await recent._reading


async def decide(engine: AsyncEngine, charge_id: str, outcome: str, gateway: str = "stripe") -> None:
    async with engine.begin() as connection:
        await attempt(connection, charge_id, outcome, gateway)


async def test_outcomes_are_counted_once_they_are_read(engine: AsyncEngine) -> None:
    """A worker learns of the outcomes of all workers within seconds."""
    recent = RecentOutcomes(engine, reading(), refresh_seconds=0)
    await decide(engine, "ch_1", "succeeded")
    assert recent.windows is EMPTY
    await settled(recent)
    assert recent.windows.tally("stripe") == Tally(approved=1)
    await decide(engine, "ch_2", "declined")
    await decide(engine, "ch_3", "unknown", "paypal")
    await settled(recent)
    windows = recent.windows
    assert windows.tally("stripe") == Tally(approved=1, declined=1)
    assert (windows.tally("paypal"), windows.run("paypal").outages) == (Tally(technical=1), 1)


async def test_an_outcome_that_is_committed_late_is_not_missed(engine: AsyncEngine) -> None:
    """Its moment lies before what was read last: what may still come is read again."""
    recent = RecentOutcomes(engine, reading(), refresh_seconds=0)
    late: AsyncConnection = await engine.connect().start()
    await attempt(late, "ch_late", "declined")
    await decide(engine, "ch_1", "succeeded")
    await settled(recent)
    assert recent.windows.tally("stripe") == Tally(approved=1)
    await late.commit()
    await late.close()
    await settled(recent)
    assert recent.windows.tally("stripe") == Tally(approved=1, declined=1)


async def test_a_database_that_cannot_be_reached_stops_no_charge() -> None:
    """Charges go by what was read last, and somebody is told."""
    engine = create_engine(NOWHERE, 1)
    recent = RecentOutcomes(engine, reading(), refresh_seconds=0)
    with structlog.testing.capture_logs() as logs:
        begin = time.monotonic()
        recent.refresh()
        assert time.monotonic() - begin < 0.5
        await settled(recent)
    assert {log["event"] for log in logs} == {"routing.outcomes_not_read"}
    await engine.dispose()


async def test_a_database_that_hangs_stops_no_charge(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading ends after a while, and the next one begins; there is never more than one."""
    began = 0

    async def hang(*_: Any) -> list[AttemptOutcome]:
        nonlocal began
        began += 1
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(outcomes, "since", hang)
    monkeypatch.setattr(recent_outcomes, "READ_SECONDS", 0.2)
    recent = RecentOutcomes(engine, reading(), refresh_seconds=0)
    for _ in range(20):
        recent.refresh()
        await asyncio.sleep(0)
    assert began <= 1
    with structlog.testing.capture_logs() as logs:
        await settled(recent)
    assert [log["event"] for log in logs] == ["routing.outcomes_not_read"]


async def test_readings_are_seconds_apart(engine: AsyncEngine) -> None:
    """A thousand charges a second read the outcomes no more often than one."""
    recent = RecentOutcomes(engine, reading(), refresh_seconds=30)
    await settled(recent)
    first = recent._reading
    for _ in range(100):
        recent.refresh()
    assert recent._reading is first


async def test_a_policy_that_reads_no_outcomes_costs_no_reading() -> None:
    """Whoever uses an order only pays for nothing else: no query, no connection."""
    engine = create_engine(NOWHERE, 1)
    recent = RecentOutcomes(engine, of_order(("stripe",)), refresh_seconds=0)
    recent.refresh()
    assert recent.windows is EMPTY
    assert recent._reading is None
    await engine.dispose()


def test_what_tells_nothing_of_a_gateway_is_not_counted() -> None:
    """A request that was refused for its amount is nobody's outage."""
    row = AttemptOutcome("op", "stripe", "USD", "visa", "DE", "refused", "amount_not_taken", datetime.now(UTC))
    assert counted(row) is None
    outage = counted(row._replace(code="no_effect"))
    assert outage is not None
    assert (outage.outcome_class, outage.brand, outage.card_country) == (OutcomeClass.TECHNICAL, "visa", "DE")
