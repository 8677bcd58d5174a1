"""`prove`: how long the proof of 10,000 charges takes, and how much memory.

A few charges of several endings are run and copied in the books and the simulators; a thousand more run with processes,
of whose histories the proof replays as many as it does by itself. It runs as people run it, in a process of its own.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks import load
from benchmarks.copies import copy_books, copy_simulator
from benchmarks.figures import Figure, at_most
from benchmarks.load import Load
from ledger.charges import CaptureMode
from ledger.refunds import RefundRequest
from local import simulators
from local.addresses import DATABASE
from local.system import System
from workflows.charge import ChargeWorkflow, workflow_id
from workflows.charge_commands import CaptureCommand
from workflows.refund import AwaitRefundDecision, RefundWorkflow

ROOT = Path(__file__).parents[1]
CHARGES = 10_000
WITH_PROCESSES = 1_000
IN_FLIGHT = 50
MOST_SECONDS = 60.0
MOST_MEGABYTES = 300.0
HISTORIES = (None, 500)
"""How many histories are asked for; None for the proof without Temporal, which is what the fourth source is held against."""


async def measure(
    system: System, charges: int = CHARGES, with_processes: int = WITH_PROCESSES
) -> AsyncIterator[Figure]:
    """Fill the system, then prove it, with and without Temporal."""
    driver = await load.connected(system)
    originals = await _originals(driver)
    _copy(system, originals, (charges - with_processes) // len(originals))
    gateways = itertools.cycle(load.GATEWAYS)
    await load.many(lambda: driver.charge(next(gateways)), with_processes, IN_FLIGHT)
    for histories in HISTORIES:
        name = "without_temporal" if histories is None else f"with_{histories}_histories"
        seconds, cpu_seconds, megabytes, proved = await asyncio.to_thread(_proved, system, histories)
        yield Figure(f"{name}_charges", proved)
        yield Figure(f"{name}_seconds", seconds, at_most(MOST_SECONDS))
        yield Figure(f"{name}_cpu_seconds", cpu_seconds)
        yield Figure(f"{name}_mb", megabytes, at_most(MOST_MEGABYTES))


async def _originals(driver: Load) -> list[str]:
    """At each gateway: captured at once, captured and refunded, and authorized and captured in part."""
    charge_ids = []
    for gateway in load.GATEWAYS:
        refunded = await driver.charge(gateway)
        held = await driver.charge(gateway, CaptureMode.MANUAL)
        handle = driver.ours.get_workflow_handle(workflow_id(held))
        await handle.execute_update(ChargeWorkflow.capture, CaptureCommand(amount_minor=2000, actor="benchmark"))
        await _refund(driver, refunded)
        charge_ids += [await driver.charge(gateway), refunded, held]
    return charge_ids


async def _refund(driver: Load, charge_id: str) -> None:
    request = RefundRequest(refund_id=f"r_{charge_id}", charge_id=charge_id, amount_minor=700, actor="benchmark")
    handle = await driver.ours.start_workflow(
        RefundWorkflow.run, request, id=f"refund/{request.refund_id}", task_queue=driver.settings.task_queue
    )
    await handle.execute_update(RefundWorkflow.await_decision, AwaitRefundDecision())


def _copy(system: System, originals: list[str], copies: int) -> None:
    copy_books(system.postgres.url(DATABASE), originals, copies)
    for running, name, start in (
        (system.stripe, "stripe", simulators.start_stripe),
        (system.paypal, "paypal", simulators.start_paypal),
    ):
        running.stop()
        state = system.path / "data" / f"{name}.state"
        copy_simulator(state, originals, copies)
        start(running.port, state=state, log=system.path / "logs" / f"{name}-again.log")


def _proved(system: System, histories: int | None) -> tuple[float, float, float, int]:
    """Run the command; returns seconds, those of its own processor time, peak resident megabytes and how many charges it proved."""
    command = [sys.executable, "starter.py", "prove", "--json", "--histories", str(histories or "none")]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(command, cwd=ROOT, env=system.environment, stdout=answer)
        _, _, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        answer.seek(0)
        said = answer.read()
    report = json.loads(said)
    if report["verdict"] != "proved":
        raise AssertionError(f"the books are not proved: {report['findings'][:3]} {report['unread']}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, report["checked"]["charges"]
