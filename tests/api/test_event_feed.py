"""`GET /events`: a service that may reads every event once, in order, and misses none that is written meanwhile."""

from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from tests.api.conftest import Service, running
from tests.api.shop import CRM_KEY, KEY, Shop
from tests.conftest import Database

TELL = "INSERT INTO events (key, kind, subject, occurred_at, body) VALUES (%s, %s, 'invoice/in_1', now(), '{\"n\": 1}')"


@pytest.fixture
def reader(shop: Shop) -> Shop:
    """A service that may read events, of which there are none yet."""
    shop.superuser.execute("SET session_replication_role = replica")
    shop.superuser.execute("ALTER TABLE events DISABLE TRIGGER ALL")
    shop.superuser.execute("TRUNCATE events RESTART IDENTITY")
    shop.superuser.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER never_changed")
    shop.superuser.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER never_emptied")
    return replace(shop, key=CRM_KEY)


async def ask(reader: Shop, query: str = "") -> httpx.Response:
    """Read events."""
    return await reader.http.get(f"/events{query}", headers={"authorization": f"Bearer {reader.key}"})


async def all_read(reader: Shop, limit: int) -> list[str]:
    """Read on until nothing more comes."""
    keys: list[str] = []
    after = 0
    while True:
        answer: dict[str, Any] = (await ask(reader, f"?after={after}&limit={limit}")).json()
        if not answer["events"]:
            assert answer["next_after"] == after
            return keys
        keys += [each["key"] for each in answer["events"]]
        after = answer["next_after"]


async def test_events_are_read_on_from_the_last(reader: Shop) -> None:
    """Each once, page by page, in order."""
    for number in range(7):
        reader.superuser.execute(TELL, (f"dunning/in_1:{number}", "dunning.began"))
    assert await all_read(reader, 3) == [f"dunning/in_1:{number}" for number in range(7)]
    [first] = (await ask(reader, "?limit=1")).json()["events"]
    assert first.pop("occurred_at") <= first.pop("recorded_at")
    assert first == {
        "event_id": 1,
        "key": "dunning/in_1:0",
        "kind": "dunning.began",
        "subject": "invoice/in_1",
        "customer_id": None,
        "body": {"n": 1},
    }


async def test_what_is_written_meanwhile_is_not_passed_over(reader: Shop, shared: Service) -> None:
    """A transaction that ends late has its events read late, and not never."""
    with psycopg.connect(shared.superuser_url) as slow:
        slow.execute(TELL, ("slow", "dunning.began"))
        reader.superuser.execute(TELL, ("quick", "dunning.began"))
        assert (await ask(reader)).json() == {"events": [], "next_after": 0}
        slow.commit()
    assert await all_read(reader, 1) == ["slow", "quick"]


async def test_who_may_not_read_events_reads_none(reader: Shop) -> None:
    """It takes a key, and the right."""
    assert (await ask(replace(reader, key="x"))).status_code == 401
    answer = await ask(replace(reader, key=KEY))
    assert answer.status_code == 403
    assert answer.text == "service shop may not read events: give it reads_events in SERVICES_FILE\n"


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("?after=x", 400, "after must be a number from 0 to 9223372036854775807"),
        ("?after=-1", 400, "after must be a number from 0 to"),
        (f"?after={2**63}", 400, "after must be a number from 0 to"),
        ("?limit=0", 400, "limit must be a number from 1 to 1000"),
        ("?limit=1001", 400, "limit must be a number from 1 to 1000"),
        ("?since=1", 400, "there is no since: ask for /events?after=ID&limit=N"),
        ("?after=99", 404, "there is no event 99: give the next_after of the last answer, or 0"),
    ],
)
async def test_a_question_that_makes_no_sense(reader: Shop, query: str, code: int, said: str) -> None:
    """One line that says what to ask instead."""
    answer = await ask(reader, query)
    assert (answer.status_code, answer.text.startswith(said)) == (code, True)


async def test_without_services_nobody_reads(database: Database, tmp_path: Any) -> None:
    """The route says what to set."""
    with running(database.app_url, tmp_path / "log") as service:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as http:
            assert (await http.get("/events")).status_code == 404
