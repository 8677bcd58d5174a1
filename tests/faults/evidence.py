"""What is known after a run, read without the system's code: the simulators' truth, the tables, the processes' histories.

Plain HTTP, plain SQL and JSON; imports nothing of ours.
"""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from temporalio.client import Client

Row = Mapping[str, Any]

LINES = """
SELECT l.entry_id, l.side, l.amount_minor, l.currency, a.code, a.currency AS account_currency
FROM lines l JOIN accounts a USING (account_id)
"""
SECONDS = 60.0


@dataclass(frozen=True)
class Effect:
    """What really happened at a gateway; `operation_id` None where nothing names it."""

    gateway: str
    kind: str
    operation_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    payment_id: str
    object_id: str
    """The gateway's object: of what was taken back, the name under which it is told."""
    sequence: int


@dataclass(frozen=True)
class Acknowledged:
    """What a caller was told, and may rely on."""

    charge_id: str
    status: str
    captured_minor: int


@dataclass(frozen=True)
class Evidence:
    """Everything, of all charges of one database."""

    charges: Mapping[str, Row]
    operations: Mapping[str, Row]
    entries: tuple[Row, ...]
    lines: tuple[Row, ...]
    reviews: frozenset[str]
    """Charges with an open review."""
    effects: tuple[Effect, ...]
    open_processes: frozenset[str]
    """Ids of the workflows that run."""
    acknowledged: tuple[Acknowledged, ...] = ()


def read(
    database_url: str,
    simulators: Mapping[str, str],
    open_processes: frozenset[str],
    acknowledged: tuple[Acknowledged, ...] = (),
) -> Evidence:
    """Read a database and the simulators, given by their addresses."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        charges = {row["charge_id"]: row for row in connection.execute("SELECT * FROM charges")}
        operations = {row["operation_id"]: row for row in connection.execute("SELECT * FROM operations")}
        entries = tuple(connection.execute("SELECT * FROM entries ORDER BY entry_id"))
        lines = tuple(connection.execute(LINES))
        reviews = _reviews(connection)
    payments = {row["payment_reference"]: row["charge_id"] for row in operations.values() if row["payment_reference"]}
    effects = tuple(
        _effect(gateway, effect, payments) for gateway, url in simulators.items() for effect in _truth(url)["effects"]
    )
    ours = tuple(effect for effect in effects if effect.charge_id in charges or effect.charge_id is None)
    return Evidence(charges, operations, entries, lines, reviews, ours, open_processes, acknowledged)


async def running(client: Client) -> frozenset[str]:
    """Ids of the workflows that have not ended."""
    return frozenset([found.id async for found in client.list_workflows("ExecutionStatus = 'Running'")])


async def history(client: Client, workflow_id: str) -> dict[str, Any]:
    """The events of a process, as JSON."""
    document: dict[str, Any] = json.loads((await client.get_workflow_handle(workflow_id).fetch_history()).to_json())
    return document


def requests(url: str) -> list[dict[str, Any]]:
    """All requests that a simulator got, oldest first."""
    found: list[dict[str, Any]] = _truth(url)["requests"]
    return found


def operation_of(key: str | None) -> str | None:
    """The operation of an idempotency key: `{charge_id}:{kind}:{n}`, and what may follow for requests of its own."""
    return ":".join(key.split(":")[:3]) if key and key.count(":") >= 2 else None


def _reviews(connection: psycopg.Connection[dict[str, Any]]) -> frozenset[str]:
    exists = connection.execute("SELECT to_regclass('public.reviews') AS name").fetchone()
    if exists is None or exists["name"] is None:
        return frozenset()
    return frozenset(row["charge_id"] for row in connection.execute("SELECT charge_id FROM reviews"))


def _effect(gateway: str, effect: Mapping[str, Any], payments: Mapping[str, str]) -> Effect:
    operation_id = effect["operation_id"] or operation_of(effect["idempotency_key"])
    charge_id = operation_id.split(":")[0] if operation_id else payments.get(effect["payment_id"])
    return Effect(
        gateway=gateway,
        kind=effect["kind"],
        operation_id=operation_id,
        charge_id=charge_id,
        amount_minor=effect["amount_minor"],
        currency=effect["currency"],
        payment_id=effect["payment_id"],
        object_id=effect["object_id"],
        sequence=effect["sequence"],
    )


def _truth(url: str) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/_control/truth", timeout=SECONDS) as response:
        document: dict[str, Any] = json.load(response)
    return document
