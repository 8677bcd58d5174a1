"""PostgreSQL is killed and its backends are terminated while services post over HTTP: nothing acknowledged is lost, or doubled."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import migrate
from local import postgres
from local.ports import free_port
from local.process import ROOT
from tests.api.conftest import environment, running
from tests.api.shop import services_file
from tests.faults import seeds
from tests.faults.posting_crowd import PostingCrowd
from tests.ledger.test_account_lines import assert_kept

pytestmark = pytest.mark.system

CALLERS = 30
AT_ONCE = 2
"""Backends that are terminated together."""
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity WHERE usename = 'quittance_app' ORDER BY state = 'idle', random() LIMIT %s
) AS victims
"""
NET = """
SELECT code, sum(CASE side WHEN 'credit' THEN amount_minor ELSE -amount_minor END)::bigint
FROM lines JOIN accounts USING (account_id) GROUP BY code
"""


@dataclass
class Mortal:
    """A PostgreSQL of this test's own, which waits for the disk, and can be killed."""

    directory: Path
    port: int
    server: postgres.Postgres

    async def crash(self, chance: random.Random) -> None:
        """Kill all of it at once, and start it again."""
        self.server.process.kill()
        await asyncio.sleep(chance.uniform(0, 0.5))
        self.server = await asyncio.to_thread(self._start)

    async def terminate(self) -> int:
        """End backends of the application, busy ones first, in the middle of what they do; return how many."""
        url = self.server.url("books")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            row = await (await connection.execute(TERMINATE, [AT_ONCE])).fetchone()
        return 0 if row is None else int(row[0])

    def _start(self) -> postgres.Postgres:
        return postgres.start(self.directory / "data", self.port, log=self.directory / "postgres")


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    """The server, migrated and running."""
    port = free_port()
    with ExitStack() as stack:
        mortal = Mortal(tmp_path, port, postgres.start(tmp_path / "data", port, log=tmp_path / "postgres"))
        stack.callback(lambda: mortal.server.stop())  # noqa: PLW0108 # the one that runs then
        mortal.server.ensure_database("books")
        migrate.upgrade(mortal.server.url("books"))
        yield mortal


@pytest.mark.parametrize(
    ("kills", "backends", "postings"), [(1, 10, 500), pytest.param(10, 200, 30_000, marks=pytest.mark.faults)]
)
async def test_what_services_were_told_is_in_the_books_once(
    mortal: Mortal, kills: int, backends: int, postings: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whoever sends the same until it is acknowledged has posted it once; accounts, seals and sums agree."""
    kills, backends, postings = (seeds.scaled(number) for number in (kills, backends, postings))
    url = mortal.server.url("books", user="quittance_app")
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        files = {"SERVICES_FILE": services_file(tmp_path), "ALLOW_UNSAFE_DATABASE": "false"}
        with running(url, tmp_path / "api", **files) as service:
            crowd = PostingCrowd(service.url, random.Random(chance.random()), CALLERS)
            async with asyncio.TaskGroup() as group:
                group.create_task(crowd.play())
                terminated = await disturb(mortal, crowd, chance, kills, backends, postings)
        print(  # noqa: T201 # shown with a failure, and by pytest -s
            f"{kills} kills, {terminated} backends terminated, {len(crowd.acknowledged)} entries acknowledged, "
            f"{crowd.repeated} requests sent again"
        )
        assert terminated >= backends
        assert len(crowd.acknowledged) >= postings
        assert crowd.contradictions == []
        examine(mortal.server.url("books"), crowd)
        assert verified(mortal.server, tmp_path)["verdict"] == "verified"


async def disturb(
    mortal: Mortal, crowd: PostingCrowd, chance: random.Random, kills: int, backends: int, postings: int
) -> int:
    """Kill and terminate, spread over the postings, each time once more was acknowledged; return how many were terminated."""
    troubles = ["kill"] * kills + ["terminate"] * -(-backends // AT_ONCE)
    chance.shuffle(troubles)
    terminated = 0
    step = postings // (len(troubles) + 1)
    for number, trouble in enumerate(troubles, 1):
        await acknowledged(crowd, step * number)
        if trouble == "kill":
            await mortal.crash(chance)
        else:
            terminated += await ended(mortal)
    while terminated < backends:
        terminated += await ended(mortal)
    await acknowledged(crowd, postings)
    crowd.enough = True
    return terminated


async def ended(mortal: Mortal) -> int:
    """Terminate some backends; none where the service has none now."""
    await asyncio.sleep(0.02)
    return await mortal.terminate()


async def acknowledged(crowd: PostingCrowd, count: int) -> None:
    """Wait until so many entries are acknowledged, and one more than now."""
    count = max(count, len(crowd.acknowledged) + 1)
    async with asyncio.timeout(120):
        while len(crowd.acknowledged) < count:
            await asyncio.sleep(0.01)


def examine(url: str, crowd: PostingCrowd) -> None:
    """Hold the books against what was acknowledged, by plain SQL: each reference once, and nothing else."""
    with psycopg.connect(url, autocommit=True) as superuser:
        rows = superuser.execute("SELECT reference, entry_id FROM entries").fetchall()
        assert len(rows) == len({reference for reference, _ in rows})
        assert dict(rows) == crowd.acknowledged
        assert dict(superuser.execute(NET).fetchall()) == dict(crowd.expected)
        assert_kept(superuser)


def verified(server: postgres.Postgres, directory: Path) -> dict[str, Any]:
    """Seal what was posted, and have all of it verified."""
    key = directory / "seal.key"
    variables = {
        **environment(server.url("books", user="quittance_app")),
        "SEALER_DATABASE_URL": server.url("books", user="quittance_sealer"),
        "SEAL_KEY_FILE": str(key),
        "SEAL_PUBLIC_KEY_FILE": f"{key}.pub",
    }

    def starter(*arguments: str) -> str:
        command = [sys.executable, "starter.py", "ledger", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    unset = {name: variables.pop(name) for name in ("SEALER_DATABASE_URL", "SEAL_KEY_FILE")}
    starter("seal-key", "--out", str(key))
    variables |= unset
    starter("seal")
    found: dict[str, Any] = json.loads(starter("verify", "--json"))
    assert found["unsealed_entries"] == 0
    return found
