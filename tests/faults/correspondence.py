"""Gateways that announce what happens, the HTTP service that takes it, and a worker that handles it: all of the real way."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import api, simulators
from local.addresses import WEBHOOK_ID, WEBHOOK_SECRET
from local.ports import LOOPBACK, free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for
from workflows.inbox_handler import InboxHandler

GATEWAYS = ("stripe", "paypal")
LOST = 0.2
MOST_COPIES = 50
SEVERAL = 0.1
"""The share of the events that come in many copies."""


@dataclass(frozen=True)
class Announcing:
    """Both gateways, and the port where they send their events."""

    simulators: Mapping[str, SimulatorProcess]
    api_port: int
    paypal_root: Path

    def api_environment(self, database: Database) -> dict[str, str]:
        """What the HTTP service is told; of Temporal it knows nothing."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "DATABASE_URL": database.app_url,
            "ALLOW_UNSAFE_DATABASE": "true",
            "TEMPORAL_ADDRESS": f"{LOOPBACK}:1",
            "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "PAYPAL_API_BASE": self.simulators["paypal"].url,
            "PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
            "PAYPAL_WEBHOOK_ROOT": str(self.paypal_root),
        }

    def start_api(self, database: Database, log: Path) -> api.Api:
        """Start the HTTP service over a database."""
        return api.start(self.api_environment(database), port=self.api_port, log=log)


@contextmanager
def announcing_gateways(directory: Path) -> Iterator[Announcing]:
    """Run both simulators with a webhook address."""
    port, state = free_port(), directory / "paypal.state"
    url = f"http://{LOOPBACK}:{port}/webhooks"
    with (
        simulators.start_stripe(
            free_port(),
            state=directory / "stripe.state",
            log=directory / "stripe.log",
            webhook_url=f"{url}/stripe",
            webhook_secret=WEBHOOK_SECRET,
        ) as stripe,
        simulators.start_paypal(
            free_port(),
            state=state,
            log=directory / "paypal.log",
            webhook_url=f"{url}/paypal",
            webhook_id=WEBHOOK_ID,
        ) as paypal,
    ):
        yield Announcing({"stripe": stripe, "paypal": paypal}, port, simulators.paypal_root(state))


@asynccontextmanager
async def corresponding(
    announcing: Announcing, database: Database, temporal_address: str, log: Path
) -> AsyncIterator[Processes]:
    """Run charges over a database, with all events held back at the gateways."""
    own = dict(announcing.simulators)
    for simulator in own.values():
        simulator.reset()
        simulator.configure(webhooks="hold")
    settings = settings_for(database, temporal_address, own["stripe"], own["paypal"])
    with announcing.start_api(database, log):
        async with AsyncExitStack() as stack:
            processes = await run_processes(stack, settings, own)
            handler = InboxHandler(processes.engine, processes.client, settings.task_queue, {})
            handling = asyncio.create_task(handler.run())
            stack.callback(handling.cancel)
            yield processes


class Letters:
    """The events that wait at the gateways, and what has come of those that went out."""

    def __init__(self, gateways: Mapping[str, SimulatorProcess]) -> None:
        self._gateways = gateways
        self._sent: set[str] = set()
        self._kept_back: list[tuple[str, str]] = []

    def waiting(self) -> list[tuple[str, str]]:
        """Those that have not been sent, each with its gateway, in the order in which things happened there."""
        return [
            (name, event["event_id"])
            for name, gateway in self._gateways.items()
            for event in gateway.webhooks()
            if event["event_id"] not in self._sent
        ]

    async def send_in_order(self) -> None:
        """Deliver all that waits, once each."""
        for name, event_id in self.waiting():
            await self._send(name, event_id, 1)

    async def send_by_chance(self, chance: random.Random, *, last: bool = False) -> None:
        """Deliver what waits, in any order, some of it in many copies; lose a fifth; leave some for the next time."""
        waiting = [*self._kept_back, *(each for each in self.waiting() if each not in self._kept_back)]
        self._kept_back = []
        chance.shuffle(waiting)
        for name, event_id in waiting:
            drawn = chance.random()
            if drawn < LOST:
                self._sent.add(event_id)
            elif drawn < 0.5 and not last:
                self._kept_back.append((name, event_id))
            else:
                copies = chance.randint(2, MOST_COPIES) if chance.random() < SEVERAL else 1
                await self._send(name, event_id, copies)

    async def _send(self, name: str, event_id: str, copies: int) -> None:
        deliver = self._gateways[name].deliver_webhook
        statuses = await asyncio.to_thread(deliver, event_id, copies, at_once=copies > 1)
        assert statuses == [200] * copies
        self._sent.add(event_id)
