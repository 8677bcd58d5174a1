"""`make restore-drill`: loses the database of a system at work, restores it to a named moment, and shows what that takes.

Charges are played before, during and after the base backup, and after the moment. What was in the books at the moment must be
there to the last byte; what came later is found at the gateways by `prove`, and put back by `prove --repair`.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local import backup, demo_scenario, demo_stories, directory, postgres, worker
from local.addresses import DATABASE
from local.demo_player import Player
from local.demo_scenario import PlannedCharge
from local.postgres import Postgres
from local.process import ROOT
from local.system import System, running_system
from settings import Settings
from workflows.charge import workflow_id
from workflows.client import connect

MOMENT = "restore_drill"
BATCH = 12
STORIES = (demo_stories.AT_ONCE, "captured later")
"""Charges that are over soon; what the gateways do with the others is the demo's."""
COMMAND_SECONDS = 300.0
SETTLED_SECONDS = 60.0
POLL_SECONDS = 0.5
# Rows of the journal and of what people and processes know of it, as text: whatever differs by a byte differs here.
FINGERPRINT = (
    "SELECT string_agg(t.digest, ' ' ORDER BY t.name) FROM ("
    " SELECT 'entries' AS name, md5(string_agg(r::text, ',' ORDER BY r.entry_id)) AS digest FROM entries r UNION ALL"
    " SELECT 'lines', md5(string_agg(r::text, ',' ORDER BY r.line_id)) FROM lines r UNION ALL"
    " SELECT 'balances', md5(string_agg(r::text, ',' ORDER BY r.account_id)) FROM balances r UNION ALL"
    " SELECT 'seals', md5(string_agg(r::text, ',' ORDER BY r.number)) FROM seals r UNION ALL"
    " SELECT 'charges', md5(string_agg(r::text, ',' ORDER BY r.charge_id)) FROM charges r UNION ALL"
    " SELECT 'operations', md5(string_agg(r::text, ',' ORDER BY r.operation_id)) FROM operations r) t"
)


class NotAsItWas(Exception):
    """A step of the drill did not end as it must; the message says which, and how."""


@dataclass(frozen=True)
class Books:
    """What there was at a moment."""

    entries: int
    fingerprint: str


def run(path: Path, say: Callable[[str], None]) -> int:
    """Run the drill over the directory `path`, emptied first; returns the exit code. Raises LocalError."""
    with directory.held(path, "end it first (Ctrl-C there)") as place:
        place.clear()
        backup.keep_log(place.data / "postgres", place.data / "archive", log=place.log("postgres"))
    started = time.monotonic()
    try:
        with running_system(path, on_progress=lambda part: say(f"starting {part}")) as system, ExitStack() as stack:
            _Drill(system, say, stack).run()
    except NotAsItWas as error:
        say(f"FAILED: {error}")
        return 1
    say(f"The drill ended as it must, in {time.monotonic() - started:.0f} s.")
    return 0


