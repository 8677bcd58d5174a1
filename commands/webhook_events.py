"""Reads the inbox of webhook events, and has events handled again, in this process, as a worker would."""

from datetime import datetime

from commands import connections, webhook_documents
from commands.errors import WrongUse
from commands.webhook_documents import EventDocument
from gateways import adapters
from ledger import inbox
from ledger.database import create_engine
from ledger.inbox import EventState, InboxEvent
from settings import Settings
from workflows.inbox_handler import BATCH, InboxHandler


def event_state(text: str | None) -> EventState | None:
    """Read a state to filter by; raises WrongUse."""
    if text is None:
        return None
    try:
        return EventState(text)
    except ValueError:
        raise WrongUse(f"--state: there is no state {text!r}: use one of {', '.join(EventState)}") from None


async def listed(
    settings: Settings,
    *,
    state: EventState | None = None,
    gateway: str | None = None,
    since: datetime | None = None,
    event_id: str | None = None,
    limit: int,
) -> list[EventDocument]:
    """List events, newest first; raises WrongUse for a gateway that there is not."""
    found = await _found(settings, state=state, gateway=gateway, since=since, event_id=event_id, limit=limit)
    return [webhook_documents.of_event(event) for event in found]


async def replay(
    settings: Settings, *, event_id: str | None, only_unmatched: bool, since: datetime | None, limit: int
) -> list[EventDocument]:
    """Handle events again, oldest first, and return what became of them; raises WrongUse where there are none."""
    state = EventState.UNMATCHED if only_unmatched else None
    found = await _found(settings, state=state, since=since, event_id=event_id, limit=limit)
    if not found and event_id is not None:
        raise WrongUse(f"there is no event {event_id}: look for it with `webhooks list`")
    sequences = sorted(event.sequence for event in found)
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    engine = create_engine(settings.database_url, pool_size=2)
    gateways = adapters.of_settings(settings)
    try:
        async with engine.connect() as connection:
            await connections.require_protection(connection, settings)
        handler = InboxHandler(engine, client, settings.task_queue, gateways)
        for start in range(0, len(sequences), BATCH):
            await handler.handle_again(sequences[start : start + BATCH])
        async with engine.connect() as connection:
            handled = await inbox.numbered(connection, sequences)
    finally:
        await adapters.close(gateways)
        await engine.dispose()
    return [webhook_documents.of_event(event) for event in handled]


async def _found(
    settings: Settings,
    *,
    state: EventState | None = None,
    gateway: str | None = None,
    since: datetime | None = None,
    event_id: str | None = None,
    limit: int,
) -> list[InboxEvent]:
    gateways = settings.gateway_order.split(",")
    if gateway is not None and gateway not in gateways:
        raise WrongUse(f"--gateway: there is no gateway {gateway!r}: use {' or '.join(gateways)}")
    async with connections.books(settings) as connection:
        return list(
            await inbox.find(connection, state=state, gateway=gateway, since=since, event_id=event_id, limit=limit)
        )
