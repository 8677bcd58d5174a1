"""Events in any order, late, in copies or lost, through the HTTP service, PostgreSQL, Temporal and both gateways: one journal.

Every order of up to six events, and two thousand lives, are played in virtual time by `tests/simulation/test_webhooks.py`;
here a few of them go the real way.
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.exceptions import WorkflowAlreadyStartedError

from ledger.charges import ChargeStatus
from tests.conftest import Database
from tests.faults import seeds
from tests.faults.correspondence import GATEWAYS, Announcing, Letters, corresponding
from tests.faults.stories import BOTH
from tests.workflows.conftest import GOOD, Processes
from workflows import telling
from workflows.hints import GatewayReported

pytestmark = pytest.mark.system

LATE_SECONDS = 60
PATIENCE_SECONDS = 240.0
"""Longer than the two minutes between two looks at a customer's action, of which the event was lost."""
TOKENS = {
    "stripe": {
        "authenticated": "pm_card_authenticationRequired",
        "refund_fails_later": "pm_card_refundFail",
        "refund_pending": "pm_card_pendingRefund",
        "paid_twice": GOOD["stripe"],
    },
    "paypal": {
        "authenticated": "wallet_payer_action",
        "reviewed": "wallet_pending_review",
        "refund_fails_later": "wallet_refund_fails",
        "refund_pending": "wallet_refund_pending",
        "paid_twice": GOOD["paypal"],
    },
}
"""The lives of charges, by what happens in them, and the payment methods with which that happens."""
NOT_REFUNDED = {"authenticated", "paid_twice"}
ONCE = {"captured", "fee_charged"}
MUST_HAVE = {
    "authenticated": ONCE,
    "reviewed": ONCE | {"refund_reserved", "refund_succeeded"},
    "refund_pending": ONCE | {"refund_reserved", "refund_succeeded"},
    "refund_fails_later": ONCE | {"refund_reserved", "refund_failed"},
    "paid_twice": ONCE | {"captured_in_excess", "refund_succeeded"},
}
"""Without these a life has not come to its end."""
JOURNAL = """
SELECT e.charge_id, e.reference, e.rule, l.side, l.amount_minor, l.currency, a.code
FROM entries e JOIN lines l USING (entry_id) JOIN accounts a USING (account_id)
"""
Journal = frozenset[tuple[str, ...]]
"""Lines without times, under references without the charge."""
Send = Callable[[], Any]


