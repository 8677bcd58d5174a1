"""The worked examples of docs/ledger-api.md are what the service answers, with the file of services that the local system has."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import errors, exchange_errors, rates, service_file
from ledger.database import create_engine
from local.process import ROOT
from tests.api.conftest import running
from tests.api.test_facts import collected
from tests.conftest import Database
from tests.ledger.exchange_samples import new_rate

LOCAL = Path(ROOT) / "local" / "services.yaml"
TEXT = (Path(ROOT) / "docs" / "ledger-api.md").read_text()
BLOCKS = re.findall(r"^<!-- example: \S+ -->\n\n```\n(.*?)```$", TEXT, flags=re.MULTILINE | re.DOTALL)
REQUEST = re.compile(
    r"curl http://127\.0\.0\.1:12113(?P<path>\S+) -H 'Authorization: (?P<key>[^']+)'"
    r"(?: -H 'Content-Type: (?P<type>[^']+)' -d '(?P<body>[^']+)')?\n(?P<answer>\d{3} .+)\n"
)


def plain(answer: str) -> str:
    """An answer without times and the numbers of entries, which have gaps where something was refused."""
    return re.sub(r'"(recorded_at":"[^"]+"|entry_id":\d+)', "", answer)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The books as a superuser writes them."""
    engine = create_engine(database.superuser_url, 1)
    yield engine
    await engine.dispose()


async def test_the_examples_are_what_is_answered(database: Database, engine: AsyncEngine, tmp_path: Path) -> None:
    """Whoever types them, one after the other, sees the same; times and numbers apart."""
    async with engine.begin() as connection:
        await rates.add(connection, new_rate("EUR", "USD", "1.10"))
    examples = [match for block in BLOCKS for match in REQUEST.finditer(block)]
    assert len(examples) == TEXT.count("curl http")
    with running(database.app_url, tmp_path / "log", SERVICES_FILE=str(LOCAL)) as service:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as http:
            for example in examples:
                if example["path"].endswith("credit-purchases"):
                    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
                        await collected(superuser, engine, "ch_1", customer="cus_1")
                headers = {"authorization": example["key"], "content-type": example["type"] or "text/plain"}
                verb = "POST" if example["body"] else "GET"
                answer = await http.request(verb, example["path"], headers=headers, content=example["body"])
                assert plain(f"{answer.status_code} {answer.text}") == plain(example["answer"])


def test_the_example_of_a_file_is_in_order() -> None:
    """It can be copied and changed."""
    [text] = re.findall(r"^```\n(services:\n.*?)```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    [service] = service_file.parse(text, "docs").services
    assert service.name == "shop"


@pytest.mark.parametrize("name", re.findall(r"`([A-Z]\w+)`", TEXT.split("## Answers")[1]))
def test_the_refusals_that_are_named_are_there(name: str) -> None:
    """A service can tell them apart by their names."""
    assert hasattr(errors, name) or hasattr(exchange_errors, name)
