"""What commands print: documents as JSON, tables and lines for people; faults and notices on stderr."""

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

READER_LEFT = 141
"""128 and the number of SIGPIPE, as shells have it."""
WIDTH_OF_PIPES = 240
"""Columns of a table that no terminal shows: wide enough that ids stay whole."""
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but tab and newline: text of gateways and callers shall not steer a terminal."""


def document(value: Any) -> None:
    """Print one JSON document on stdout."""
    _write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def line(text: str) -> None:
    """Print a line of the answer on stdout."""
    _write(printable(text) + "\n")


def text(written: str) -> None:
    """Print text as it is on stdout; it must be printable already."""
    _write(written)


def notice(text: str) -> None:
    """Tell people something on stderr, beside the answer."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table on stdout; the columns named in `numbers` are set flush right."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        drawn.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    show(drawn)


def show(drawn: RenderableType) -> None:
    """Print what rich has drawn on stdout."""
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else WIDTH_OF_PIPES, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(drawn)
    _write(captured.get())


def printable(text: str) -> str:
    """Take out what would steer a terminal."""
    return _CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)


def _write(text: str) -> None:
    """Write at once; where nobody reads any more, leave as a program that SIGPIPE ends, and not with a 1 or a 3."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go, and shall not be complained about at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(READER_LEFT) from None
