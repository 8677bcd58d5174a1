"""Shows how far the demo is: bars in a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.demo_scenario import GATEWAYS, PlannedCharge

LINE_EVERY = 40
OnPlayed = Callable[[PlannedCharge], None]


@contextmanager
def shown(console: Console, plan: Sequence[PlannedCharge]) -> Iterator[OnPlayed]:
    """Give a function to be called after each charge."""
    with _bars(console, plan) if console.is_terminal else _lines(console, plan) as on_played:
        yield on_played


@contextmanager
def _bars(console: Console, plan: Sequence[PlannedCharge]) -> Iterator[OnPlayed]:
    columns = (TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    counts = Counter(planned.ending.gateway for planned in plan)
    with Progress(*columns, console=console) as progress:
        bars = {name: progress.add_task(title, total=counts[name]) for name, title in GATEWAYS.items()}
        yield lambda planned: progress.advance(bars[planned.ending.gateway])


@contextmanager
def _lines(console: Console, plan: Sequence[PlannedCharge]) -> Iterator[OnPlayed]:
    played = 0

    def say(_planned: PlannedCharge) -> None:
        nonlocal played
        played += 1
        if played % LINE_EVERY == 0 or played == len(plan):
            console.print(f"{played} of {len(plan)} charges")

    yield say