async def test_some_twenty_charges_whose_events_come_in_other_orders_have_the_same_journal(
    announcing: Announcing, database: Database, temporal_server: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As for one of each life whose events all came once, in order."""
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        async with corresponding(announcing, database, temporal_server.address, tmp_path / "api") as processes:
            await converge(processes, database, chance, charges=3)


@pytest.mark.faults
@pytest.mark.parametrize("seed", seeds.fixed(5))
async def test_charges_by_the_hundred_whose_events_come_in_other_orders_have_the_same_journal(
    announcing: Announcing,
    database: Database,
    temporal_server: Any,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    seed: int,
) -> None:
    """As above, for more of them."""
    with seeds.replayable(seed, request.node.nodeid) as chance:
        async with corresponding(announcing, database, temporal_server.address, tmp_path / "api") as processes:
            await converge(processes, database, chance, charges=12)


async def converge(processes: Processes, database: Database, chance: random.Random, charges: int) -> None:
    """Play each life once with all events in order, then some times without; hold their journals against each other."""
    letters = Letters(processes.simulators)
    name = f"{os.getpid()}_{processes.settings.task_queue[-12:]}"
    told = await play(processes, letters.send_in_order, f"told_{name}", 1)
    await read_once_more(processes, told)
    found = await settled(database, told)
    expected = {life: found[charge_id] for charge_id, life in told.items()}
    drawn = await play(processes, lambda: letters.send_by_chance(chance), f"drawn_{name}", charges)
    await letters.send_by_chance(chance, last=True)
    await read_once_more(processes, drawn)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(journals(database)[charge_id] != expected[life] for charge_id, life in drawn.items()):
            await asyncio.sleep(0.5)


async def play(processes: Processes, send: Send, prefix: str, charges: int) -> dict[str, str]:
    """Bring charges of every life through it, all at the same time; `send` is called whenever something has happened."""
    lives = {
        f"{prefix}_{gateway}_{life}_{number}": (gateway, life)
        for gateway in GATEWAYS
        for life in TOKENS[gateway]
        for number in range(charges)
    }
    await asyncio.gather(*(begin(processes, charge_id, *life) for charge_id, life in lives.items()))
    await send()
    waiting = [charge_id for charge_id, (_, life) in lives.items() if life == "authenticated"]
    for charge_id in waiting:
        await authenticate(processes, charge_id)
    await send()
    for simulator in processes.simulators.values():
        simulator.advance_clock(LATE_SECONDS + 1)
    await send()
    refunded = [charge_id for charge_id, (_, life) in lives.items() if life not in NOT_REFUNDED]
    await asyncio.gather(*(refund(processes, charge_id) for charge_id in refunded))
    await send()
    for simulator in processes.simulators.values():
        simulator.advance_clock(2 * 86_400)
    await send()
    return {charge_id: "/".join(life) for charge_id, life in lives.items()}


async def begin(processes: Processes, charge_id: str, gateway: str, life: str) -> None:
    """Ask for a charge, and be told how far it has come."""
    request = processes.request(gateway, TOKENS[gateway][life], charge_id=charge_id)
    if life == "paid_twice":
        processes.simulators[gateway].add_fault(
            method="POST", operation=f"{charge_id}:capture:1", action="late_success", delay_seconds=LATE_SECONDS
        )
        request = request.model_copy(update={"payment_methods": BOTH, "gateway": gateway})
    # On a busy machine the client asks again by itself, and may find that the charge has ended meanwhile.
    with suppress(WorkflowAlreadyStartedError):
        await processes.charge(request)


async def authenticate(processes: Processes, charge_id: str) -> None:
    """Be the customer."""
    (operation,) = await processes.operations(charge_id)
    assert operation.payment_reference
    simulator = processes.simulators[operation.gateway]
    await asyncio.to_thread(simulator.complete_authentication, operation.payment_reference)


async def refund(processes: Processes, charge_id: str) -> None:
    """Give a part back, once it is known to be taken, whether an event tells of that or a poll."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await processes.row(charge_id)).status is not ChargeStatus.CAPTURED:
            await asyncio.sleep(0.2)
    await processes.refund(charge_id, f"re_{charge_id}", 1000)


async def read_once_more(processes: Processes, charge_ids: Mapping[str, str]) -> None:
    """Have every process look at its gateway, which is what finds events that were lost."""
    hint = GatewayReported(gateway="stripe", event_id="final", event_type="final")
    for charge_id in charge_ids:
        for refund_id in {each.refund_id for each in await processes.operations(charge_id)} | {None}:
            await telling.tell(processes.client, processes.settings.task_queue, charge_id, refund_id, hint)


async def settled(database: Database, charge_ids: Mapping[str, str]) -> Mapping[str, Journal]:
    """Return the journals once every charge has come to its end, and nothing has been added for some seconds."""

    def is_over(found: Mapping[str, Journal]) -> bool:
        return all(
            MUST_HAVE[life.partition("/")[2]] <= {line[1] for line in found[charge_id]}
            for charge_id, life in charge_ids.items()
        )

    async with asyncio.timeout(PATIENCE_SECONDS):
        before: Mapping[str, Journal] = {}
        while (now := journals(database)) != before or not is_over(now):
            before = now
            await asyncio.sleep(2)
    return before


def journals(database: Database) -> Mapping[str, Journal]:
    """Read the journal of every charge."""
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    with psycopg.connect(database.superuser_url) as connection:
        for charge_id, reference, *line in connection.execute(JOURNAL):
            found[charge_id].add((reference.replace(charge_id, "the charge"), *map(str, line)))
    return defaultdict(frozenset, {charge_id: frozenset(lines) for charge_id, lines in found.items()})
