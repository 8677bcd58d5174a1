"""`python -m benchmarks [NAME]`: what `make bench` runs; each bench that needs one on a new system in a temporary directory.

Figures are lines of JSON on standard output, notes go to standard error. Exit code 1 where a bound does not hold,
2 for an unknown name, 3 where the system cannot be started.
"""

import asyncio
import os
import platform
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import psutil

from benchmarks import (
    bulkhead,
    card_guard,
    dunning_decide,
    dunning_processes,
    dunning_temporal,
    history,
    history_of_accounts,
    latency,
    memory,
    posting,
    prove,
    routing,
    seals,
    throughput,
    transactions,
    webhooks,
)
from benchmarks.dunning import measure as dunning
from benchmarks.figures import Figure
from local.addresses import Ports
from local.errors import LocalError
from local.system import System, running_system

BENCHES: dict[str, Callable[[System], AsyncIterator[Figure]]] = {
    "history": history.measure,
    "transactions": transactions.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
    "memory": memory.measure,
    "bulkhead": bulkhead.measure,
    "webhooks": webhooks.measure,
    "prove": prove.measure,
    "seals": seals.measure,
}
WITHOUT_SYSTEM: dict[str, Callable[[], AsyncIterator[Figure]]] = {
    "routing": routing.measure,
    "dunning-decide": dunning_decide.measure,
    "dunning-processes": dunning_processes.measure,
    "dunning-temporal": dunning_temporal.measure,
    "card-guard": card_guard.measure,
    "posting": posting.measure,
    "balances": history_of_accounts.measure,
    "dunning": dunning.measure,
}
NAMES = (*BENCHES, *WITHOUT_SYSTEM)
BROKEN, UNKNOWN_NAME, NOT_STARTED, INTERRUPTED = 1, 2, 3, 130


def main(names: Sequence[str]) -> int:
    """Run the benches of these names, or all; returns the exit code."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        _note(f"there is no bench {unknown[0]!r}; give one of: {', '.join(NAMES)}")
        return UNKNOWN_NAME
    # A worker that may not keep bytecode compiles its workflows anew for every run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    _note(_machine())
    try:
        return exit_code([figure for name in names or NAMES for figure in _run(name)])
    except LocalError as error:
        _note(str(error))
        return NOT_STARTED
    except KeyboardInterrupt:
        return INTERRUPTED


def exit_code(figures: Sequence[Figure]) -> int:
    """Judge a whole run, and name what does not hold."""
    broken = [figure for figure in figures if figure.holds is False]
    for figure in broken:
        _note(f"does not hold: {figure.name} is {figure.value:.4g}, bound {figure.bound}")
    return BROKEN if broken else 0


def _run(name: str) -> list[Figure]:
    _note(f"{name} ... (load {os.getloadavg()[0]:.1f})")
    if name in WITHOUT_SYSTEM:
        return asyncio.run(_printed(name, WITHOUT_SYSTEM[name]()))
    with (
        tempfile.TemporaryDirectory(prefix="quittance-") as directory,
        running_system(Path(directory), Ports.free()) as system,
    ):
        return asyncio.run(_printed(name, BENCHES[name](system)))


async def _printed(name: str, figures: AsyncIterator[Figure]) -> list[Figure]:
    shown: list[Figure] = []
    async for figure in figures:
        print(figure.line(name), flush=True)
        shown.append(figure)
    return shown


def _machine() -> str:
    memory_gb = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
