"""Lists of events are read whole, once, from the horizon on, whoever is away meanwhile or dies over it."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateways.errors import GatewayUnreachable, Misconfigured, RateLimited
from gateways.webhooks.past_events import KEPT_FOR
from ledger import inbox
from tests.workflows.conftest import Processes
from tests.workflows.event_lists import ListOfEvents, horizon, kept, let_time_pass, on_the_database
from workflows import event_catch_up
from workflows.event_catch_up import LONGEST_WINDOW, OVERLAP, PAGE, EventCatchUp, next_window

INTERVAL = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait between two pages."""
    monkeypatch.setattr(event_catch_up, "PAGE_PAUSE_SECONDS", 0.0)


@pytest.fixture
def catch_up(processes: Processes) -> EventCatchUp:
    """A catch-up, which does nothing until it is asked."""
    return EventCatchUp(processes.engine, [], INTERVAL)


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
