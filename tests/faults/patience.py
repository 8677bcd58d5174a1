"""How a caller survives an outage of Temporal: it asks again under the same id until it has its answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError

from ledger.charges import ChargeRequest, ChargeView
from ledger.refunds import RefundView
from tests.workflows.conftest import Processes
from tests.workflows.waiting import is_called_off

Answer = TypeVar("Answer")
PAUSE_SECONDS = 0.5
ATTEMPT_SECONDS = 30.0


@dataclass(frozen=True)
class PatientProcesses(Processes):
    """Callers that ask again when they got no answer."""

    attempt_seconds: float = ATTEMPT_SECONDS
    """How long they wait for one; where the connection breaks they ask again at once."""

    async def charge(
        self, request: ChargeRequest, *, through_action: bool = False, update_id: str | None = None
    ) -> ChargeView:
        """Start a charge and wait for its decision, however often the connection breaks.

        Asked again under one id, since Temporal takes no more than ten questions at a time to one process.
        """
        identity = update_id or f"{request.charge_id}-decision-{through_action}"

        async def ask() -> ChargeView:
            try:
                return await super(PatientProcesses, self).charge(
                    request, through_action=through_action, update_id=identity
                )
            except (WorkflowAlreadyStartedError, WorkflowUpdateFailedError) as error:
                if isinstance(error, WorkflowUpdateFailedError) and not _ended_first(error):
                    raise
                return (await self.row(request.charge_id)).view()  # its process is over: the books have the answer

        return await self.patiently(ask)

    async def refund(
        self, charge_id: str, refund_id: str, amount_minor: int | None = None, *, update_id: str | None = None
    ) -> RefundView:
        """Start a refund and wait for its decision, however often the connection breaks."""
        identity = update_id or f"{refund_id}-decision"
        return await self.patiently(
            lambda: super(PatientProcesses, self).refund(charge_id, refund_id, amount_minor, update_id=identity)
        )

    def handle(self, charge_id: str) -> Any:
        """The process of a charge, whose commands are given again under one update id."""
        return _PatientHandle(super().handle(charge_id), charge_id, self.attempt_seconds)

    async def patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask until there is an answer."""
        return await patiently(ask, self.attempt_seconds)


class _PatientHandle:
    def __init__(self, handle: Any, charge_id: str, attempt_seconds: float) -> None:
        self._handle = handle
        self._charge_id = charge_id
        self._attempt_seconds = attempt_seconds

    async def execute_update(self, update: Any, command: Any) -> Any:
        identity = f"{self._charge_id}-{type(command).__name__}"
        return await patiently(lambda: self._handle.execute_update(update, command, id=identity), self._attempt_seconds)


def _ended_first(error: WorkflowUpdateFailedError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == "AcceptedUpdateCompletedWorkflow"


async def as_patient(processes: Processes, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask as these callers do: until there is an answer where they are patient, else once."""
    return await (processes.patiently(ask) if isinstance(processes, PatientProcesses) else ask())


async def patiently(ask: Callable[[], Awaitable[Answer]], attempt_seconds: float = ATTEMPT_SECONDS) -> Answer:
    """Ask until there is an answer; a connection that breaks is none."""
    while True:
        try:
            async with asyncio.timeout(attempt_seconds):
                return await ask()
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
            if is_called_off():
                raise
            await asyncio.sleep(PAUSE_SECONDS)
