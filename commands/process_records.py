"""The processes' own record: which there are, what they sent to gateways, and what they told; read from Temporal.

Payloads are read as plain JSON, and none of our processes' code is asked what they mean.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from ledger.proofs.evidence import OF_CHARGES, Answer, HistoryRow, ProcessRow, Sent
from settings import Settings

NAMES = (*OF_CHARGES, "split/", "hold/", "adjustment/", "subscription/", "dunning/")
"""How the ids of our processes begin."""
MOVES_MONEY = frozenset({"authorize", "capture", "void", "refund"})
"""Activities that send an operation to a gateway."""
CONNECT_SECONDS = 5.0
PAGE = 1000
CONCURRENT_READS = 8
READ_SECONDS = 30.0
STATUS = SearchAttributeKey.for_keyword("ChargeStatus")


class ProcessesUnreadable(Exception):
    """Temporal could not be read, so nothing can be concluded from it; says which part and why."""


@dataclass(frozen=True, slots=True)
class Read:
    """A process with its whole history, for whoever wants to replay it."""

    row: ProcessRow
    history: WorkflowHistory


class ProcessRecords:
    """Reads the processes of one task queue. Raises ProcessesUnreadable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connected: Client | None = None
        self._turns = asyncio.Semaphore(CONCURRENT_READS)

    async def everything(self, since: datetime | None) -> dict[str, ProcessRow]:
        """List every process that was started since then, by its id, without histories; the latest run of each."""
        query = f"TaskQueue = '{self._settings.task_queue}'"
        if since is not None:
            query += f" AND StartTime >= '{since.isoformat()}'"
        found: dict[str, ProcessRow] = {}
        client = await self._client()
        try:
            async for execution in client.list_workflows(query, page_size=PAGE):
                if not execution.id.startswith(NAMES):
                    continue
                known = found.get(execution.id)
                if known is None or execution.start_time > known.started_at:
                    found[execution.id] = _row(execution)
        except RPCError as error:
            raise _unreadable("the list of processes", error) from error
        return found

    async def histories(self, rows: Iterable[ProcessRow]) -> AsyncIterator[Read]:
        """Read the histories of these processes, a few at a time, in their order; one that is gone is left out."""
        waiting: list[asyncio.Task[Read | None]] = []
        try:
            for row in rows:
                waiting.append(asyncio.ensure_future(self._with_history(row)))
                if len(waiting) < 2 * CONCURRENT_READS:
                    continue
                read = await waiting.pop(0)
                if read is not None:
                    yield read
            while waiting:
                read = await waiting.pop(0)
                if read is not None:
                    yield read
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def again(self, workflow_ids: Collection[str]) -> list[Read]:
        """Read these processes by id, as they are now; those that there are."""
        rows = await asyncio.gather(*(self._described(workflow_id) for workflow_id in sorted(set(workflow_ids))))
        return [read async for read in self.histories(row for row in rows if row is not None)]

    async def _client(self) -> Client:
        if self._connected is None:
            settings = self._settings
            key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
            connect = Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                api_key=key,
                tls=settings.temporal_tls,
            )
            try:
                self._connected = await asyncio.wait_for(connect, CONNECT_SECONDS)
            except (RuntimeError, OSError, TimeoutError) as error:
                raise _unreadable("the server", error) from error
        return self._connected

    async def _described(self, workflow_id: str) -> ProcessRow | None:
        client = await self._client()
        async with self._turns:
            try:
                return _row(await client.get_workflow_handle(workflow_id).describe())
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise _unreadable(workflow_id, error) from error

    async def _with_history(self, row: ProcessRow) -> Read | None:
        client = await self._client()
        async with self._turns:
            try:
                history = await asyncio.wait_for(
                    client.get_workflow_handle(row.workflow_id).fetch_history(), READ_SECONDS
                )
            except RPCError as error:
                # Between listing and reading, retention may have taken it.
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise _unreadable(row.workflow_id, error) from error
            except TimeoutError as error:
                raise _unreadable(row.workflow_id, error) from error
        return Read(row._replace(history=history_row(history.events, row.workflow_id)), history)


def history_row(events: Sequence[HistoryEvent], workflow_id: str) -> HistoryRow:
    """Read a history: what was asked for, sent and told. Raises ProcessesUnreadable."""
    charge_id: str | None = None
    sent: list[Sent] = []
    answers: list[Answer] = []
    for event in events:
        if event.HasField("workflow_execution_started_event_attributes"):
            request = _first(event.workflow_execution_started_event_attributes.input.payloads, workflow_id)
            charge_id = request.get("charge_id") if isinstance(request, dict) else None
        elif event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name in MOVES_MONEY:
                operation = _first(scheduled.input.payloads, workflow_id)
                if isinstance(operation, dict) and "operation_id" in operation:
                    sent.append(Sent(operation["operation_id"], operation["kind"], operation["gateway"]))
        else:
            answers += _told(event, workflow_id)
    return HistoryRow(charge_id, tuple(sent), tuple(answers))


def _told(event: HistoryEvent, workflow_id: str) -> list[Answer]:
    if event.HasField("workflow_execution_completed_event_attributes"):
        payloads = event.workflow_execution_completed_event_attributes.result.payloads
    elif event.HasField("workflow_execution_update_completed_event_attributes"):
        payloads = event.workflow_execution_update_completed_event_attributes.outcome.success.payloads
    else:
        return []
    view = _first(payloads, workflow_id)
    if not isinstance(view, dict) or "status" not in view:
        return []
    return [Answer(view["status"], view.get("authorized_minor"), view.get("captured_minor"))]


def _first(payloads: Sequence[Payload], workflow_id: str) -> Any:
    """Read the first payload as plain JSON; None where there is none."""
    if not payloads:
        return None
    encoding = payloads[0].metadata.get("encoding", b"").decode()
    if encoding == "binary/null":
        return None
    if encoding != "json/plain":
        message = f"Temporal: the payloads of {workflow_id} are written as {encoding}, which the proof does not read"
        raise ProcessesUnreadable(message)
    try:
        return json.loads(payloads[0].data)
    except ValueError:
        raise ProcessesUnreadable(f"Temporal: a payload of {workflow_id} is not JSON") from None


def _row(execution: WorkflowExecution) -> ProcessRow:
    status = execution.status.name.lower() if execution.status is not None else "unknown"
    return ProcessRow(
        workflow_id=execution.id,
        status=status,
        started_at=execution.start_time,
        shown_status=execution.typed_search_attributes.get(STATUS),
    )


def _unreadable(what: str, error: BaseException) -> ProcessesUnreadable:
    said = (str(error).strip() or type(error).__name__).partition("\n")[0]
    return ProcessesUnreadable(f"Temporal: {what} could not be read: {said}")
