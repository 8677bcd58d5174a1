"""Events that were never delivered are read from the gateways' lists, within the stated bound, whoever is away meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

import worker
from gateways.errors import GatewayUnreachable, Misconfigured, RateLimited
from gateways.port import Gateway, OperationKind, OperationRequest
from gateways.webhooks.past_events import KEPT_FOR, EventPage, PastEvents
from gateways.webhooks.reading import read_event
from ledger import inbox
from ledger.database import create_engine
from ledger.inbox import CameBy, EventState, InboxEvent, NewEvent
from ledger.money import Money
from ledger.refunds import RefundStatus
from tests.gateways.webhooks.sender import stripe_body
from tests.workflows.conftest import Processes
from workflows import event_catch_up, reconcile
from workflows.event_catch_up import LONGEST_WINDOW, OVERLAP, PAGE, EventCatchUp, Window, next_window
from workflows.inbox_handler import InboxHandler

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
REFUND_FAILS = {"stripe": "pm_card_refundFail", "paypal": "wallet_refund_fails"}
LIST = {"stripe": "/v1/events", "paypal": "/v1/notifications/webhooks-events"}
INTERVAL = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
WAIT_SECONDS = 30.0


class ListOfEvents:
    """A gateway that lists what it is told, newest first, and remembers what it was asked."""

    name = "stripe"

    def __init__(self) -> None:
        self.events: list[tuple[datetime, bytes]] = []
        self.windows: list[Window] = []
        self.pages = 0
        self.before_page: Callable[[int], None] | None = None

    def add(self, event_id: str, at: datetime, **thing: Any) -> None:
        """Let an event have happened, however late this is said."""
        self.events.append((at, stripe_body(event_id, **thing)))

    async def list_events(self, since: datetime, until: datetime, page: str | None, limit: int) -> EventPage:
        """Read a page."""
        self.pages += 1
        if self.before_page is not None:
            self.before_page(self.pages)
        if page is None:
            self.windows.append(Window(since, until))
        await asyncio.sleep(0.01)
        start = int(page or 0)
        newest_first = sorted(self.events, key=lambda event: event[0], reverse=True)
        found = [body for at, body in newest_first if since <= at <= until]
        more = str(start + limit) if len(found) > start + limit else None
        return EventPage(found[start : start + limit], more)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait between two pages."""
    monkeypatch.setattr(event_catch_up, "PAGE_PAUSE_SECONDS", 0.0)


@pytest.fixture
async def adapters(processes: Processes) -> AsyncIterator[dict[str, Gateway]]:
    """The real adapters, over HTTP to the simulators."""
    gateways = worker.gateways_of(processes.settings)
    yield gateways
    for gateway in gateways.values():
        await gateway.close()


@pytest.fixture
def catch_up(processes: Processes, adapters: dict[str, Gateway]) -> EventCatchUp:
    """A catch-up, which does nothing until it is asked."""
    return EventCatchUp(processes.engine, adapters.values(), INTERVAL)


def past_events(adapters: dict[str, Gateway], gateway: str) -> PastEvents:
    """An adapter as what lists events."""
    adapter = adapters[gateway]
    assert isinstance(adapter, PastEvents)
    return adapter


async def kept(processes: Processes) -> list[InboxEvent]:
    """The inbox, newest first."""
    async with processes.engine.connect() as connection:
        return list(await inbox.find(connection, limit=1000))


def on_the_database(processes: Processes, statement: str, *values: Any) -> list[Any]:
    """Do as an operator would who has all rights."""
    with psycopg.connect(processes.settings.migration_database_url) as connection:
        done = connection.execute(statement.encode(), values)
        return done.fetchall() if done.description else []


def let_time_pass(processes: Processes, passed: timedelta) -> None:
    """Let the last reading be as long ago, and the next be due."""
    change = "UPDATE webhook_horizons SET horizon = horizon - %s, next_ask_at = now()"
    on_the_database(processes, change, passed)


