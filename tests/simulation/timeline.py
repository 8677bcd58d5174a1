"""Virtual time for coroutines: one thread, no event loop, and an order that the seed alone decides.

A wait costs no time of ours. Conditions are looked at after every step, in the order in which they were waited for,
as Temporal does it.
"""

import heapq
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BEGINNING = datetime(2026, 11, 25, 12, tzinfo=UTC)
MAX_STEPS = 30_000
"""Steps of all tasks together: far more than any charge needs, so that a loop that goes nowhere is seen."""


class NoProgress(Exception):
    """A run took more steps than any charge needs: something goes round in a circle."""


@dataclass(eq=False)
class Wait:
    """What a task waits for: a condition, a moment, or whichever is first."""

    wake: Callable[[], bool] | None
    until: datetime | None

    def __await__(self) -> Generator["Wait", bool, bool]:
        """Hand over to the timeline; True where the condition came first."""
        return (yield self)


@dataclass(eq=False)
class Task:
    """A coroutine under way; `failure` is what it raised."""

    name: str
    coroutine: Coroutine[Wait, bool, Any]
    waits_for: Wait | None = None
    is_over: bool = False
    result: Any = None
    failure: Exception | None = None


@dataclass
class Timeline:
    """The clock, what is due, and who waits."""

    now: datetime = BEGINNING
    steps: int = 0
    _due: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _tasks: list[Task] = field(default_factory=list)
    _scheduled: int = 0

    def at(self, moment: datetime, happen: Callable[[], None]) -> None:
        """Let something happen at a moment; what is due at the same moment happens in the order of asking."""
        self._scheduled += 1
        heapq.heappush(self._due, (max(moment, self.now), self._scheduled, happen))

    def after(self, delay: timedelta, happen: Callable[[], None]) -> None:
        """Let something happen later."""
        self.at(self.now + delay, happen)

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Start a task; it runs to its first wait at the next step."""
        task = Task(name, coroutine)
        task.waits_for = Wait(lambda: True, None)
        self._tasks.append(task)
        return task

    def kill(self, task: Task) -> None:
        """End a task where it stands; nothing of it runs any more."""
        if task.is_over:
            return
        task.is_over = True
        self._tasks.remove(task)
        task.coroutine.close()

    def close(self) -> None:
        """End every task."""
        for task in list(self._tasks):
            self.kill(task)

    async def sleep(self, delay: timedelta) -> None:
        """Let time pass for the task that asks."""
        await Wait(None, self.now + delay)

    async def wait(self, wake: Callable[[], bool], timeout: timedelta | None) -> bool:
        """Wait for a condition; False where the time was over first."""
        if wake():
            self._count_step("a wait that is none")
            return True
        return await Wait(wake, None if timeout is None else self.now + timeout)

    def run(self, until: datetime) -> None:
        """Run everything that is due by then; raises NoProgress."""
        while True:
            woken = next((task for task in self._tasks if _is_woken(task)), None)
            if woken is not None:
                self._step(woken, woken=True)
            elif self._due and self._due[0][0] <= until:
                self.now, _, happen = heapq.heappop(self._due)
                happen()
            else:
                self.now = max(self.now, until)
                return

    def _step(self, task: Task, *, woken: bool) -> None:
        self._count_step(task.name)
        task.waits_for = None
        try:
            waits_for = task.coroutine.send(woken) if _has_begun(task) else task.coroutine.send(None)  # type: ignore[arg-type] # the first value is always None
        except StopIteration as ended:
            self._end(task, ended.value, None)
        except Exception as error:  # noqa: BLE001 # whoever waits for the task, or the verdict, says what it means
            self._end(task, None, error)
        else:
            task.waits_for = waits_for
            if waits_for.until is not None:
                self.at(waits_for.until, lambda: self._time_is_over(task, waits_for))

    def _count_step(self, name: str) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise NoProgress(f"more than {MAX_STEPS} steps, the last one of {name}")

    def _time_is_over(self, task: Task, waited_for: Wait) -> None:
        if task.waits_for is waited_for and not task.is_over:
            self._step(task, woken=False)

    def _end(self, task: Task, result: Any, failure: Exception | None) -> None:
        if not task.is_over:
            task.is_over, task.result, task.failure = True, result, failure
            self._tasks.remove(task)


def _is_woken(task: Task) -> bool:
    return task.waits_for is not None and task.waits_for.wake is not None and task.waits_for.wake()


def _has_begun(task: Task) -> bool:
    return getattr(task.coroutine, "cr_frame", None) is not None and task.coroutine.cr_await is not None  # type: ignore[attr-defined] # of every coroutine
