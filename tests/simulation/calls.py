"""The activities that call a gateway, as the processes have them: attempts, time-outs, workers that vanish or stand still."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from activities.gateway_calls import Watched, _still_waiting
from gateways.errors import GatewayError
from gateways.port import ActionRequired, OperationRequest, Outcome, Withdrawal
from tests.simulation.books import Books
from tests.simulation.chance import Chance
from tests.simulation.gateway import Gateway
from tests.simulation.timeline import Task, Timeline
from tests.simulation.weather import Road
from workflows.gateway_steps import (
    ASKING_BUDGET,
    CALL_RETRIES,
    CALL_TIMEOUT,
    POLLS,
    READY_BUT_NOT_YET,
    WOKEN,
    NotKnown,
    Woken,
)

LONGEST_STANDSTILL_SECONDS = 1500
"""A worker that stands still for longer than a key lives could give money back twice; nothing can be done about that."""


class Superseded(Exception):
    """The operation was decided meanwhile, so nothing was sent."""


@dataclass
class Calls:
    """One gateway's activities."""

    gateway: Gateway
    road: Road
    timeline: Timeline
    chance: Chance
    books: Books

    async def ask(self, operation: OperationRequest) -> Outcome | NotKnown:
        """Perform an operation, again and again under the same key, until an answer or the end of the budget."""
        until = self.timeline.now + ASKING_BUDGET
        pause, attempt, longest = CALL_RETRIES.initial_interval, 0, CALL_RETRIES.maximum_interval or ASKING_BUDGET
        while True:
            attempt += 1
            task = self.timeline.spawn(f"{operation.operation_id} #{attempt}", self._perform(operation, attempt))
            ended = await self._ended(task, min(CALL_TIMEOUT, until - self.timeline.now))
            if ended and task.failure is None:
                answer: Outcome = task.result
                return answer
            reason = str(task.failure) if ended else "timed out"
            wait = _asked_for(task.failure) or pause
            if isinstance(task.failure, Superseded) or self.timeline.now + wait >= until:
                return NotKnown(reason)
            await self.timeline.sleep(wait)
            pause = min(pause * 2, longest)

    async def read(self, operation: OperationRequest) -> Outcome | NotKnown | None:
        """Read once what became of it."""
        try:
            return await self._look_up(operation)
        except GatewayError as error:
            return NotKnown(str(error))

    async def withdrawals(self, capture: OperationRequest) -> tuple[Withdrawal, ...] | NotKnown:
        """Read once what was taken back of a capture."""
        try:
            seen = await self.road.exchange(lambda _: self.gateway.withdrawals(capture), changes=False)
        except GatewayError as error:
            return NotKnown(str(error))
        return seen or ()

    async def watch(
        self, operation: OperationRequest, watched: Watched, timeout: timedelta, wake: Callable[[], bool]
    ) -> Outcome | NotKnown | Woken | None:
        """Look it up until what is watched for has happened."""
        looking = self.timeline.spawn(f"watch {operation.operation_id}", self._poll(operation, watched, timeout))
        await self.timeline.wait(lambda: looking.is_over or wake(), None)
        if not looking.is_over:
            self.timeline.kill(looking)
            return WOKEN
        found: tuple[Outcome | None] | None = looking.result
        if looking.failure is not None:
            raise looking.failure
        if found is None:
            return None
        if found[0] is not None:
            return found[0]
        answer = await self.ask(operation)
        if isinstance(answer, ActionRequired):
            await self.timeline.sleep(READY_BUT_NOT_YET)
        return answer

    async def _poll(
        self, operation: OperationRequest, watched: Watched, timeout: timedelta
    ) -> tuple[Outcome | None] | None:
        until = self.timeline.now + timeout
        pause, factor, longest = POLLS[watched]
        while True:
            wait = pause
            try:
                seen = await self._look_up(operation)
                if not _still_waiting(watched, seen):
                    return (seen,)
            except GatewayError as error:
                wait = _asked_for(error) or pause
            if self.timeline.now + wait >= until:
                await self.timeline.sleep(max(until - self.timeline.now, timedelta(0)))
                return None
            await self.timeline.sleep(wait)
            pause = min(pause * factor, longest)

    async def _ended(self, task: Task, patience: timedelta) -> bool:
        """Wait for a call; False where nothing was heard of it in time. It may go on all the same."""
        weather = self.road.weather
        if self.chance.happens(weather.killed):
            self.timeline.after(self.chance.seconds(0.05, 30), lambda: self.timeline.kill(task))
            await self.timeline.sleep(patience)
            return False
        return await self.timeline.wait(lambda: task.is_over, patience)

    async def _perform(self, operation: OperationRequest, attempt: int) -> Outcome:
        if attempt > 1:
            operation = self._with_reference(operation)
            known = await self._look_up(operation)
            if known is not None:
                return known
        if operation.payment_reference is None:
            reference = await self.road.exchange(lambda _: self.gateway.create(operation), changes=False)
            assert reference is not None
            await self._stand_still()
            kept = self.books.remember_payment(operation.operation_id, reference)
            if kept is None:
                raise Superseded(f"{operation.operation_id} is decided already, so nothing was sent")
            operation = operation.model_copy(update={"payment_reference": kept})
        await self._stand_still()
        answer: Outcome | None = await self.road.exchange(
            lambda fault: self.gateway.perform(operation, fault=fault), changes=True
        )
        assert answer is not None
        return answer

    async def _look_up(self, operation: OperationRequest) -> Outcome | None:
        return await self.road.exchange(lambda _: self.gateway.look_up(operation), changes=False)

    async def _stand_still(self) -> None:
        if self.chance.happens(self.road.weather.stopped):
            await self.timeline.sleep(self.chance.seconds(5, LONGEST_STANDSTILL_SECONDS))

    def _with_reference(self, operation: OperationRequest) -> OperationRequest:
        if operation.payment_reference is not None:
            return operation
        known = self.books.operations[operation.operation_id].payment_reference
        return operation.model_copy(update={"payment_reference": known})


def _asked_for(error: Exception | None) -> timedelta | None:
    seconds = getattr(error, "retry_after_seconds", None)
    return None if seconds is None else timedelta(seconds=seconds)
