"""The world of a process in the simulation: virtual time, the books in memory, the gateways in memory."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol, TypeVar

from temporalio.exceptions import ApplicationError

from activities.gateway_calls import Watched
from gateways.port import OperationRequest, Outcome, Withdrawal
from gateways.routing.errors import NoGateway
from ledger.charges import ChargeRequest
from ledger.errors import LedgerError
from ledger.refunds import RefundRequest, RefundStatus
from tests.simulation.books import Books
from tests.simulation.calls import Calls
from tests.simulation.chance import Chance
from tests.simulation.timeline import Timeline
from workflows.gateway_steps import NotKnown, Woken
from workflows.world import Wake

Input = TypeVar("Input")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Troubles:
    """What happens to ledger steps, in shares of the cases."""

    outage: float = 0.0
    """PostgreSQL is away for a while."""
    rolled_back: float = 0.0
    """The worker is gone before the commit: the step runs again."""
    answer_lost: float = 0.0
    """The worker is gone after the commit: the step runs again."""
    again_later: float = 0.0
    """A worker that stood still runs the step once more, when the process has long gone on."""


class Processes(Protocol):
    """Where processes are started and told."""

    def start_refund(self, request: RefundRequest) -> None:
        """Start the process of a refund, unless it runs."""
        ...

    def start_reconcile(self) -> None:
        """Start the search for later facts, unless it runs."""
        ...

    def refund_told(self, refund_id: str, status: RefundStatus) -> None:
        """Tell the charge what became of a refund that it started."""
        ...


NOT_AGAIN = frozenset({"record_unknown"})
"""Done once more much later, it shows an exposure that there is no more, until the answer ends it: wrong, and harmless."""


class BeganAnew(BaseException):
    """A run has left for a new one, which knows what the books say and nothing else."""


@dataclass
class VirtualWorld:
    """What `TemporalWorld` is, without Temporal."""

    timeline: Timeline
    chance: Chance
    books: Books
    steps: Mapping[str, Callable[[Any], Any]]
    calls: Mapping[str, Calls]
    processes: Processes
    troubles: Troubles
    note: Callable[[str], None]
    full_after: int | None = None
    waits_for_nobody: Callable[[], bool] = lambda: True
    taken: int = 0

    def now(self) -> datetime:
        """Tell the time."""
        return self.timeline.now

    async def wait(self, wake: Wake, timeout: timedelta | None, summary: str) -> bool:  # noqa: ARG002 # people read it elsewhere
        """Wait until woken; False where the time is over first."""
        return await self.timeline.wait(wake, timeout)

    async def ledger(self, step: Callable[[Any, Input], Awaitable[Result]], message: Input, summary: str) -> Result:
        """Run a ledger step to its end."""
        self.note(f"{step.__name__}: {summary}")
        result: Result = await self.step(step.__name__, message)
        return result

    async def step(self, name: str, message: object) -> Any:
        """Run a ledger step by its name, with what may happen to it."""
        chance, troubles = self.chance, self.troubles
        self.taken += 1
        await self.timeline.sleep(chance.seconds(0.005, 120 if chance.happens(troubles.outage) else 0.1))
        if chance.happens(troubles.rolled_back):
            self._attempt(name, message, keep=False)
            await self.timeline.sleep(chance.seconds(0.1, 15))
        if name not in NOT_AGAIN and chance.happens(troubles.again_later):
            self.timeline.after(chance.seconds(1, 86400), lambda: self._repeat(name, message))
        if chance.happens(troubles.answer_lost):
            self._repeat(name, message)
            await self.timeline.sleep(chance.seconds(0.1, 15))
        return self._attempt(name, message, keep=True)

    async def ask(self, operation: OperationRequest) -> Outcome | NotKnown:
        """Perform an operation at its gateway."""
        answer = await self.calls[operation.gateway].ask(operation)
        self.note(f"{operation.operation_id} at {operation.gateway}: {_said(answer)}")
        return answer

    async def read(self, operation: OperationRequest) -> Outcome | NotKnown | None:
        """Read once what became of an operation."""
        answer = await self.calls[operation.gateway].read(operation)
        self.note(f"{operation.operation_id} read at {operation.gateway}: {_said(answer)}")
        return answer

    async def withdrawals(self, capture: OperationRequest) -> tuple[Withdrawal, ...] | NotKnown:
        """Read once what the gateway took back of a capture."""
        seen = await self.calls[capture.gateway].withdrawals(capture)
        said = seen.reason if isinstance(seen, NotKnown) else [f"{each.kind} {each.state}" for each in seen]
        self.note(f"{capture.operation_id} taken back at {capture.gateway}: {said}")
        return seen

    async def watch(
        self,
        operation: OperationRequest,
        watched: Watched,
        timeout: timedelta,
        summary: str,  # noqa: ARG002 # people read it elsewhere
        wake: Wake,
    ) -> Outcome | NotKnown | Woken | None:
        """Look an operation up until what is watched for has happened."""
        answer = await self.calls[operation.gateway].watch(operation, watched, timeout, wake)
        self.note(f"{operation.operation_id} watched for the {watched}: {_said(answer)}")
        return answer

    async def start_refund(self, request: RefundRequest) -> None:
        """Start the process of a refund."""
        await self.timeline.sleep(self.chance.seconds(0.005, 1))
        self.note(f"refund {request.refund_id} starts")
        self.processes.start_refund(request)

    async def start_reconcile(self, charge_id: str) -> None:  # noqa: ARG002 # there is one charge in a run
        """Start the search for later facts."""
        await self.timeline.sleep(self.chance.seconds(0.005, 1))
        self.processes.start_reconcile()

    def tell_charge(self, refund_id: str, status: RefundStatus) -> None:
        """Send the signal of a refund to its charge."""
        self.processes.refund_told(refund_id, status)

    def is_full(self) -> bool:
        """Say so after some steps, where nobody waits."""
        return self.full_after is not None and self.taken > self.full_after and self.waits_for_nobody()

    def begin_anew(self, request: ChargeRequest) -> NoReturn:
        """Leave this run."""
        raise BeganAnew(request.charge_id)

    def patched(self, change: str) -> bool:  # noqa: ARG002 # every run is new
        """Say that the run began with today's code."""
        return True

    def _attempt(self, name: str, message: object, *, keep: bool) -> Any:
        try:
            with self.books.transaction() as transaction:
                result = self.steps[name](message)
                transaction.keep = keep
        except (LedgerError, NoGateway) as error:
            self.note(f"{name} is refused: {error}")
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None
        return result

    def _repeat(self, name: str, message: object) -> None:
        """Run it once more, for whoever hears no answer."""
        try:
            self._attempt(name, message, keep=True)
        except ApplicationError:
            return


def _said(answer: Outcome | NotKnown | Woken | None) -> str:
    match answer:
        case None:
            return "no trace"
        case Woken():
            return "woken"
        case NotKnown():
            return f"not known ({answer.reason})"
        case _:
            return f"{answer.outcome} {getattr(answer, 'code', '')}".strip()
