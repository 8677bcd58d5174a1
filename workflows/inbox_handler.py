"""Takes webhook events from the inbox, finds the operation or the payment method that each speaks of, and has it looked at again.

It is here because it speaks to processes: nothing below `workflows` may, and both a worker and a command run it.
Nothing of an event is believed: a process that is told reads the object at the gateway; a payment method is read here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.method_reader import MethodReader, what_became
from billing import methods
from billing.errors import BillingError
from gateways.errors import GatewayError
from gateways.port import Gateway
from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.events import WebhookEvent
from gateways.webhooks.reading import read_event
from ledger import event_matching, inbox
from ledger.database import OUTAGES, Database, outage_reason
from ledger.inbox import EventState, InboxEvent, Settlement
from ledger.operations import Operation
from workflows import telling
from workflows.event_verdicts import (
    AskedJustNow,
    Known,
    MethodNews,
    News,
    NotOurs,
    Verdict,
    verdict_of,
    verdict_of_method,
)
from workflows.hints import GatewayReported

log = structlog.get_logger()

BATCH = 100
LEASE = timedelta(seconds=60)
"""How long a worker may take over a batch; after that others take it too, which does no harm."""
TELL_SECONDS = 5.0
READ_SECONDS = 5.0
"""How long the payment methods of a batch may take; whatever was not read by then is read later."""
READ_AT_ONCE = 5
"""Networks renew cards in crowds, and the gateway's limit is for payments first."""
IDLE_SECONDS = 0.5
OUTAGE_SECONDS = 5.0
"""How long to wait before PostgreSQL is asked again when it was away."""
ASKED_JUST_NOW_AGAIN = timedelta(seconds=2)
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=2)
TRIED_FOR = timedelta(days=3)
"""As long as the gateways themselves send again what is not taken."""
MAX_RESULT_LENGTH = 500


class InboxHandler:
    """Handles events of the inbox; any number of them may run beside each other."""

    def __init__(self, database: Database, client: Client, task_queue: str, gateways: Mapping[str, Gateway]) -> None:
        self._database = database
        self._client = client
        self._task_queue = task_queue
        self._methods = MethodReader(database, gateways)
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    async def run(self) -> None:
        """Handle what is due, until cancelled; nothing that an event or a server does ends it."""
        while True:
            pause_seconds = 0.0
            try:
                if await self.handle_due() < BATCH:
                    pause_seconds = IDLE_SECONDS
            except OUTAGES as error:
                pause_seconds = OUTAGE_SECONDS
                log.warning("inbox.database_away", reason=outage_reason(error))
            except Exception:
                pause_seconds = OUTAGE_SECONDS
                log.exception("inbox.defect")
            await asyncio.sleep(pause_seconds)

    async def handle_due(self) -> int:
        """Handle a batch of what is due; returns how many that were."""
        async with self._database.begin() as connection:
            taken = await inbox.take_due(connection, BATCH, LEASE)
        await self._handle(taken)
        return len(taken)

    async def handle_again(self, sequences: Sequence[int]) -> Sequence[Settlement]:
        """Handle these events now, and tell the process even where the books know it all; returns what became of each."""
        async with self._database.begin() as connection:
            taken = await inbox.take_named(connection, sequences, LEASE)
        return await self._handle(taken, anyway=True)

    async def _handle(self, taken: Sequence[InboxEvent], *, anyway: bool = False) -> list[Settlement]:
        """Handle a batch; where that fails as a whole, each by itself, so that one event never stands in another's way."""
        if not taken:
            return []
        try:
            return await self._handle_together(taken, anyway=anyway)
        except OUTAGES:
            raise
        except Exception as error:
            if len(taken) > 1:
                return [settled for event in taken for settled in await self._handle([event], anyway=anyway)]
            log.exception("inbox.event_failed", gateway=taken[0].gateway, event_id=taken[0].event_id)
            return await self._settle([_failed(taken[0], f"a defect: {type(error).__name__}: {_line(error)}")])

    async def _handle_together(self, taken: Sequence[InboxEvent], *, anyway: bool) -> list[Settlement]:
        settlements: list[Settlement] = []
        news: dict[tuple[str, str | None, bool], list[tuple[InboxEvent, News]]] = {}
        of_methods: dict[str, list[tuple[InboxEvent, MethodNews]]] = {}
        for event, verdict in await self._judged(taken, anyway=anyway):
            if isinstance(verdict, News):
                operation = verdict.operation
                process = (operation.charge_id, operation.refund_id, verdict.is_later)
                news.setdefault(process, []).append((event, verdict))
            elif isinstance(verdict, MethodNews):
                of_methods.setdefault(verdict.method.method_id, []).append((event, verdict))
            else:
                settlements.append(_settled(event, verdict))
        told = await asyncio.gather(*(self._tell(of_one_process) for of_one_process in news.values()))
        settled = await self._settle([*settlements, *(settlement for group in told for settlement in group)])
        # Last, since a gateway may take its time: no payment waits for that.
        until = asyncio.get_running_loop().time() + READ_SECONDS
        read = await asyncio.gather(*(self._read(of_one_method, until) for of_one_method in of_methods.values()))
        return settled + await self._settle([settlement for group in read for settlement in group])

    async def _judged(self, taken: Sequence[InboxEvent], *, anyway: bool) -> list[tuple[InboxEvent, Verdict]]:
        """Read what the events say, and hold it against the books."""
        judged: list[tuple[InboxEvent, Verdict]] = []
        read: list[tuple[InboxEvent, WebhookEvent]] = []
        for event in taken:
            try:
                read.append((event, read_event(event.gateway, event.body)))
            except DeliveryRefused as error:
                judged.append((event, NotOurs(f"cannot be read: {error}")))
        async with self._database.connect() as connection:
            for gateway in sorted({event.gateway for event, _ in read}):
                of_gateway = [(event, said) for event, said in read if event.gateway == gateway]
                names = frozenset().union(*(said.names for _, said in of_gateway))
                found = await event_matching.operations_named(connection, gateway, names)
                tokens = frozenset().union(*(said.tokens for _, said in of_gateway))
                kept = await methods.by_tokens(connection, gateway, tokens) if tokens else []
                now = datetime.now(UTC)
                for event, said in of_gateway:
                    of_payment = not said.tokens
                    verdict = (
                        verdict_of(said, found, now, anyway=anyway) if of_payment else verdict_of_method(said, kept)
                    )
                    judged.append((event, verdict))
        return judged

    async def _tell(self, of_one_process: Sequence[tuple[InboxEvent, News]]) -> list[Settlement]:
        """Tell one process once, whatever number of events are news to it."""
        event, news = of_one_process[-1]
        operation: Operation = news.operation
        hint = GatewayReported(
            gateway=event.gateway,
            event_id=event.event_id,
            event_type=event.event_type,
            reference=news.reference,
        )
        try:
            async with asyncio.timeout(TELL_SECONDS):
                process = await telling.tell(
                    self._client,
                    self._task_queue,
                    operation.charge_id,
                    operation.refund_id,
                    hint,
                    is_later=news.is_later,
                )
        except (RPCError, TimeoutError) as error:
            reason = f"Temporal could not take it: {_line(error)}"
            log.warning("inbox.temporal_away", events=len(of_one_process), reason=reason)
            return [_failed(event, reason, news.operation) for event, news in of_one_process]
        return [
            _settlement(event, EventState.HANDLED, f"told {process}", operation=news.operation)
            for event, news in of_one_process
        ]

    async def _read(self, of_one_method: Sequence[tuple[InboxEvent, MethodNews]], until: float) -> list[Settlement]:
        """Read one payment method once, whatever number of events speak of it."""
        seen = of_one_method[-1][1].method
        try:
            async with asyncio.timeout_at(until), self._reading:
                found = await self._methods.read(seen, actor=f"gateway:{seen.gateway}")
        except (GatewayError, BillingError, TimeoutError) as error:
            why = f"no answer of {seen.gateway} in time" if isinstance(error, TimeoutError) else _line(error)
            reason = f"payment method {seen.method_id} was not read: {why}"
            log.warning("inbox.method_not_read", method_id=seen.method_id, reason=reason)
            return [_failed(event, reason) for event, _ in of_one_method]
        result = f"payment method {seen.method_id} {what_became(seen, found)}"
        return [_settlement(event, EventState.HANDLED, result) for event, _ in of_one_method]

    async def _settle(self, settlements: list[Settlement]) -> list[Settlement]:
        async with self._database.begin() as connection:
            await inbox.settle(connection, settlements, datetime.now(UTC))
        return settlements


