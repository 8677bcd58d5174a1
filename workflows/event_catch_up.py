"""Asks each gateway for the events that never came, and puts them into the inbox, where they are handled as any other.

What happens to a charge after it has ended is told by an event only, and a webhook may be lost for good. It is beside the
handler of the inbox because a worker runs both.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateways.errors import GatewayError, Misconfigured
from gateways.port import Gateway
from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.past_events import KEPT_FOR, PastEvents
from gateways.webhooks.reading import read_event
from ledger import horizons, inbox
from ledger.database import OUTAGES, Database, outage_reason
from ledger.inbox import ListedEvent

log = structlog.get_logger()

OVERLAP = timedelta(minutes=15)
"""How far before the horizon is read again: an event may be listed later than it happened, and clocks differ."""
LONGEST_WINDOW = timedelta(hours=6)
"""Read at once after a long absence: the lists begin with the newest, so the horizon moves only when all of it is read."""
PAGE = 50
PAGE_PAUSE_SECONDS = 0.5
"""Between two pages, so that at most two requests a second, over all workers, are added to the calls of the processes."""
LEASE = timedelta(seconds=60)
"""How long a worker may take over a page; after that others read too, which does no harm."""
CHECK_SECONDS = 5.0
"""How often a worker looks whether a list is to be read."""
FAILURE_PAUSE = timedelta(seconds=30)
MAX_EVENT_BYTES = 1_048_576
"""As much as the inbox holds."""


@dataclass(frozen=True)
class Window:
    """What is asked for: the events that happened within these times."""

    since: datetime
    until: datetime


class EventCatchUp:
    """Reads the lists of past events; any number of them may run beside each other, and one at a time reads."""

    def __init__(self, database: Database, gateways: Iterable[Gateway], interval: timedelta) -> None:
        self._database = database
        self._gateways = [gateway for gateway in gateways if isinstance(gateway, PastEvents)]
        self._interval = interval

    async def run(self) -> None:
        """Read what is due, until cancelled; nothing that a gateway or a server does ends it."""
        await asyncio.gather(*(self._follow(gateway) for gateway in self._gateways))

    async def read_due(self, gateway: PastEvents) -> bool:
        """Read a window of a gateway's list, where one is due; returns whether it was, and all of it was read."""
        async with self._database.begin() as connection:
            turn = await horizons.take(connection, gateway.name, LEASE)
        if turn is None:
            return False
        if turn.horizon < turn.now - KEPT_FOR:
            log.error("catch_up.too_late", gateway=gateway.name, horizon=turn.horizon.isoformat())
        window = next_window(turn.horizon, turn.now)
        try:
            kept = await self._read(gateway, window)
        except GatewayError as error:
            log.warning("catch_up.gateway_away", gateway=gateway.name, reason=str(error))
            async with self._database.begin() as connection:
                await horizons.hold(connection, gateway.name, self._pause_after(error))
            return False
        if kept:
            log.warning("catch_up.events_were_missing", gateway=gateway.name, events=kept)
        async with self._database.begin() as connection:
            is_behind = window.until < turn.now
            await horizons.move(connection, gateway.name, window.until, timedelta(0) if is_behind else self._interval)
        return True

    async def _follow(self, gateway: PastEvents) -> None:
        while True:
            pause_seconds = min(CHECK_SECONDS, self._interval.total_seconds())
            try:
                if await self.read_due(gateway):
                    pause_seconds = PAGE_PAUSE_SECONDS
            except OUTAGES as error:
                log.warning("catch_up.database_away", reason=outage_reason(error))
            except Exception:
                log.exception("catch_up.defect", gateway=gateway.name)
            await asyncio.sleep(pause_seconds)

    async def _read(self, gateway: PastEvents, window: Window) -> int:
        """Keep a window page by page; returns how many events had not come."""
        kept, page = 0, None
        while True:
            found = await gateway.list_events(window.since, window.until, page, PAGE)
            kept += await self._keep(gateway.name, found.bodies)
            page = found.next_page
            if page is None:
                return kept
            await asyncio.sleep(PAGE_PAUSE_SECONDS)

    async def _keep(self, gateway: str, bodies: Sequence[bytes]) -> int:
        listed = [event for body in bodies if (event := _listed(gateway, body))]
        async with self._database.begin() as connection:
            kept = await inbox.keep_listed(connection, listed)
            await horizons.hold(connection, gateway, LEASE)
        return kept

    def _pause_after(self, error: GatewayError) -> timedelta:
        usual = self._interval if isinstance(error, Misconfigured) else min(FAILURE_PAUSE, self._interval)
        return max(usual, timedelta(seconds=error.retry_after_seconds or 0.0))


def next_window(horizon: datetime, now: datetime) -> Window:
    """Return what to read next: from before the horizon, as far as the gateway keeps it, and not too much at once."""
    oldest = now - KEPT_FOR
    begin = min(max(horizon, oldest), now)
    return Window(max(begin - OVERLAP, oldest), min(begin + LONGEST_WINDOW, now))


def _listed(gateway: str, body: bytes) -> ListedEvent | None:
    """Return what is to be kept of a listed event; None for one that concerns neither a payment nor a payment method."""
    try:
        event = read_event(gateway, body)
    except DeliveryRefused as error:
        log.warning("catch_up.event_unreadable", gateway=gateway, reason=str(error))
        return None
    if len(body) > MAX_EVENT_BYTES:
        log.error("catch_up.event_too_large", gateway=gateway, event_id=event.event_id, size_bytes=len(body))
        return None
    if not event.concerns_us:
        return None
    return ListedEvent(gateway=gateway, event_id=event.event_id, event_type=event.event_type, body=body)