def horizon(processes: Processes) -> datetime:
    """Until when everything is in the inbox."""
    [(found,)] = on_the_database(processes, "SELECT horizon FROM webhook_horizons")
    assert isinstance(found, datetime)
    return found


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.1)


@GATEWAYS
async def test_a_refund_that_fails_after_it_succeeded_is_booked_within_one_catch_up(
    processes: Processes, catch_up: EventCatchUp, adapters: dict[str, Gateway], gateway: str
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
    assert await catch_up.read_due(past_events(adapters, gateway))
    found = await kept(processes)
    assert {(event.came_by, event.deliveries) for event in found} == {(CameBy.POLLING, 0)}
    assert await InboxHandler(processes.engine, processes.client, processes.settings.task_queue).handle_due()

    async def is_booked() -> bool:
        return (await processes.rules(charged.charge_id))[-1] == "refund_failed"

    await until(is_booked)
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (0, 0)
    assert {event.state for event in await kept(processes)} == {EventState.HANDLED}


@GATEWAYS
async def test_what_somebody_did_at_the_gateway_after_the_end_reaches_the_search_for_later_facts(
    processes: Processes, catch_up: EventCatchUp, adapters: dict[str, Gateway], gateway: str
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
    await adapters[gateway].refund(somebodys)
    await catch_up.read_due(past_events(adapters, gateway))
    await InboxHandler(processes.engine, processes.client, processes.settings.task_queue).handle_due()
    results = {event.result for event in await kept(processes)}
    assert f"told {reconcile.workflow_id(request.charge_id)}" in results


@GATEWAYS
async def test_an_event_that_is_delivered_and_polled_is_one_event(
    processes: Processes, catch_up: EventCatchUp, adapters: dict[str, Gateway], gateway: str
) -> None:
    """What came and was handled is not handled again, however often it is listed."""
    await processes.charge(processes.request(gateway))
    source, now = past_events(adapters, gateway), datetime.now(UTC)
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
    handler = InboxHandler(processes.engine, processes.client, processes.settings.task_queue)
    await handler.handle_due()
    before = await kept(processes)
    for _ in range(2):
        assert await catch_up.read_due(source)
        assert await handler.handle_due() == 0
        let_time_pass(processes, INTERVAL)
    assert await kept(processes) == before
    assert {event.came_by for event in before} == {CameBy.DELIVERY}


async def test_several_workers_ask_once(processes: Processes, catch_up: EventCatchUp) -> None:
    """However many workers there are, one of them reads a list, and each event is in the inbox once."""
    source = ListOfEvents()
    for number in range(2 * PAGE + 1):
        source.add(f"evt_{number}", datetime.now(UTC) - MINUTE)
    others = [EventCatchUp(processes.engine, [], INTERVAL) for _ in range(3)]
    done = await asyncio.gather(*(each.read_due(source) for each in (catch_up, *others)))
    assert sum(done) == 1
    assert (len(source.windows), source.pages) == (1, 3)
    assert len(await kept(processes)) == 2 * PAGE + 1


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_nothing_is_lost_between_two_pages(processes: Processes, catch_up: EventCatchUp, count: int) -> None:
    """Whatever the number of events, all are kept, and none of another time."""
    source = ListOfEvents()
    now = datetime.now(UTC)
    for number in range(count):
        source.add(f"evt_{number}", now - timedelta(seconds=number))
    source.add("evt_too_early", now - OVERLAP - MINUTE)
    source.add("evt_too_late", now + timedelta(hours=1))
    await catch_up.read_due(source)
    assert {event.event_id for event in await kept(processes)} == {f"evt_{number}" for number in range(count)}


async def test_an_event_that_is_listed_late_with_an_older_time_is_found(
    processes: Processes, catch_up: EventCatchUp
) -> None:
    """A list may be behind, and clocks differ: what appears behind the horizon is read as long as the overlap reaches."""
    source = ListOfEvents()
    await catch_up.read_due(source)
    before = horizon(processes)
    source.add("evt_late", before - OVERLAP + MINUTE)
    source.add("evt_beyond", before - OVERLAP - MINUTE)
    let_time_pass(processes, timedelta(0))
    await catch_up.read_due(source)
    assert [event.event_id for event in await kept(processes)] == ["evt_late"]


@GATEWAYS
async def test_a_gateway_that_is_away_is_asked_again_and_nothing_is_missed(
    processes: Processes, catch_up: EventCatchUp, adapters: dict[str, Gateway], gateway: str
) -> None:
    """The horizon stays where it was, so the events of the whole outage are there when the gateway is."""
    source = past_events(adapters, gateway)
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


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (GatewayUnreachable("stripe", "no connection"), timedelta(seconds=30)),
        (RateLimited("stripe", "too many requests", retry_after_seconds=600.0), timedelta(seconds=600)),
        (Misconfigured("stripe", "the key is wrong"), INTERVAL),
    ],
    ids=["away", "asks_for_a_wait", "misconfigured"],
)
async def test_a_gateway_that_fails_is_asked_again_when_that_may_help(
    processes: Processes, catch_up: EventCatchUp, error: Exception, pause: timedelta
) -> None:
    """Soon after an outage, not before the wait that it asked for, and not at once where a person has to act."""
    source = ListOfEvents()

    def fail(_number: int) -> None:
        raise error

    source.before_page = fail
    assert not await catch_up.read_due(source)
    [(left,)] = on_the_database(processes, "SELECT next_ask_at - clock_timestamp() FROM webhook_horizons")
    assert pause - timedelta(seconds=10) < left <= pause


