"""A renewal that falls into an outage of its gateway: nothing is used up, nothing is tried meanwhile, and it comes back spread."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from activities import outage_watch
from activities.dunning_messages import NextKind
from activities.outage_watch import OutageWatch
from billing import dunning_books, dunning_history
from billing.dunning.decision import WaitingFor
from billing.dunning.lots import lot
from billing.dunning.outages import FAILURES
from billing.invoices import InvoiceState
from ledger.charges import ChargeStatus
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.faults.proxy import FaultProxy
from tests.workflows.billed import Billed, billed
from tests.workflows.conftest import run_processes, settings_for
from workflows import gateway_steps
from workflows.dunning import DunningWorkflow

AFTER = timedelta(minutes=15)
"""The default policy's next try where nobody was reached."""
SPREAD_SECONDS = 120 * 60
OTHERS = FAILURES - 1


@pytest.fixture
async def proxy(stripe_simulator: SimulatorProcess) -> AsyncIterator[FaultProxy]:
    """What stands between us and Stripe."""
    async with FaultProxy(urlsplit(stripe_simulator.url).port or 0) as running:
        yield running


@pytest.fixture
async def story(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Billed]:
    """A customer whose gateway can vanish, and two workers that watch for it."""
    monkeypatch.setattr(gateway_steps, "ASKING_BUDGET", timedelta(seconds=3))
    monkeypatch.setattr(outage_watch, "EVERY_SECONDS", 0.2)
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    settings = settings.model_copy(update={"stripe_api_base": f"http://127.0.0.1:{proxy.port}"})
    async with AsyncExitStack() as stack:
        simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
        processes = await run_processes(stack, settings, simulators)
        for _ in range(2):
            loop = asyncio.create_task(OutageWatch(processes.engine, simulators).run())
            stack.callback(loop.cancel)
        found = await stack.enter_async_context(billed(processes))
        await found.customer()
        yield found


async def until_next(story: Billed, kind: NextKind) -> Any:
    """Wait until the process says that this comes next."""

    async def found() -> Any:
        view = await story.dunning().query(DunningWorkflow.status)
        return view if view is not None and view.next is not None and view.next.kind is kind else None

    return await story.until(found, f"next is {kind}")


async def outages(story: Billed, *, lasting: bool) -> Any:
    """Wait until an outage lasts, or is over."""

    async def found() -> Any:
        rows = await story.rows("SELECT gateway, began_at, ended_at FROM gateway_outages")
        return rows if rows and (rows[-1][2] is None) is lasting else None

    return await story.until(found, f"an outage lasts: {lasting}")


async def test_a_renewal_in_an_outage_is_recovered_after_it(story: Billed, proxy: FaultProxy) -> None:
    """Down, dunned, waited for, up again, tried at its lot, paid: without a rung, without a second payment, and balanced."""
    processes = story.processes
    await story.card_method("good", "approved")
    proxy.black_hole()
    lost = [asyncio.create_task(processes.charge(processes.request("stripe"))) for _ in range(OTHERS)]
    await story.subscribe()
    await story.begin()
    await story.until_dunned()
    for charge in await asyncio.gather(*lost):
        assert (charge.status, charge.decline_code) == (ChargeStatus.DECLINED, "gateway_unreachable")
    ((gateway, _, _),) = await outages(story, lasting=True)
    assert gateway == "stripe"

    await story.skip(story.dunning(), minutes=20)
    waits = await until_next(story, NextKind.WAIT)
    assert waits.next.waiting_for is WaitingFor.OUTAGE
    assert await story.tries() == [("good", "first", "declined")]
    dunning = await story.step(lambda books: dunning_books.known(books, story.first))
    history = await story.step(lambda books: dunning_history.history(books, dunning))
    assert [tried.uses_rung for tried in history.tries] == [False]

    proxy.heal()
    probe = await processes.charge(processes.request("stripe"))
    assert probe.status is ChargeStatus.CAPTURED
    await outages(story, lasting=False)
    await story.skip(story.dunning(), hours=3)
    await story.until_state(InvoiceState.PAID)
    assert await story.tries() == [("good", "first", "declined"), ("good", "rung", "captured")]
    (first,), (second,) = await story.rows("SELECT tried_at FROM invoice_tries ORDER BY number")
    assert _is_at_its_lot(first, second, story.first)
    assert await story.differences() == []
    ours = [effect for effect in processes.effects("stripe", "capture") if effect["amount_minor"] == 4999]
    assert len(ours) == 2  # the probe, and the renewal


def _is_at_its_lot(first: datetime, second: datetime, invoice_id: str) -> bool:
    """Whether it was tried at the moment by lot, or, where that had gone by, when the outage was over."""
    drawn = first + AFTER + timedelta(seconds=lot(invoice_id, "outage", SPREAD_SECONDS))
    over = first + timedelta(minutes=20)
    return drawn <= second < max(drawn, over) + timedelta(minutes=5)
