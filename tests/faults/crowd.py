"""Many customers at once: stories drawn by chance, so many under way at a time, and what each caller was told."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.evidence import Acknowledged
from tests.faults.stories import STORIES
from tests.workflows.conftest import Processes

WEIGHTS = {"automatic": 8, "captured_and_refunded": 1, "voided": 1, "confirmed": 1, "called_off": 1}
"""How often each story is drawn."""


@dataclass
class Crowd:
    """Customers whose stories are drawn from `chance`; `after_each` runs whenever one has ended."""

    processes: Processes
    chance: random.Random
    at_once: int
    after_each: Callable[[int], Awaitable[None]] | None = None
    stories: tuple[str, ...] = tuple(WEIGHTS)
    answers: list[Acknowledged] = field(default_factory=list)
    not_as_wished: list[str] = field(default_factory=list)
    last_answer_at: float = 0.0
    """By the loop's clock."""
    enough: bool = False
    """No more stories are begun."""

    async def play(self, count: int, gateways: tuple[str, ...] = ("stripe", "paypal")) -> None:
        """Play that many stories, each at a gateway that is drawn too."""
        places = asyncio.Semaphore(self.at_once)
        weights = [WEIGHTS[name] for name in self.stories]
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                (name,) = self.chance.choices(self.stories, weights)
                drawn = name, self.chance.choice(gateways), number, self.chance.randrange(2**31)
                await places.acquire()
                if self.enough:
                    break
                group.create_task(self._story(*drawn)).add_done_callback(lambda _: places.release())

    def outcomes(self) -> Counter[str]:
        """How many charges ended how."""
        return Counter(answer.status for answer in self.answers)

    async def _story(self, name: str, gateway: str, number: int, seed: int) -> None:
        charge_id = f"ch_{os.getpid()}_{self.processes.settings.task_queue[-12:]}_{number}"
        told = await STORIES[name](self.processes, gateway, charge_id, random.Random(seed))
        self.answers.append(told.answer)
        self.last_answer_at = asyncio.get_running_loop().time()
        if not told.as_wished:
            self.not_as_wished.append(f"{name} at {gateway}: {told.answer}")
        if self.after_each is not None:
            await self.after_each(len(self.answers))