async def test_the_horizon_moves_only_past_what_is_on_disk(
    processes: Processes, catch_up: EventCatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that could not be kept is read again: had the horizon moved before its commit, nobody would look there."""
    source = ListOfEvents()
    await catch_up.read_due(source)
    let_time_pass(processes, timedelta(hours=1))
    before = horizon(processes)
    for number in range(2 * PAGE):
        source.add(f"evt_{number}", before + MINUTE + timedelta(seconds=number))
    keep, pages = inbox.keep_listed, 0

    async def keep_one_page(*arguments: Any) -> int:
        nonlocal pages
        pages += 1
        if pages > 1:
            raise ConnectionResetError("the COMMIT was lost")
        return await keep(*arguments)

    monkeypatch.setattr(inbox, "keep_listed", keep_one_page)
    with pytest.raises(ConnectionResetError):
        await catch_up.read_due(source)
    assert horizon(processes) == before
    assert len(await kept(processes)) == PAGE
    monkeypatch.setattr(inbox, "keep_listed", keep)
    let_time_pass(processes, timedelta(0))
    await catch_up.read_due(source)
    assert len(await kept(processes)) == 2 * PAGE


async def test_a_worker_that_dies_while_it_reads_leaves_the_list_to_the_next(
    processes: Processes, catch_up: EventCatchUp
) -> None:
    """Killed between two pages, it has moved nothing; whoever comes next reads the same window from its start."""
    source = ListOfEvents()
    for number in range(3 * PAGE):
        source.add(f"evt_{number}", datetime.now(UTC) - MINUTE)

    def die(number: int) -> None:
        if number == 2:
            raise asyncio.CancelledError

    source.before_page = die
    with suppress(asyncio.CancelledError):
        await catch_up.read_due(source)
    assert len(await kept(processes)) == PAGE
    assert not await EventCatchUp(processes.engine, [], INTERVAL).read_due(source)
    source.before_page = None
    let_time_pass(processes, timedelta(0))
    assert await EventCatchUp(processes.engine, [], INTERVAL).read_due(source)
    assert len(await kept(processes)) == 3 * PAGE


async def test_after_a_long_absence_the_past_is_read_window_by_window(
    processes: Processes, catch_up: EventCatchUp
) -> None:
    """From the horizon on, without a gap and at once one after another, so that a restart does not begin from the start."""
    source = ListOfEvents()
    await catch_up.read_due(source)
    let_time_pass(processes, timedelta(days=2))
    source.windows.clear()
    for hours in range(49):
        source.add(f"evt_{hours}", datetime.now(UTC) - timedelta(hours=hours))
    readings = 0
    while await catch_up.read_due(source):
        readings += 1
    assert readings == len(source.windows) == 9
    for earlier, later in zip(source.windows, source.windows[1:], strict=False):
        assert later.since == earlier.until - OVERLAP
        assert later.until - later.since <= LONGEST_WINDOW + OVERLAP
    assert len(await kept(processes)) == 49


async def test_an_absence_that_is_longer_than_the_gateway_remembers_is_told(
    processes: Processes, catch_up: EventCatchUp
) -> None:
    """What cannot be read any more is named, so that somebody runs the proof."""
    source = ListOfEvents()
    await catch_up.read_due(source)
    let_time_pass(processes, timedelta(days=40))
    with capture_logs() as logged:
        assert await catch_up.read_due(source)
    assert [entry["event"] for entry in logged] == ["catch_up.too_late"]
    assert datetime.now(UTC) - source.windows[-1].since < KEPT_FOR + MINUTE


async def test_what_concerns_no_payment_or_cannot_be_read_stands_in_nobodys_way(
    processes: Processes, catch_up: EventCatchUp
) -> None:
    """One strange event of a page costs none of the others, and what is of no use fills no disk."""
    source = ListOfEvents()
    now = datetime.now(UTC)
    source.add("evt_good", now)
    source.add("evt_customer", now, object="customer")
    source.add("evt_huge", now, padding="x" * event_catch_up.MAX_EVENT_BYTES)
    source.add("evt with spaces", now)
    source.events.append((now, b"not json"))
    assert await catch_up.read_due(source)
    assert [event.event_id for event in await kept(processes)] == ["evt_good"]


async def test_the_catch_up_outlives_an_outage_of_postgresql(
    processes: Processes, adapters: dict[str, Gateway]
) -> None:
    """A worker whose database goes away goes on when it is back; nothing of it ends the worker."""
    away = create_engine("postgresql://quittance_app@127.0.0.1:1/quittance", 1)
    running = asyncio.create_task(EventCatchUp(away, adapters.values(), timedelta(seconds=1)).run())
    await asyncio.sleep(0.5)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await away.dispose()


async def test_a_defect_at_one_gateway_does_not_keep_the_other_from_being_read(
    processes: Processes, adapters: dict[str, Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gateway's list is followed by itself, and goes on being followed after whatever happened."""
    await processes.charge(processes.request("paypal"))

    async def fail(*_: Any) -> EventPage:
        raise ZeroDivisionError("what nobody thought of")

    monkeypatch.setattr(adapters["stripe"], "list_events", fail)
    running = asyncio.create_task(EventCatchUp(processes.engine, adapters.values(), timedelta(seconds=1)).run())

    async def has_events() -> bool:
        return {event.gateway for event in await kept(processes)} == {"paypal"}

    await until(has_events)
    assert not running.done()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 # given a zone


@given(horizon=MOMENTS, now=MOMENTS)
def test_windows_cover_all_that_the_gateway_keeps(horizon: datetime, now: datetime) -> None:
    """From window to window no moment between horizon and now is left out, none is of the future, and it comes to an end."""
    reached = max(horizon, now - KEPT_FOR)
    for _ in range(int(KEPT_FOR / LONGEST_WINDOW) + 2):
        window = next_window(horizon, now)
        assert now - KEPT_FOR <= window.since <= window.until <= now
        assert window.since <= reached or window.until == now
        assert window.until > horizon or window.until == now
        horizon = reached = window.until
        if window.until == now:
            break
    assert horizon == now
