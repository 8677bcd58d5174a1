"""With every webhook lost, what the gateways list is found and booked: over the real adapters and the simulators' own lists."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateways import adapters
from gateways.port import Gateway, OperationKind, OperationRequest
from gateways.webhooks.past_events import EventPage, PastEvents
from gateways.webhooks.reading import read_event
from ledger import inbox
from ledger.database import create_engine
from ledger.inbox import CameBy, EventState, NewEvent
from ledger.money import Money
from ledger.refunds import RefundStatus
from tests.workflows.conftest import Processes
from tests.workflows.event_lists import horizon, kept, let_time_pass
from workflows import reconcile
from workflows.event_catch_up import PAGE, EventCatchUp
from workflows.inbox_handler import InboxHandler

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
REFUND_FAILS = {"stripe": "pm_card_refundFail", "paypal": "wallet_refund_fails"}
LIST = {"stripe": "/v1/events", "paypal": "/v1/notifications/webhooks-events"}
INTERVAL = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
WAIT_SECONDS = 30.0


@pytest.fixture
async def gateways(processes: Processes) -> AsyncIterator[Mapping[str, Gateway]]:
    """The real adapters, over HTTP to the simulators."""
    built = adapters.of_settings(processes.settings)
    yield built
    await adapters.close(built)


@pytest.fixture
def catch_up(processes: Processes, gateways: Mapping[str, Gateway]) -> EventCatchUp:
    """A catch-up, which does nothing until it is asked."""
    return EventCatchUp(processes.engine, gateways.values(), INTERVAL)


def past_events(gateways: Mapping[str, Gateway], gateway: str) -> PastEvents:
    """An adapter as what lists events."""
    adapter = gateways[gateway]
    assert isinstance(adapter, PastEvents)
    return adapter


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.1)


@GATEWAYS
async def test_a_refund_that_fails_after_it_succeeded_is_booked_within_one_catch_up(
    processes: Processes, catch_up: EventCatchUp, gateways: Mapping[str, Gateway], gateway: str
) -> None:
    """The customer has not got the money although the books said so: this is found with every webhook lost."""
    simulator = processes.simulators[gateway]
    simulator.configure(webhooks="drop", refund_delay_seconds=1)
    if gateway == "paypal":
        simulator.configure(failing_refund_starts="COMPLETED")
    charged = await processes.charge(processes.request(gateway, REFUND_FAILS[gateway]))
    view = await processes.refund(charged.charge_id, f"re_{charged.charge_id}")
    assert view.status is RefundStatus.SUCCEEDED

    async def has_failed() -> bool:
        return bool(processes.effects(gateway, "refund_failed"))

    await until(has_failed)
    assert await kept(processes) == []
    assert await catch_up.read_due(past_events(gateways, gateway))
    found = await kept(processes)
    assert {(event.came_by, event.deliveries) for event in found} == {(CameBy.POLLING, 0)}
    assert await InboxHandler(processes.engine, processes.client, processes.settings.task_queue, {}).handle_due()

    async def is_booked() -> bool:
        return (await processes.rules(charged.charge_id))[-1] == "refund_failed"

    await until(is_booked)
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (0, 0)
    assert {event.state for event in await kept(processes)} == {EventState.HANDLED}


@GATEWAYS
async def test_what_somebody_did_at_the_gateway_after_the_end_reaches_the_search_for_later_facts(
    processes: Processes, catch_up: EventCatchUp, gateways: Mapping[str, Gateway], gateway: str
) -> None:
    """A refund that was made in the dashboard is looked into, although no process waits and no webhook came."""
    request = processes.request(gateway)
    await processes.charge(request)
    await processes.handle(request.charge_id).result()
    [operation] = await processes.operations(request.charge_id)
    somebodys = OperationRequest(
        operation_id="elsewhere:refund:1",
        charge_id="elsewhere",
        kind=OperationKind.REFUND,
        gateway=gateway,
        amount=Money.parse("1.00", "USD"),
        customer="cus_1",
        payment_reference=operation.payment_reference,
        target_reference=operation.gateway_reference,
    )
    await gateways[gateway].refund(somebodys)
    await catch_up.read_due(past_events(gateways, gateway))
    await InboxHandler(processes.engine, processes.client, processes.settings.task_queue, {}).handle_due()
    results = {event.result for event in await kept(processes)}
    assert f"told {reconcile.workflow_id(request.charge_id)}" in results


@GATEWAYS
async def test_an_event_that_is_delivered_and_polled_is_one_event(
    processes: Processes, catch_up: EventCatchUp, gateways: Mapping[str, Gateway], gateway: str
) -> None:
    """What came and was handled is not handled again, however often it is listed."""
    await processes.charge(processes.request(gateway))
    source, now = past_events(gateways, gateway), datetime.now(UTC)
    page = await source.list_events(now - MINUTE, now, None, PAGE)
    assert page.bodies
    async with processes.engine.begin() as connection:
        for body in page.bodies:
            event = read_event(gateway, body)
            delivered = NewEvent(
                gateway=gateway,
                event_id=event.event_id,
                event_type=event.event_type,
                transmission_id=event.event_id,
                headers={},
                body=body,
            )
            await inbox.keep(connection, delivered)
    handler = InboxHandler(processes.engine, processes.client, processes.settings.task_queue, {})
    await handler.handle_due()
    before = await kept(processes)
    for _ in range(2):
        assert await catch_up.read_due(source)
        assert await handler.handle_due() == 0
        let_time_pass(processes, INTERVAL)
    assert await kept(processes) == before
    assert {event.came_by for event in before} == {CameBy.DELIVERY}


@GATEWAYS
async def test_a_gateway_that_is_away_is_asked_again_and_nothing_is_missed(
    processes: Processes, catch_up: EventCatchUp, gateways: Mapping[str, Gateway], gateway: str
) -> None:
    """The horizon stays where it was, so the events of the whole outage are there when the gateway is."""
    source = past_events(gateways, gateway)
    await catch_up.read_due(source)
    let_time_pass(processes, INTERVAL)
    before = horizon(processes)
    await processes.charge(processes.request(gateway))
    fault = {"method": "GET", "path": f"{LIST[gateway]}*", "action": "status", "status": 503, "times": 1000}
    processes.simulators[gateway].add_fault(**fault)
    with capture_logs() as logged:
        assert not await catch_up.read_due(source)
    assert [entry["event"] for entry in logged] == ["catch_up.gateway_away"]
    assert horizon(processes) == before
    assert await kept(processes) == []
    assert not await catch_up.read_due(source)
    processes.simulators[gateway].clear_faults()
    let_time_pass(processes, timedelta(0))
    assert await catch_up.read_due(source)
    assert await kept(processes)
    assert horizon(processes) > before


async def test_the_catch_up_outlives_an_outage_of_postgresql(
    processes: Processes, gateways: Mapping[str, Gateway]
) -> None:
    """A worker whose database goes away goes on when it is back; nothing of it ends the worker."""
    away = create_engine("postgresql://quittance_app@127.0.0.1:1/quittance", 1)
    running = asyncio.create_task(EventCatchUp(away, gateways.values(), timedelta(seconds=1)).run())
    await asyncio.sleep(0.5)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await away.dispose()


async def test_a_defect_at_one_gateway_does_not_keep_the_other_from_being_read(
    processes: Processes, gateways: Mapping[str, Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gateway's list is followed by itself, and goes on being followed after whatever happened."""
    await processes.charge(processes.request("paypal"))

    async def fail(*_: Any) -> EventPage:
        raise ZeroDivisionError("what nobody thought of")

    monkeypatch.setattr(gateways["stripe"], "list_events", fail)
    running = asyncio.create_task(EventCatchUp(processes.engine, gateways.values(), timedelta(seconds=1)).run())

    async def has_events() -> bool:
        return {event.gateway for event in await kept(processes)} == {"paypal"}

    await until(has_events)
    assert not running.done()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
