"""The bound: a policy that knows the case, and tries once, at the first moment at which a try succeeds.

It keeps to what the networks allow, so that it shows what could be had and not what could be broken.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from benchmarks.dunning import issuer
from benchmarks.dunning.hidden import Hidden
from benchmarks.dunning.luck import SLOT_SECONDS
from benchmarks.dunning.networks import networks
from benchmarks.dunning.play import ask, moment
from benchmarks.dunning.seen import SeenCase
from benchmarks.dunning.worlds import World

RISK_STEP_SECONDS = 3600
"""An issuer's odds change with the hour of the day too; else all of a slot is alike."""


@dataclass(frozen=True)
class Clairvoyant:
    """Made for one case."""

    world: World
    case: Hidden
    name: str = "clairvoyant"

    def next_try(self, seen: SeenCase, now: datetime) -> datetime | None:
        """Return the first moment that succeeds with the card there is."""
        last = seen.tries[-1]
        begin = now.timestamp()
        if last.card is seen.card:
            if networks().forbids(last.card.network, last.answer):
                return None
            begin = max(begin, last.at.timestamp() + 3600 * networks().wait_hours(last.answer))
        asked = ask(seen, begin)
        moments = self._moments(begin, is_new_card=asked.from_customer or asked.updated)
        # A try is made at whole microseconds: later rather than earlier than what it waits for.
        later = (at + 1 for at in moments)
        return next((moment(at) for at in later if self._succeeds(asked._replace(at=at))), None)

    def _succeeds(self, asked: issuer.Ask) -> bool:
        return issuer.answer(self.world, self.case, asked).succeeded

    def _moments(self, begin: float, *, is_new_card: bool) -> Iterator[float]:
        """Each turn of luck within the time in which nothing that is known stands in the way."""
        case = self.case
        spans = [(begin, case.horizon)]
        if not is_new_card:
            match case.cause:
                case "hard":
                    spans = []
                case "funds":
                    spans = list(case.money.spans) if case.money else []
                case "technical" | "lifecycle":
                    spans = [] if case.ends_at is None else [(case.ends_at, case.horizon)]
                case _:
                    pass
        step = RISK_STEP_SECONDS if case.cause == "risk" else SLOT_SECONDS
        turns = {*(end for _, end in case.outages), case.failed_at + issuer.SOON_SECONDS}
        for first, last in spans:
            slots = range(int(max(first, begin) // step) + 1, math.ceil(min(last, case.horizon) / step))
            turns |= {max(first, begin), *(slot * step for slot in slots)}
        return iter(sorted(turn for turn in turns if begin <= turn < case.horizon))
