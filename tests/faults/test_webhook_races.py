"""Webhook and answer: the event about an operation comes before, with, after or instead of the answer to its request."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ledger.charges import ChargeStatus
from ledger.refunds import RefundStatus
from tests.conftest import Database
from tests.faults.correspondence import Announcing, Letters, corresponding
from tests.workflows.conftest import Processes
from workflows import event_verdicts

pytestmark = pytest.mark.system

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
LATER_SECONDS = 1.5
"""So much later than the event comes an answer, in time for the one who waits."""
PATIENCE_SECONDS = 30
MAIN = {"capture": "captured", "refund": "refund_succeeded"}
"""The entry that each kind of operation must have once."""


@pytest.fixture
async def parts(
    announcing: Announcing, database: Database, temporal_server: Any, tmp_path: Path
) -> AsyncIterator[Processes]:
    """Charges that go on at gateways with webhooks."""
    async with corresponding(announcing, database, temporal_server.address, tmp_path / "api") as processes:
        yield processes


@GATEWAYS
@pytest.mark.parametrize("kind", ["capture", "refund"])
@pytest.mark.parametrize("is_told", [False, True], ids=["put_off", "told"])
@pytest.mark.parametrize("answer", ["late", "lost"])
async def test_an_event_that_is_handled_before_the_answer_comes(
    parts: Processes,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    gateway: str,
    kind: str,
    is_told: bool,  # noqa: FBT001 # a parameter of the test
    answer: str,
) -> None:
    """One entry and one outcome, whether the event waits for the answer or its process is told at once."""
    if is_told:
        monkeypatch.setattr(event_verdicts, "ASKING_TAKES", timedelta(0))
    simulator = parts.simulators[gateway]
    request = parts.request(gateway)
    if kind == "refund":
        await parts.charge(request)
    actions: dict[str, dict[str, Any]] = {
        "late": {"action": "delay", "delay_seconds": LATER_SECONDS},
        "lost": {"action": "drop"},
    }
    simulator.configure(webhooks="before_response")
    simulator.add_fault(
        method="POST", operation=f"{request.charge_id}:{kind}:1", when="after", times=1, **actions[answer]
    )
    asking = asyncio.create_task(_ask(parts, request.charge_id, kind) if kind == "refund" else parts.charge(request))
    await _was_said(database, f"{request.charge_id}:{kind}:1", "told " if is_told else "its process is asking")
    assert not asking.done()
    await asking
    await _all_handled(database)
    await _done_once(parts, gateway, request.charge_id, kind)


@GATEWAYS
@pytest.mark.parametrize("kind", ["capture", "refund"])
async def test_an_event_that_comes_after_the_answer(
    parts: Processes, database: Database, gateway: str, kind: str
) -> None:
    """Ten copies at once of each event wake nobody, cost the gateway no request, and add nothing to the books."""
    request = parts.request(gateway)
    await parts.charge(request)
    if kind == "refund":
        await _ask(parts, request.charge_id, kind)
    before = _requests(parts, gateway)
    for name, event_id in Letters(parts.simulators).waiting():
        statuses = await asyncio.to_thread(parts.simulators[name].deliver_webhook, event_id, 10, at_once=True)
        assert statuses == [200] * 10
    await _all_handled(database)
    assert {row["result"] for row in _rows(database) if row["operation_id"]} == {"the books say so already"}
    assert _requests(parts, gateway) == before
    await _done_once(parts, gateway, request.charge_id, kind)


async def _ask(parts: Processes, charge_id: str, kind: str) -> None:
    refund = await parts.refund(charge_id, f"re_{charge_id}", 1000)
    assert (kind, refund.status) == ("refund", RefundStatus.SUCCEEDED)


def _requests(parts: Processes, gateway: str) -> int:
    """Count what a gateway was asked, but for the certificates with which it signs."""
    requests = parts.simulators[gateway].truth()["requests"]
    return sum("/certs/" not in request["path"] for request in requests)


async def _was_said(database: Database, operation_id: str, words: str) -> None:
    """Wait until this was made of an event about an operation; that it was only created is known before."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(
            row["operation_id"] == operation_id and row["result"].startswith(words) for row in _rows(database)
        ):
            await asyncio.sleep(0.02)


async def _all_handled(database: Database) -> None:
    """Wait until no event is to be handled any more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(row["state"] == "received" for row in _rows(database)):
            await asyncio.sleep(0.1)
    assert {row["state"] for row in _rows(database)} <= {"handled", "ignored"}


def _rows(database: Database) -> list[dict[str, Any]]:
    with psycopg.connect(database.superuser_url, row_factory=dict_row) as connection:
        return connection.execute("SELECT * FROM webhook_events ORDER BY sequence").fetchall()


async def _done_once(parts: Processes, gateway: str, charge_id: str, kind: str) -> None:
    operations = {each.operation_id: each.outcome for each in await parts.operations(charge_id)}
    assert operations[f"{charge_id}:{kind}:1"] == "succeeded"
    assert len(operations) == (1 if kind == "capture" else 2)
    rules = await parts.rules(charge_id)
    assert rules.count(MAIN[kind]) == rules.count("captured") == 1
    assert len(parts.effects(gateway, kind)) == 1
    assert (await parts.row(charge_id)).status is ChargeStatus.CAPTURED
    assert (await parts.row(charge_id)).refund_reserved_minor == 0
