"""While PostgreSQL is away or too much waits, a service is told to send the same again; nothing is acknowledged."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest
from starlette.applications import Starlette

from api import postings
from api.application import application
from api.facts import Booking
from api.ledger_routes import ledger_routes
from api.webhooks import WebhookIntake
from ledger import group_commit, journal, periods, service_file
from ledger.database import create_engine
from ledger.protection.gate import Gate
from local.ports import free_port
from tests.api.conftest import running
from tests.api.shop import Shop, entry, fresh, line, services_file
from tests.conftest import Database
from tests.ledger import months
from tests.ledger.months import appoint, name_of


@pytest.fixture
async def within(database: Database, tmp_path: Path) -> AsyncIterator[Shop]:
    """The service within this process, so that its limits can be lowered."""
    engine = create_engine(database.app_url, 2)
    gate = Gate(engine, unsafe_allowed=True)
    services = service_file.read(Path(services_file(tmp_path)))
    routes = ledger_routes(services, engine, gate, Booking("USD", None))
    app: Starlette = application(WebhookIntake({}, engine, gate), routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://within") as http:
        with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
            yield Shop(http, superuser)
    await engine.dispose()


@pytest.mark.system
async def test_while_postgresql_is_away_nothing_is_acknowledged(tmp_path: Path) -> None:
    """503 within seconds, with when to come again, on each route; whoever has no key is told that all the same."""
    url = f"postgresql://quittance_app@127.0.0.1:{free_port()}/quittance"
    with running(url, tmp_path / "log", SERVICES_FILE=services_file(tmp_path)) as service:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as http:
            shop = Shop(http, None)  # type: ignore[arg-type]
            spent = {"spending_id": "shop.1", "customer": "c", "credits": {"amount": "1", "currency": "CREDIT"}}
            answers = [
                await shop.post(entry()),
                await shop.post(entry(), entry(), together=False),
                await shop.send("credit-spendings", spent | {"event_at": "2026-11-02T00:00:00Z"}),
                await shop.get("accounts/bank:main/USD"),
            ]
            for answer in answers:
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
                assert answer.text == "not known to be posted, send the same again later\n"
            assert (await shop.send("postings", {}, authorization="")).status_code == 401
            assert service.is_healthy()


async def test_who_waits_too_long_is_told_to_send_the_same_again(
    within: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was posted meanwhile is posted once, however often it is asked for."""
    one = entry(fresh(), line("bank:slow", "debit"), line("wallet:user:slow", "credit"))
    await within.post(entry(fresh(), *one["lines"]))
    monkeypatch.setattr(postings, "ANSWER_SECONDS", 0.3)
    with psycopg.connect(database.superuser_url) as blocker:
        blocker.execute("SELECT FROM balances FOR UPDATE")
        started = time.monotonic()
        assert (await within.post(one)).status_code == 503
        assert time.monotonic() - started < 2
        blocker.rollback()
    monkeypatch.setattr(postings, "ANSWER_SECONDS", 20)
    assert (await within.post(one)).status_code in {200, 201}
    assert within.entries(one["entry_reference"]) == 1


async def test_who_comes_when_too_many_wait_is_told_to_come_again(
    within: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """429, with when; nothing of it is posted, and nothing of what others wait for is lost."""
    monkeypatch.setattr(group_commit, "MAX_WAITING", 3)
    answers = await asyncio.gather(*(within.post(entry(), entry()) for _ in range(5)))
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) == {201, 429}
    [refused, *_] = [answer for answer in answers if answer.status_code == 429]
    assert (refused.headers["retry-after"], "entries wait to be posted already" in refused.text) == ("2", True)
    assert within.entries() == 2 * statuses.count(201)
    mixed = await within.post(*(entry() for _ in range(5)), together=False)
    assert mixed.status_code == 429


async def test_what_is_dated_in_a_closed_month_goes_to_the_open_one(within: Shop, database: Database) -> None:
    """Nothing is added to what was closed: it is in the books of the month in which it came, under its own date."""
    appoint(within.superuser, closer="alice bob")
    engine = create_engine(database.app_url, 1)
    old, late = entry(event_at=months.within(2).isoformat()), entry(event_at=months.within(2).isoformat())
    assert (await within.post(old)).status_code == 201
    async with engine.begin() as connection:
        await periods.close(connection, name_of(2), by="alice", despite=None)
    await engine.dispose()
    assert [(await within.post(each)).status_code for each in (old, late)] == [200, 201]
    found = within.superuser.execute("SELECT reference, period, event_at FROM entries ORDER BY entry_id").fetchall()
    assert found == [
        (old["entry_reference"], name_of(2), months.within(2)),
        (late["entry_reference"], name_of(1), months.within(2)),
    ]


async def test_a_defect_of_ours_is_no_outage(within: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 500 in one line, so that nobody sends it again for ever without our hearing of it."""

    async def broken(*_: object) -> None:
        raise KeyError("secret of ours")

    monkeypatch.setattr(journal, "post_all", broken)
    monkeypatch.setattr(journal, "post_each", broken)
    within.http._transport.raise_app_exceptions = False  # type: ignore[attr-defined]
    for answer in (await within.post(entry()), await within.post(entry(), together=False)):
        assert (answer.status_code, answer.text) == (500, "this is a defect of ours, send it again later\n")