class _Drill:
    """One run over a system whose database archives its log."""

    def __init__(self, system: System, say: Callable[[str], None], stack: ExitStack) -> None:
        self._system = system
        self._say = say
        self._stack = stack
        """Ends what is started in place of what was lost."""
        self._data = system.path / "data"
        self._log = system.path / "logs" / "restore.log"
        self._anchor = str(self._data / "anchor.json")
        told = [planned for planned in demo_scenario.plan() if planned.story.name in STORIES]
        self._batches = [told[first : first + BATCH] for first in range(0, 4 * BATCH, BATCH)]

    def run(self) -> None:
        """Do all steps; raises NotAsItWas, and LocalError where a part fails."""
        before, during, after, lost = self._batches
        self._play(before, "charges before the backup")
        self._back_up(during)
        self._play(after, "charges after the backup")
        expected = self._mark()
        self._play(lost, "charges after the moment, which will be lost")
        self._lose()
        restored = self._restore()
        self._compare(restored, expected)
        self._check()
        self._repair({planned.charge_id for planned in lost})
        self._prove_all()

    def _play(self, plan: Sequence[PlannedCharge], what: str) -> None:
        troubles = asyncio.run(self._played(plan))
        _require(not troubles, f"{what} did not end: {troubles}")
        self._say(f"ok  {len(plan)} {what}")

    async def _played(self, plan: Sequence[PlannedCharge]) -> dict[str, str]:
        """Play charges, and wait until their processes have nothing more to do."""
        values: dict[str, Any] = {name.lower(): value for name, value in self._system.ports.settings().items()}
        settings = Settings(**values)
        client = await connect(settings)
        troubles = await Player(client, settings.task_queue).play(plan)
        handles = [client.get_workflow_handle(workflow_id(planned.charge_id)) for planned in plan]
        async with asyncio.timeout(SETTLED_SECONDS):
            await asyncio.gather(*(handle.result() for handle in handles))
        return troubles

    def _back_up(self, during: Sequence[PlannedCharge]) -> None:
        """Take the base backup while charges run."""
        source, copy = self._data / "postgres", self._data / "backup"
        with ThreadPoolExecutor(1) as other:
            # The program that copies ends with the thread that started it, so charges have the other one.
            playing = other.submit(asyncio.run, self._played(during))
            backup.base_backup(self._system.postgres, source, copy, log=self._log)
            troubles = playing.result()
        _require(not troubles, f"charges during the backup did not end: {troubles}")
        self._say(f"ok  base backup taken and verified while {len(during)} charges ran")

    def _mark(self) -> Books:
        """Seal everything, keep an anchor, and name the moment."""
        self._until(lambda: not self._ask("ledger", "verify", "--json")["unsealed_entries"], "all entries are sealed")
        self._ask("ledger", "anchor", "--out", self._anchor, "--json")
        found = _books(self._system.postgres)
        backup.name_moment(self._system.postgres, MOMENT)
        _require(_books(self._system.postgres) == found, "the books changed while the moment was named: try again")
        self._say(f"ok  moment {MOMENT} named: {found.entries} entries, all sealed, an anchor kept apart")
        return found

    def _lose(self) -> None:
        """End the programs, have the log in the archive, and kill the database."""
        for part in (self._system.worker, self._system.api):
            part.stop()
        backup.archive_all(self._system.postgres)
        more = _books(self._system.postgres).entries
        self._system.postgres.process.kill()
        self._say(f"ok  workers stopped, log archived, database lost with {more} entries")

    def _restore(self) -> Postgres:
        """Start another server, over the backup and the archive, at the old one's address."""
        data = self._data / "restored"
        backup.restore(self._data / "backup", self._data / "archive", data, MOMENT)
        started = postgres.start(data, self._system.postgres.port, log=self._log)
        server = self._stack.enter_context(started)
        backup.wait_restored(server)
        self._say("ok  base backup restored, log replayed to the moment and no further")
        return server

    def _compare(self, restored: Postgres, expected: Books) -> None:
        found = _books(restored)
        _require(found == expected, f"the books are not those of the moment: {found}, not {expected}")
        self._say(f"ok  all {found.entries} entries of the moment are there, to the last byte, and no other")

    def _check(self) -> None:
        """Before a worker starts: the schema, its protection, the seals, the anchor."""
        worker.migrate(self._system.environment, log=self._log)
        self._ask("ledger", "protection", "--json")
        self._say("ok  schema up to date, ledger protected")
        found = self._ask("ledger", "verify", "--anchor", self._anchor, "--json")
        _require(found["anchored_to"] is not None, "the anchor of the moment was not met")
        self._say(f"ok  ledger verify: {found['entries']} entries under {found['seals']} seals, as the anchor says")

    def _repair(self, lost: set[str]) -> None:
        """What the gateways have and the books lack is found, proposed, and put back."""
        found = self._ask("prove", "--json", exit_code=1)
        differ = {finding["charge_id"] for finding in found["findings"]} - {None}
        _require(differ == lost, f"prove names {sorted(differ)}, and what was lost is {sorted(lost)}")
        self._say(f"ok  prove: {len(found['findings'])} findings, of exactly the {len(lost)} charges that were lost")
        proposed = self._ask("prove", "--repair", "--json", exit_code=1)
        entries = sum(len(charge["entries"]) for charge in proposed["charges"])
        _require(not proposed["done"] and entries > 0, "prove --repair proposed nothing")
        self._say(
            f"ok  prove --repair proposes {entries} entries for {len(proposed['charges'])} charges, and posts none"
        )
        repaired = self._ask("prove", "--repair", "--yes", "--json")
        _require(repaired["done"] and not repaired["cannot"], f"not all was repaired: {repaired['cannot']}")
        self._say("ok  prove --repair --yes: done")

    def _prove_all(self) -> None:
        """With workers again: everything is sealed, and everything is proved."""
        log = self._system.path / "logs" / "worker-again.log"
        started = worker.start(self._system.environment, health_port=self._system.worker.port, log=log)
        self._stack.enter_context(started)
        self._until(lambda: not self._ask("ledger", "verify", "--json")["unsealed_entries"], "all entries are sealed")
        found = self._ask("ledger", "verify", "--anchor", self._anchor, "--json")
        self._say(f"ok  ledger verify: {found['entries']} entries under {found['seals']} seals, as the anchor says")
        proved = self._ask("prove", "--json")
        sealed = next(each for each in proved["invariants"] if each["invariant"] == "I8")
        _require(sealed["state"] == "kept" and sealed["checked"] > 0, f"prove did not check the seals: {sealed}")
        charges = sum(len(batch) for batch in self._batches)
        _require(
            proved["checked"]["charges"] == charges, f"{proved['checked']['charges']} of {charges} charges are there"
        )
        self._say(
            f"ok  prove: {charges} charges, {proved['checked']['entries']} entries and {sealed['checked']} seals agree"
        )

    def _ask(self, *arguments: str, exit_code: int = 0) -> Any:
        """Run a command as people do, and return what it prints; raises NotAsItWas where it says something else."""
        ended = subprocess.run(
            [sys.executable, str(ROOT / "starter.py"), *arguments],
            env=self._system.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        command = " ".join(arguments)
        _require(
            ended.returncode == exit_code, f"{command} ended with exit code {ended.returncode}: {ended.stderr.strip()}"
        )
        return json.loads(ended.stdout)

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SETTLED_SECONDS
        while not is_so():
            _require(time.monotonic() < deadline, f"it did not come about that {what}")
            time.sleep(POLL_SECONDS)


def _books(server: Postgres) -> Books:
    with psycopg.connect(server.url(DATABASE)) as connection:
        [(entries,)] = connection.execute("SELECT count(*) FROM entries").fetchall()
        [(fingerprint,)] = connection.execute(FINGERPRINT).fetchall()
    return Books(entries, fingerprint)


def _require(is_so: object, otherwise: str) -> None:
    if not is_so:
        raise NotAsItWas(otherwise)
