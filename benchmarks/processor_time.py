"""Processor time of each part of the running system: less noisy than the clock, and says which part the time goes to."""

from dataclasses import dataclass

import psutil

from local.process import Process
from local.system import System


@dataclass(frozen=True)
class Parts:
    """The processes that are watched, by the name of their part."""

    processes: dict[str, psutil.Process]

    def seconds(self) -> dict[str, float]:
        """Processor seconds so far, with those of each part's own children."""
        return {name: _seconds(process) for name, process in self.processes.items()}


def parts_of(system: System, baseline: Process) -> Parts:
    """Watch the system's parts, the baseline's worker, and this process, which starts the charges."""
    named = {
        "temporal": system.temporal.process.pid,
        "postgres": system.postgres.process.pid,
        "stripe_simulator": system.stripe.process.pid,
        "paypal_simulator": system.paypal.process.pid,
        "worker": system.worker.process.pid,
        "baseline_worker": baseline.pid,
    }
    return Parts({name: psutil.Process(pid) for name, pid in named.items()} | {"starter": psutil.Process()})


def spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Processor seconds between two readings."""
    return {name: after[name] - before[name] for name in before}


def _seconds(process: psutil.Process) -> float:
    own = process.cpu_times()
    total = own.user + own.system
    if process.pid == psutil.Process().pid:
        return total  # Our children are the other parts.
    total += own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
