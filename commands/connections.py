"""How a command reaches PostgreSQL and Temporal, and what it says when it cannot: one line, exit code 3, within seconds."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import settings as environment
from commands.errors import OutOfReach, WrongUse
from ledger import snapshots
from ledger.database import create_engine
from ledger.protection import report
from settings import Settings, SettingsError
from workflows.client import connect

Books = AsyncConnection
"""A connection to PostgreSQL, for reading."""
Result = TypeVar("Result")

CONNECT_SECONDS = 5.0
PAGING_MINUTES = 30
"""How long a reader may leave a long report where it is."""
REPORT_MINUTES = 10
"""How long PostgreSQL may work for a report, or for the next part of one."""
WORKER_STARTS_SECONDS = 1.0
"""A worker that is just starting asks for work within this time."""
_NESTED_MESSAGE = re.compile(r'message: "([^"]+)"')
_MIGRATE = "run `python worker.py --migrate`"


def run(work: Callable[[Settings], Coroutine[Any, Any, Result]]) -> Result:
    """Run a command's work with the settings of the environment, and translate what goes wrong on the way."""
    settings = load_settings()

    async def translated() -> Result:
        try:
            return await work(settings)
        except SQLAlchemyError as error:
            raise _database_fault(error, settings) from error
        except RPCError as error:
            raise _temporal_fault(error, settings) from error

    return asyncio.run(translated())


def load_settings() -> Settings:
    """Read the environment; raises WrongUse with a line for each fault."""
    try:
        return environment.load()
    except SettingsError as error:
        raise WrongUse(*str(error).splitlines()) from None


@asynccontextmanager
async def books(settings: Settings, url: str | None = None) -> AsyncIterator[Books]:
    """Open one connection to PostgreSQL, for reading; at `url` it has another role."""
    engine = create_engine(url or settings.database_url, pool_size=1)
    try:
        try:
            connection = await asyncio.wait_for(engine.connect().start(), CONNECT_SECONDS + 1)
        except TimeoutError:
            raise _no_database(settings, f"no answer within {CONNECT_SECONDS:g} s") from None
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


@asynccontextmanager
async def snapshot(settings: Settings) -> AsyncIterator[Books]:
    """Open a connection that reads one state of the books, and may be read from as slowly as people page."""
    async with books(settings) as connection:
        await snapshots.begun(connection)
        await connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{REPORT_MINUTES}min'")
        await connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{PAGING_MINUTES}min'")
        yield connection


@asynccontextmanager
async def writable_books(settings: Settings) -> AsyncIterator[Books]:
    """Open one connection to PostgreSQL, for writing; raises OutOfReach where the ledger is not protected."""
    async with books(settings) as connection:
        await require_protection(connection, settings)
        yield connection


async def require_protection(connection: Books, settings: Settings) -> None:
    """Refuse to write to a ledger that is not protected: raises OutOfReach with a line for each fault."""
    found = await report.inspect(connection)
    await connection.rollback()
    serious = found.serious(unsafe_allowed=settings.allow_unsafe_database)
    if serious:
        raise OutOfReach(*(f"nothing was done, since the ledger is not protected: {fault.line}" for fault in serious))


async def temporal(settings: Settings) -> Client:
    """Connect to Temporal."""
    try:
        return await asyncio.wait_for(connect(settings), CONNECT_SECONDS)
    except TimeoutError:
        raise _no_temporal(settings, f"no answer within {CONNECT_SECONDS:g} s") from None
    except (RuntimeError, OSError) as error:
        raise _no_temporal(settings, _first_line(error)) from error


async def require_worker(client: Client, settings: Settings) -> None:
    """Refuse to ask what nobody would answer: raises OutOfReach where no worker asks for work."""
    for pause_seconds in (WORKER_STARTS_SECONDS, 0.0):
        if await has_worker(client, settings.task_queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW):
            return
        await asyncio.sleep(pause_seconds)
    raise OutOfReach(
        f"no worker is running on task queue {settings.task_queue!r}, so nothing was done: "
        "start one with `python worker.py`, or the whole local system with `make up`"
    )


async def has_worker(client: Client, task_queue: str, kind: "TaskQueueType.ValueType") -> bool:
    """Whether a worker asked for work on the queue within the last five minutes."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
    )
    return bool((await client.workflow_service.describe_task_queue(request)).pollers)


def web_ui(settings: Settings, workflow_id: str) -> str:
    """Return the address of a process in the Temporal Web UI."""
    namespace = quote(settings.temporal_namespace, safe="")
    return f"{settings.temporal_ui_address}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}"


def _database_fault(error: SQLAlchemyError, settings: Settings) -> OutOfReach:
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) in {"42P01", "42703", "42883"}:
        return OutOfReach(f"the database at {_database_place(settings)} has not this version's schema: {_MIGRATE}")
    if isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == "3D000":
        return OutOfReach(f"there is no database at {_database_place(settings)}: create it, then {_MIGRATE}")
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return _no_database(settings, _first_line(cause))


def _no_database(settings: Settings, reason: str) -> OutOfReach:
    return OutOfReach(
        f"PostgreSQL at {_database_place(settings)} cannot be reached ({reason}): "
        "start it (locally: `make up`), or set DATABASE_URL"
    )


def _temporal_fault(error: RPCError, settings: Settings) -> OutOfReach:
    if error.status is RPCStatusCode.NOT_FOUND and "amespace" in error.message:
        namespace, address = settings.temporal_namespace, settings.temporal_address
        return OutOfReach(f"Temporal at {address} has no namespace {namespace!r}: create it, or set TEMPORAL_NAMESPACE")
    return _no_temporal(settings, _first_line(error))


def _no_temporal(settings: Settings, reason: str) -> OutOfReach:
    return OutOfReach(
        f"Temporal at {settings.temporal_address} cannot be reached ({reason}): "
        "start it (locally: `make up`), or set TEMPORAL_ADDRESS"
    )


def _database_place(settings: Settings) -> str:
    """Host, port and database, without user and password."""
    parts = urlsplit(settings.database_url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"


def _first_line(error: BaseException) -> str:
    """Say what happened in a line; of the transport's nested errors, the innermost message."""
    text = (str(error).strip() or type(error).__name__).partition("\n")[0]
    messages = _NESTED_MESSAGE.findall(text)
    return messages[-1] if messages else text
