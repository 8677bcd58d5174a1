"""The machinery that every simulated gateway stands on, put together: state, clock, agenda, faults, truth, webhooks."""

import asyncio
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulators.agenda import Agenda
from simulators.clock import Clock
from simulators.faults import Faults
from simulators.settings import Check, Settings, one_of
from simulators.store import Store, Transaction
from simulators.truth import TruthLog
from simulators.webhooks import MODES, RETRY_DELAYS, Sign, Webhooks

TICK_SECONDS = 0.2


class Simulator:
    """One simulated gateway's world; raises StateInUse where another simulator runs on the same file."""

    def __init__(
        self,
        state: Path,
        *,
        settings: Mapping[str, tuple[Any, Check]],
        sign: Sign,
        webhook_url: str | None,
        retry_delays: Sequence[int] = RETRY_DELAYS,
    ) -> None:
        self.store = Store(state)
        self.clock = Clock(self.store)
        self.agenda = Agenda(self.store)
        self.truth = TruthLog(self.store)
        self.settings = Settings(self.store, {"webhooks": ("deliver", one_of(*MODES)), **settings})
        self.faults = Faults()
        self.webhooks = Webhooks(
            self.store, self.clock, self.settings, url=webhook_url, sign=sign, retry_delays=retry_delays
        )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction at the simulator's time, in which all that was due before has already happened."""
        now = self.clock.now()
        self.agenda.run_due(now)
        with self.store.transaction(now) as transaction:
            yield transaction

    def reset(self) -> None:
        """Forget everything, the moved clock and the faults included."""
        self.faults.clear()
        self.store.forget()
        self.clock.read()
        self.settings.read()
        self.agenda.forget()

    async def run(self) -> None:
        """Do by itself what is due, and deliver events, until cancelled."""
        deliveries: set[asyncio.Task[None]] = set()
        while True:
            try:
                self.agenda.run_due(self.clock.now())
                # A receiver that is slow to answer holds up neither the clock nor other deliveries.
                task = asyncio.create_task(self.webhooks.deliver_due())
                deliveries.add(task)
                task.add_done_callback(deliveries.discard)
            except Exception:  # noqa: BLE001 # one bad job must not stop the others; it is shown
                traceback.print_exc(file=sys.stderr)
            await asyncio.sleep(TICK_SECONDS)
