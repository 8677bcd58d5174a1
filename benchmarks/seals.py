"""`seals`: how long it takes to seal and to verify a journal of 1,000,000 lines, to write its evidence and to check that; and how much memory.

A few hundred entries are posted as the application posts them, then copied. All run as people run them, in processes of
their own: `starter.py ledger seal`, `verify`, `evidence write` and `evidence verify`.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.copies import BALANCES
from benchmarks.figures import Figure, at_most
from benchmarks.processor_time import Parts, spent
from ledger import journal, posting
from ledger.database import create_engine
from ledger.money import Money
from ledger.posting import Fact
from local.addresses import DATABASE
from local.system import System

ROOT = Path(__file__).parents[1]
LINES = 1_000_000
POSTED = 500
"""Charges that are posted and then copied: a capture and its fee each, two lines to an entry."""
LINES_OF_A_CHARGE = 4
MOST_SECONDS = 60.0
MOST_MEGABYTES = 300.0
SETTLE_SECONDS = 1.0
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s AND is_identity = 'NO' ORDER BY ordinal_position
"""


async def measure(system: System, lines: int = LINES) -> AsyncIterator[Figure]:
    """Fill the journal, seal it, verify it."""
    system.worker.stop()  # which would seal meanwhile
    await _post(system)
    await asyncio.to_thread(_copy, system, lines // (POSTED * LINES_OF_A_CHARGE) - 1)
    seconds, cpu_seconds, _, megabytes, sealed = await asyncio.to_thread(_run, system, "seal")
    yield Figure("sealing_seconds", seconds)
    yield Figure("sealing_cpu_seconds", cpu_seconds)
    yield Figure("sealing_mb", megabytes, at_most(MOST_MEGABYTES))
    yield Figure("seals", len(sealed["seals"]))
    seconds, cpu_seconds, server_seconds, megabytes, found = await asyncio.to_thread(_run, system, "verify")
    if found["verdict"] != "verified":
        raise AssertionError(f"the journal does not verify: {found['damage']}")
    yield Figure("verified_lines", found["lines"])
    yield Figure("verifying_seconds", seconds, at_most(MOST_SECONDS))
    yield Figure("verifying_cpu_seconds", cpu_seconds)
    yield Figure("verifying_postgresql_cpu_seconds", server_seconds)
    yield Figure("verifying_mb", megabytes, at_most(MOST_MEGABYTES))
    pack, month = str(system.path / "evidence"), f"{datetime.now(UTC):%Y-%m}"
    seconds, _, _, megabytes, written = await asyncio.to_thread(_run, system, "evidence", "write", month, "--to", pack)
    if written["lines"] != found["lines"]:
        raise AssertionError(f"the evidence has {written['lines']} lines of {found['lines']}")
    yield Figure("evidence_seconds", seconds)
    yield Figure("evidence_mb", megabytes, at_most(MOST_MEGABYTES))
    seconds, _, _, megabytes, checked = await asyncio.to_thread(_run, system, "evidence", "verify", pack)
    if checked["verdict"] != "verified":
        raise AssertionError(f"the evidence does not verify: {checked['faults']}")
    yield Figure("checking_evidence_seconds", seconds)
    yield Figure("checking_evidence_mb", megabytes, at_most(MOST_MEGABYTES))


async def _post(system: System) -> None:
    engine = create_engine(system.postgres.url(DATABASE, user="quittance_app"), pool_size=1)
    for number in range(POSTED):
        fact = Fact(
            operation_id=f"sealed_{number}:capture:1",
            charge_id=f"sealed_{number}",
            gateway=("stripe", "paypal")[number % 2],
            money=Money(amount_minor=1000 + number, currency="USD"),
            event_at=datetime.now(UTC),
            actor="benchmark",
            customer=f"cus_{number % 100}",
            invoice=f"in_{number}" if number % 3 else None,
        )
        async with engine.begin() as connection:
            await journal.post(connection, [posting.captured(fact), posting.fee_charged(fact)])
    await engine.dispose()


def _copy(system: System, copies: int) -> None:
    """Copy what was posted, with the journal's guards off meanwhile, as an administrator may; each copy goes on where the last one ended."""
    with psycopg.connect(system.postgres.url(DATABASE)) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        guards = connection.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A'"
            " AND tgrelid IN ('entries'::regclass, 'lines'::regclass)"
        ).fetchall()
        for table, name in guards:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}".encode())
        values = {"copies": copies}
        connection.execute(_entries(_columns(connection, "entries")), values)
        connection.execute(_lines(_columns(connection, "lines")), values)
        connection.execute(BALANCES)
        for table, name in guards:
            connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}".encode())
    with psycopg.connect(system.postgres.url(DATABASE), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    return [name for (name,) in connection.execute(COLUMNS, [table])]


def _entries(columns: Sequence[str]) -> bytes:
    changed = {"reference": "n || ':' || reference", "transaction_id": "pg_current_xact_id()"}
    values = ", ".join(changed.get(name, name) for name in columns)
    return (
        f"INSERT INTO entries ({', '.join(columns)}) SELECT {values}"  # noqa: S608 # our own words
        " FROM generate_series(1, %(copies)s) n, (SELECT * FROM entries ORDER BY entry_id) e ORDER BY n, entry_id"
    ).encode()


def _lines(columns: Sequence[str]) -> bytes:
    # The last line of an account says where its copies go on, where the schema keeps that.
    changed = {
        "entry_id": "c.entry_id",
        "sequence": "sequence + n * last_sequence",
        "before_minor": "before_minor + n * last_after",
        "after_minor": "after_minor + n * last_after",
    }
    values = ", ".join(changed.get(name, f"l.{name}") for name in columns)
    last = ""
    if "sequence" in columns:
        last = (
            " JOIN (SELECT DISTINCT ON (account_id) account_id, sequence AS last_sequence, after_minor AS last_after"
            " FROM lines ORDER BY account_id, sequence DESC) s USING (account_id)"
        )
    return (
        f"INSERT INTO lines ({', '.join(columns)}) SELECT {values}"  # noqa: S608 # our own words
        " FROM generate_series(1, %(copies)s) n, lines l JOIN entries o USING (entry_id)"
        f"{last}, LATERAL (SELECT entry_id FROM entries WHERE reference = n || ':' || o.reference) c"
        " ORDER BY c.entry_id, l.line_number"
    ).encode()


def _run(system: System, *command: str) -> tuple[float, float, float, float, Any]:
    """Run a command; returns its seconds, its processor seconds, PostgreSQL's, its peak resident megabytes and its document."""
    parts = Parts({"postgres": psutil.Process(system.postgres.process.pid)})
    before = parts.seconds()
    arguments = [sys.executable, "starter.py", "ledger", *command, "--json"]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(arguments, cwd=ROOT, env=system.environment, stdout=answer)
        _, _, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        answer.seek(0)
        said = json.loads(answer.read())
    time.sleep(SETTLE_SECONDS)  # until the server has ended what served it, and counts its time as its own
    server_seconds = spent(before, parts.seconds())["postgres"]
    return seconds, used.ru_utime + used.ru_stime, server_seconds, used.ru_maxrss / 1024, said
