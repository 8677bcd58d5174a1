"""`python -m local up|demo|restore-drill|reset`: what `make up`, `make demo`, `make restore-drill` and `make reset` run."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from local import directory
from local.addresses import Ports
from local.errors import LocalError
from local.process import ROOT
from local.system import System, running_system

DIRECTORY = ROOT / ".local"
DEMO_DIRECTORY = DIRECTORY / "demo"
DRILL_DIRECTORY = DIRECTORY / "drill"
TRY = (
    ".venv/bin/python starter.py charge --amount 49.99 --currency USD --customer cus_1"
    " --payment-method stripe=pm_card_visa"
)
INTERRUPTED = 130
NOT_STARTED = 3
"""Exit code: a part of the system cannot be reached or started."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)
Where = Annotated[Path, typer.Option("--directory", help="Where its data and logs are kept.")]


@app.command()
def up(where: Where = DIRECTORY) -> None:
    """Run the whole system in the foreground until Ctrl-C, with yesterday's data."""
    try:
        with ended_by_signals(), running_system(where, Ports.from_environment(), on_progress=_say_starting) as system:
            _stay(system)
    except KeyboardInterrupt:
        console.print("Ended; the data is kept.")


@app.command()
def demo(
    where: Where = DEMO_DIRECTORY,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running to look at.")] = False,
) -> None:
    """Run 200 charges over both gateways on a new system, and show the books and the proof."""
    from local import demo as scenario  # noqa: PLC0415 # the other commands do without its imports

    with ended_by_signals():
        raise typer.Exit(scenario.run(where, stay=_stay if keep else None))


@app.command(name="restore-drill")
def restore_drill(where: Where = DRILL_DIRECTORY) -> None:
    """Lose the database of a new system, restore it to a named moment, and verify, prove and repair the books."""
    from local import restore_drill as drill  # noqa: PLC0415 # as above

    try:
        with ended_by_signals():
            raise typer.Exit(drill.run(where, console.print))
    except KeyboardInterrupt:
        console.print("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def reset(where: Where = DIRECTORY) -> None:
    """Delete the local system's data and logs; refuses while it runs."""
    for path in (where, where / DEMO_DIRECTORY.name, where / DRILL_DIRECTORY.name):
        if path.exists():
            with directory.held(path, "end it first (Ctrl-C there)") as place:
                place.clear()
    console.print(f"Deleted the data and logs in {where}.")


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl-C does, and let nothing interrupt the ending itself."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, end)
    yield


def _say_starting(part: str) -> None:
    console.print(f"Starting {part} ...")


def _stay(system: System) -> None:
    _show(system)
    system.watch()


def _show(system: System) -> None:
    table = Table("part", "address", title="The local system is up")
    for part, address in system.addresses.items():
        table.add_row(part, address)
    console.print(table)
    console.print(f"Logs: {system.path / 'logs'}   Data: {system.path / 'data'}")
    moved = system.ports.settings().items() - Ports().settings().items()
    if moved:
        console.print("Some ports are not the usual ones; before starter.py in another terminal:")
    for name, value in sorted(moved):
        console.print(f"  export {name}={value}")
    console.print(f"Try: {TRY}")
    console.print("Ctrl-C ends it.")


def main() -> None:
    """Run the command; what is in the way is one line on standard error and exit code 3."""
    try:
        app()
    except LocalError as error:
        Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(str(error))
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main()
