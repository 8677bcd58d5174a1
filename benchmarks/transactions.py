"""`transactions`: database transactions of one charge with automatic capture, reading ones counted too.

PostgreSQL counts every transaction of our database, committed or not. Nothing else uses that database meanwhile:
this process stays away from it, autovacuum is off, and what is left is measured while idle and taken off.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import psycopg

from benchmarks import load
from benchmarks.figures import Figure, at_most
from local.addresses import DATABASE
from local.system import System

CHARGES = 200
IN_FLIGHT = 20
MOST = 3
REPORT_SECONDS = 15.0
"""PostgreSQL's processes report what they counted at the latest 10 s after they last did something."""
COUNT = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"


async def measure(system: System, charges: int = CHARGES) -> AsyncIterator[Figure]:
    """Count before and after, once the worker has opened all its connections."""
    driver = await load.connected(system)
    with psycopg.connect(system.postgres.url(), autocommit=True) as elsewhere:
        elsewhere.execute("ALTER SYSTEM SET autovacuum = off")
        elsewhere.execute("SELECT pg_reload_conf()")
        for gateway in load.GATEWAYS:
            charge = partial(driver.charge, gateway)
            await load.many(charge, charges, IN_FLIGHT)
            first = await _settled(elsewhere)
            background = await _settled(elsewhere) - first
            before = first + background
            await load.many(charge, charges, IN_FLIGHT)
            after = await _settled(elsewhere)
            yield Figure(f"{gateway}_per_charge", (after - before - background) / charges, at_most(MOST))
            yield Figure(f"{gateway}_idle_background", background)


async def _settled(elsewhere: psycopg.Connection) -> int:
    """The count, after everything that happened has been reported."""
    await asyncio.sleep(REPORT_SECONDS)
    [(count,)] = elsewhere.execute(COUNT, [DATABASE]).fetchall()
    return int(count)
