"""Gateways of which every second answer is lost, wrong or late: nothing is done twice, and hardly anybody has to look."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.service import RPCError

from ledger.charges import ChargeRequest
from tests.conftest import Database
from tests.faults import evidence, fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.evidence import Row
from tests.faults.final_read import final_read, resolve
from tests.faults.invariants import violations
from tests.faults.keys import new_keys
from tests.faults.patience import PatientProcesses
from tests.faults.stories import BOTH
from tests.workflows.conftest import Processes
from workflows.hints import GatewayReported

pytestmark = [pytest.mark.system, pytest.mark.faults]

CALLS = 5000
AT_ONCE = 100
MOST_IN_REVIEW = 0.001
LOST_SHARE = 0.30
FAULTS = (
    {"when": "after", "action": "drop", "share": LOST_SHARE},
    {"when": "before", "action": "status", "status": 500, "stored": True, "share": 0.05},
    {"when": "after", "action": "status", "status": 500, "stored": True, "share": 0.05},
    {"when": "before", "action": "conflict", "share": 0.05},
    {"when": "before", "action": "rate_limit", "retry_after": 1, "share": 0.10},
    {"when": "after", "action": "truncate", "share": 0.05},
)
STORM_SECONDS = 120
"""How long the gateways go on failing for the charges that are under way when enough calls were made."""
HINT_SECONDS = 5
UNKNOWN = "SELECT charge_id, refund_id, gateway FROM operations WHERE outcome = 'unknown'"


async def test_5000_calls_of_which_60_percent_fail_do_nothing_twice(
    callers: Processes, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No double effect, no new key while an outcome is unknown, and at most one charge in a thousand for a person."""
    seed, calls, begun_at = seeds.fresh(), seeds.scaled(CALLS), time.monotonic()
    with seeds.replayable(seed, request.node.nodeid) as chance:
        for simulator in callers.simulators.values():
            for fault in FAULTS:
                simulator.add_fault(**fault, seed=seed % 10_000, times=None)
        patient = TwoWays(callers.settings, callers.client, callers.engine, callers.simulators)
        stories = ("automatic", "captured_and_refunded", "voided")
        crowd = Crowd(patient, chance, AT_ONCE, stories=stories, name=f"lossy_{seed}")
        async with fleet.running(callers.settings, 2, tmp_path / "log"):
            playing = asyncio.create_task(crowd.play(calls))
            hinting = asyncio.create_task(_hint(callers, database.superuser_url))
            while not playing.done() and sum(map(len, (await _requests(callers)).values())) < calls:
                await asyncio.sleep(1)
            crowd.enough = True
            await asyncio.wait({playing}, timeout=STORM_SECONDS)
            answered_in_storm = playing.done()
            in_storm = statuses(await _requests(callers))
            for simulator in callers.simulators.values():
                simulator.clear_faults()
            hinting.cancel()
            while not playing.done():
                await resolve(callers, database.superuser_url)
                await asyncio.sleep(1)
            await playing
        requests = await _requests(callers)
        found = await final_read(callers, database.superuser_url, tuple(crowd.answers), tmp_path / "final")
        unknown = sum(operation["times_unknown"] > 0 for operation in found.operations.values())
        next_attempts = sum(operation["attempt"] > 1 for operation in found.operations.values())
        print(  # noqa: T201 # shown with a failure, and by pytest -s
            f"{in_storm.total()} calls in the storm {dict(in_storm)}, {len(found.charges)} charges {dict(crowd.outcomes())}; "
            f"{unknown} operations were unknown, {next_attempts} of a next attempt, {len(found.reviews)} charges in review; "
            f"all answered in the storm: {answered_in_storm}; {time.monotonic() - begun_at:.0f} s"
        )
        assert in_storm.total() >= calls
        assert in_storm[None] > 0.9 * LOST_SHARE * in_storm.total()
        assert [*violations(found), *new_keys(found, requests)] == []
        assert len(found.reviews) <= MOST_IN_REVIEW * len(found.charges)


class TwoWays(PatientProcesses):
    """Callers whose customers can pay at either gateway, so that an unknown outcome at one tempts to ask the other."""

    def request(self, gateway: str, token: str | None = None, **changes: Any) -> ChargeRequest:
        """Ask for an amount at one gateway first."""
        asked = super().request(gateway, token, payment_methods=BOTH, **changes)
        return asked.model_copy(update={"gateway": gateway})


def statuses(requests: Mapping[str, Sequence[Row]]) -> Counter[int | None]:
    """Count what the gateways answered, by HTTP status; None where they hung up."""
    return Counter(request["status"] for sent in requests.values() for request in sent)


async def _hint(callers: Processes, database_url: str) -> None:
    """Bring the gateways' webhooks, as far as they matter here: whoever does not know an outcome reads at once, not in minutes."""
    while True:
        with psycopg.connect(database_url) as connection:
            unknown = connection.execute(UNKNOWN).fetchall()
        for charge_id, refund_id, gateway in unknown:
            process = f"refund/{refund_id}" if refund_id else f"charge/{charge_id}"
            hint = GatewayReported(gateway=gateway, event_id=f"evt_{charge_id}", event_type="storm")
            with suppress(RPCError):  # it has just ended
                await callers.client.get_workflow_handle(process).signal("gateway_reported", hint)
        await asyncio.sleep(HINT_SECONDS)


async def _requests(callers: Processes) -> dict[str, list[dict[str, object]]]:
    simulators = callers.simulators.items()
    return {name: await asyncio.to_thread(evidence.requests, simulator.url) for name, simulator in simulators}
