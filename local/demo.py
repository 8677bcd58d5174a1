"""`make demo`: starts the whole system, plays the scenario against it, and shows the outcomes, the books and the proof.

Judged by what PostgreSQL and the gateways say afterwards, not by what the processes answered.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Never, TypeVar

from rich.console import Console

from commands import connections, proof_documents, prove
from commands.errors import CommandError
from ledger import charges, history, operations
from local import demo_progress, demo_report, demo_scenario, demo_verdict
from local.demo_player import IN_FLIGHT, Player
from local.demo_scenario import PlannedCharge
from local.demo_verdict import Books
from local.errors import LocalError
from local.system import WATCH_SECONDS, System, running_system
from settings import Settings
from workflows.charge import workflow_id
from workflows.client import connect

INTERRUPTED = 130

Result = TypeVar("Result")


def run(path: Path, *, stay: Callable[[System], None] | None = None) -> int:
    """Run the demo over the directory `path`, emptied first; returns the exit code. Raises LocalError.

    `stay` is called at the end with the running system, to be looked at; the system ends when it returns or raises.
    """
    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    code = INTERRUPTED
    try:
        with running_system(path, fresh=True, on_progress=lambda part: console.print(f"Starting {part} ...")) as system:
            code = asyncio.run(_while_up(system, _demonstrate(console, system)))
            console.print(f"In {time.monotonic() - started:.0f} s, with the start of the system.")
            if stay is None:
                console.print("It ends now; `make demo KEEP=1` leaves it running to look at.")
            else:
                stay(system)
    except KeyboardInterrupt:
        console.print("Interrupted." if code == INTERRUPTED else "Ended.")
    except CommandError as error:
        raise LocalError(str(error)) from error
    return code


async def _demonstrate(console: Console, system: System) -> int:
    values: dict[str, Any] = {name.lower(): value for name, value in system.ports.settings().items()}
    # The proof believes the key of this system, not that of `make up`.
    settings = Settings(**values, seal_public_key_file=system.environment["SEAL_PUBLIC_KEY_FILE"])
    plan = demo_scenario.plan()
    troubles = await _play(console, settings, plan)
    books = await _read(settings)
    report = await prove.run_proof(settings)
    verdict = demo_verdict.judge(plan, troubles, books, is_proved=report.exit_code == 0)
    demo_report.show_outcomes(console, plan, books, verdict)
    demo_report.show_money(console, books)
    demo_report.show_trial_balance(console, verdict)
    proof_documents.show(report)
    for line in report.unread:
        console.print(line, style="red", markup=False)
    demo_report.show_verdict(console, plan, verdict, system.path)
    shown = demo_scenario.most_eventful(plan)
    console.print(f"{shown.charge_id} ({shown.story.name}) in the Temporal Web UI:")
    console.print(f"  {connections.web_ui(settings, workflow_id(shown.charge_id))}")
    return verdict.exit_code


async def _play(console: Console, settings: Settings, plan: Sequence[PlannedCharge]) -> dict[str, str]:
    """Play the scenario; returns, by charge id, what a process refused or did not bring to its end."""
    console.print(f"Playing {len(plan)} charges, {IN_FLIGHT} at a time ...")
    player = Player(await connect(settings), settings.task_queue)
    started = time.monotonic()
    with demo_progress.shown(console, plan) as on_played:
        troubles = await player.play(plan, on_played)
    console.print(f"Played in {time.monotonic() - started:.1f} s.")
    return troubles


async def _read(settings: Settings) -> Books:
    async with connections.books(settings) as connection:
        found = await charges.find(connection, limit=charges.MAX_LISTED)
        return Books(
            charges={charge.charge_id: charge for charge in found},
            operations={charge.charge_id: await operations.of_charge(connection, charge.charge_id) for charge in found},
            trial_balance=await history.trial_balance(connection),
        )


async def _while_up(system: System, work: Coroutine[Any, Any, Result]) -> Result:
    """Do the work for as long as all parts run; raises PartFailed where one has ended by itself."""
    asyncio.get_running_loop().set_exception_handler(_ignore_what_is_given_up)
    working, watching = asyncio.create_task(work), asyncio.create_task(_watch(system))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done() or working.exception() is not None:
            # Work that failed because a part is gone may fail before that is seen.
            await asyncio.wait({watching}, timeout=2 * WATCH_SECONDS)
        return watching.result() if watching.done() else working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _watch(system: System) -> Never:
    while True:
        for process in system.processes:
            process.check()
        await asyncio.sleep(WATCH_SECONDS)


def _ignore_what_is_given_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep an end before time to one line: the SDK leaves a cancelled future behind for each request under way."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)
