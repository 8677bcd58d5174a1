"""The baseline is a fair one: it asks the gateways for the same, and leaves the same rows."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from benchmarks import load
from benchmarks.baseline_rows import TABLES
from benchmarks.baseline_worker import running_baseline
from local.addresses import Ports
from local.system import System, running_system

pytestmark = pytest.mark.system

GATEWAYS = sorted(load.GATEWAYS)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system with the baseline beside it; a charge and a baseline workflow have run at each gateway."""
    with running_system(tmp_path_factory.mktemp("system"), Ports.free()) as running, running_baseline(running):
        yield running


@pytest.fixture(scope="module")
def charge_ids(system: System) -> dict[str, tuple[str, str]]:
    """By gateway: the id of a charge, and that of the same by the baseline."""

    async def play() -> dict[str, tuple[str, str]]:
        driver = await load.connected(system)
        return {name: (await driver.charge(name), await driver.baseline(name)) for name in GATEWAYS}

    return asyncio.run(play())


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_baseline_makes_the_same_requests(
    system: System, charge_ids: dict[str, tuple[str, str]], gateway: str
) -> None:
    """A charge is not compared with something that asks the gateway for less, or for more."""
    ours, theirs = (_requests(system, gateway, charge_id) for charge_id in charge_ids[gateway])
    assert len(ours) == 2
    assert ours == theirs


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_baseline_has_the_same_effects(
    system: System, charge_ids: dict[str, tuple[str, str]], gateway: str
) -> None:
    """The same money moves, and the same fee is told, under ids of the same form."""
    ours, theirs = (_effects(system, gateway, charge_id) for charge_id in charge_ids[gateway])
    assert {effect["kind"] for effect in ours} >= {"capture", "fee"}
    assert ours == theirs


def test_the_baseline_says_as_much_to_the_gateway(system: System, charge_ids: dict[str, tuple[str, str]]) -> None:
    """What was sent leaves payments of the same shape, so that no side's requests and answers are smaller."""
    ours, theirs = (_keys(_payment_intent(system, charge_id)) for charge_id in charge_ids["stripe"])
    assert "metadata.customer" in ours
    assert ours == theirs


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_baseline_writes_the_same_rows(
    system: System, charge_ids: dict[str, tuple[str, str]], gateway: str
) -> None:
    """As many rows in the same tables, with the same columns filled."""
    ours, theirs = charge_ids[gateway]
    assert _rows(system, "public", ours) == _rows(system, "baseline", theirs)
    assert [rows.total() for rows in _rows(system, "public", ours).values()] == [2, 4, 1, 1]


def _requests(system: System, gateway: str, charge_id: str) -> list[tuple[Any, ...]]:
    return [
        (request["method"], _without_ids(request["path"]), request["idempotency_key"].replace(charge_id, "ID"))
        for request in _simulator(system, gateway).truth()["requests"]
        if charge_id in (request["idempotency_key"] or "")
    ]


def _effects(system: System, gateway: str, charge_id: str) -> list[dict[str, Any]]:
    names = ("kind", "amount_minor", "currency")
    return [
        {name: effect[name] for name in names} | {"operation": effect["operation_id"].replace(charge_id, "ID")}
        for effect in _simulator(system, gateway).truth()["effects"]
        if charge_id in (effect["operation_id"] or "")
    ]


def _payment_intent(system: System, charge_id: str) -> dict[str, Any]:
    payment_id = next(
        effect["payment_id"]
        for effect in system.stripe.truth()["effects"]
        if charge_id in (effect["operation_id"] or "")
    )
    address = f"{system.stripe.url}/v1/payment_intents/{payment_id}"
    found: dict[str, Any] = httpx.get(address, headers={"Authorization": "Bearer sk_test_local"}).json()
    return found


def _keys(document: dict[str, Any], prefix: str = "") -> set[str]:
    """The paths of all that is filled in a document."""
    found = set()
    for name, value in document.items():
        found |= (
            _keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}"} if value else set()
        )
    return found


def _simulator(system: System, gateway: str) -> Any:
    return {"stripe": system.stripe, "paypal": system.paypal}[gateway]


def _without_ids(path: str) -> str:
    return re.sub(r"/(pi_\w+|[0-9A-Z]{17})(?=/|$)", "/ID", path)


def _rows(system: System, schema: str, charge_id: str) -> dict[str, Counter[frozenset[str]]]:
    """The names of the filled columns of each row of a charge, by table."""
    found = {}
    with psycopg.connect(system.postgres.url("quittance"), row_factory=dict_row) as connection:
        for table in TABLES[2:]:
            query = SQL("SELECT * FROM {}.{} WHERE charge_id = %s").format(Identifier(schema), Identifier(table))
            rows = connection.execute(query, [charge_id]).fetchall()
            found[table] = Counter(frozenset(k for k, v in row.items() if v is not None) for row in rows)
    return found