def retry_after(event: InboxEvent, now: datetime) -> timedelta | None:
    """Return when to try an event again, more and more seldom; None once it was tried for long enough."""
    if now - event.received_at >= TRIED_FOR:
        return None
    doublings = min(max(event.attempts - 1, 0), 20)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)


def _settled(event: InboxEvent, verdict: Verdict) -> Settlement:
    match verdict:
        case Known(operation=operation):
            return _settlement(event, EventState.HANDLED, "the books say so already", operation=operation)
        case AskedJustNow(operation=operation):
            return Settlement(
                sequence=event.sequence,
                attempts=event.attempts,
                state=EventState.RECEIVED,
                next_try_after=ASKED_JUST_NOW_AGAIN,
                charge_id=operation.charge_id,
                operation_id=operation.operation_id,
                result="its process is asking the gateway at this moment",
            )
        case NotOurs(reason=reason):
            return _settlement(event, EventState.IGNORED, reason)
        case _:
            after = retry_after(event, datetime.now(UTC))
            return _settlement(event, EventState.UNMATCHED, "no operation of ours is what it speaks of", after)


def _failed(event: InboxEvent, reason: str, operation: Operation | None = None) -> Settlement:
    return _settlement(event, EventState.FAILED, reason, retry_after(event, datetime.now(UTC)), operation)


def _settlement(
    event: InboxEvent,
    state: EventState,
    result: str,
    next_try_after: timedelta | None = None,
    operation: Operation | None = None,
) -> Settlement:
    return Settlement(
        sequence=event.sequence,
        attempts=event.attempts,
        state=state,
        next_try_after=next_try_after,
        charge_id=operation.charge_id if operation else None,
        operation_id=operation.operation_id if operation else None,
        result=result[:MAX_RESULT_LENGTH],
    )


def _line(error: object) -> str:
    """Return the first line of a fault, without what no database stores."""
    text = (str(error).strip() or type(error).__name__).partition("\n")[0]
    return "".join(character for character in text if character.isprintable())[:MAX_RESULT_LENGTH]
