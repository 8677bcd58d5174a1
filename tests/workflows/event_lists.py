"""A gateway that lists what a test wants, and what a test looks at in the database meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg

from gateways.webhooks.past_events import EventPage
from ledger import inbox
from ledger.inbox import InboxEvent
from tests.gateways.webhooks.sender import stripe_body
from tests.workflows.conftest import Processes
from workflows.event_catch_up import Window


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
