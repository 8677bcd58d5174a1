"""How events come: at once, in an order of its own, in copies, late or never; and what the inbox makes of each that comes.

An event is read and judged by the code of production. The inbox knows each event only once, by a rule of PostgreSQL's;
here every copy counts as an event of its own, which asks more of the processes.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from gateways.webhooks.reading import read_event
from ledger.inbox import InboxEvent
from ledger.operations import Operation
from tests.simulation.announcements import Event
from tests.simulation.chance import Chance
from tests.simulation.system import System
from workflows.event_verdicts import AskedJustNow, News, NotFound, verdict_of
from workflows.inbox_handler import ASKED_JUST_NOW_AGAIN, IDLE_SECONDS, retry_after

SOON = timedelta(milliseconds=100)
LATEST_SECONDS = 3 * 86_400
"""How long a gateway goes on sending what was not taken."""
LOST = 0.2
MOST_COPIES = 50

Deliver = Callable[[Event, timedelta], None]
"""Has an event come after a while."""
Post = Callable[[Event, Deliver], None]
"""What becomes of an event on its way."""


def at_once(event: Event, deliver: Deliver) -> None:
    """Each event comes once, in the order in which things happened."""
    deliver(event, SOON)


def never(event: Event, deliver: Deliver) -> None:
    """No event ever comes."""


def by_chance(seed: int) -> Post:
    """Let a fifth of the events be lost, and the others come in up to 50 copies, at any time within three days."""

    def post(event: Event, deliver: Deliver) -> None:
        chance = Chance(f"{seed} post {event.name}")
        if chance.happens(LOST):
            return
        for _ in range(chance.number(1, MOST_COPIES)):
            deliver(event, chance.seconds(0.05, LATEST_SECONDS))

    return post


def in_order(names: Sequence[str]) -> Post:
    """Let events come in just this order, each as early as those before it allow."""
    waiting: dict[str, Event] = {}
    left = list(names)

    def post(event: Event, deliver: Deliver) -> None:
        waiting[event.name] = event
        delay = SOON
        while left and left[0] in waiting:
            deliver(waiting[left.pop(0)], delay)
            delay += SOON

    return post


class Inbox:
    """Takes what comes, and tells the process that it concerns."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.verdicts: list[tuple[str, str]] = []
        """What was thought of each event, whenever it was handled."""

    def deliver(self, event: Event, delay: timedelta) -> None:
        """Have an event come after a while; a worker sees it soon after that."""
        came: dict[str, Any] = {"received_at": self._system.timeline.now + delay, "attempts": 1}
        kept = InboxEvent.model_construct(None, **came)
        self._handle_after(delay + timedelta(seconds=IDLE_SECONDS), event, kept)

    def _handle_after(self, delay: timedelta, event: Event, kept: InboxEvent) -> None:
        self._system.timeline.after(delay, lambda: self._handle(event, kept))

    def _handle(self, event: Event, kept: InboxEvent) -> None:
        system, now = self._system, self._system.timeline.now
        said = read_event(event.gateway, event.body)
        known = [each for each in system.books.operations.values() if each.gateway == event.gateway]
        found = [each for each in known if said.names & _names(each)]
        found.sort(key=lambda each: (each.requested_at, each.operation_id), reverse=True)
        verdict = verdict_of(said, found, now)
        self.verdicts.append((event.name, type(verdict).__name__))
        again = kept.model_copy(update={"attempts": kept.attempts + 1})
        match verdict:
            case News(operation=operation, is_later=is_later):
                system.note(f"told of {event.name}")
                system.hint(operation.operation_id, is_later=is_later)
            case AskedJustNow():
                self._handle_after(ASKED_JUST_NOW_AGAIN, event, again)
            case NotFound() if (delay := retry_after(kept, now)) is not None:
                self._handle_after(delay, event, again)


def _names(operation: Operation) -> set[str | None]:
    return {operation.operation_id, operation.payment_reference, operation.gateway_reference}
