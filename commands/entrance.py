"""The entrance of the command line: refuses card numbers, and turns whatever goes wrong into lines and an exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from commands import output
from commands.errors import CommandError
from ledger.card_numbers import looks_like_card_number

WRONG_USE = 2
FAULT = 3
"""A defect of ours: what happened is not known, as with a part that cannot be reached."""
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it; what typer makes of Ctrl-C."""


class Entrance(TyperGroup):
    """The root of all commands; no traceback leaves it."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run the command that the arguments name, and exit."""
        given = list(sys.argv[1:] if args is None else args)
        options["standalone_mode"] = False
        sys.exit(self._run(given, *rest, **options))

    def _run(self, given: list[str], *rest: Any, **options: Any) -> int:
        # Also over several arguments: a card number that was typed in groups and not quoted.
        if looks_like_card_number(" ".join(given)):
            return _fail(WRONG_USE, "an argument looks like a card number: give the gateway's token instead")
        try:
            result = super().main(given or ["--help"], *rest, **options)
        except CommandError as error:
            return _fail(error.exit_code, *error.lines)
        except typer.TyperException as error:
            return _fail(WRONG_USE, f"{error.format_message().rstrip('.')} (see `{_help(error)}`)")
        except Exception as error:  # noqa: BLE001 # a person gets a line, whatever happens
            what = (str(error) or repr(error)).partition("\n")[0]
            return _fail(FAULT, f"this is a defect, please report it: {type(error).__name__}: {what}")
        # Without standalone mode an exit comes back as its code, and a command's end as None.
        return (result or 0) if given else WRONG_USE


def leave_at_once(run: Callable[[], object]) -> None:
    """Run until SystemExit, and end the process there and then.

    Temporal's native threads may still call back while Python takes itself apart, which then ends by SIGABRT.
    """
    code: object = 0
    try:
        run()
    except SystemExit as left:
        code = left.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def _fail(exit_code: int, *lines: str) -> int:
    for line in lines:
        output.notice(f"error: {line}")
    return exit_code


def _help(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'starter.py'} --help"
