"""How the gateways did lately, counted: what routing reads of our own outcomes.

A value: the same windows give the same decision. `gateways.routing.sliding` makes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from gateways.port import RefusalCode
from gateways.routing.segments import ALL, Segment


class OutcomeClass(StrEnum):
    """What an attempt says of its gateway."""

    APPROVED = "approved"
    DECLINED = "declined"
    """It answered, and the answer was no."""
    TECHNICAL = "technical"
    """An outage: no connection, no answer, an error of its own."""


OUTAGES = frozenset({RefusalCode.NO_EFFECT, "gateway_unreachable"})
"""Refusals that are an outage of the gateway; any other one says nothing of how it does."""
ABANDONED = "not_authenticated"
"""The customer left: neither the gateway nor the issuer said no."""


def class_of(outcome: str, code: str | None) -> OutcomeClass | None:
    """Say what an operation's outcome tells of its gateway; None where it tells nothing, or nothing yet."""
    match outcome:
        case "succeeded":
            return OutcomeClass.APPROVED
        case "declined" if code != ABANDONED:
            return OutcomeClass.DECLINED
        case "unknown":
            return OutcomeClass.TECHNICAL
        case "refused" if code in OUTAGES:
            return OutcomeClass.TECHNICAL
        case _:
            return None


class Tally(NamedTuple):
    """Outcomes of a gateway in a segment."""

    approved: int = 0
    declined: int = 0
    technical: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.approved + self.declined + self.technical


class Run(NamedTuple):
    """The newest outcomes of a gateway, as far back as they are alike: all outages, or all answers."""

    outages: int = 0
    answers: int = 0
    last_outage_at: datetime | None = None


NOTHING = Tally()
NO_RUN = Run()


@dataclass(frozen=True)
class Windows:
    """The counts of every gateway and segment, and the run of each gateway, at one moment."""

    tallies: Mapping[tuple[str, Segment], Tally] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)

    def tally(self, gateway: str, segment: Segment = ALL) -> Tally:
        """Return the counts of a gateway in a segment."""
        return self.tallies.get((gateway, segment), NOTHING)

    def run(self, gateway: str) -> Run:
        """Return how the newest outcomes of a gateway went."""
        return self.runs.get(gateway, NO_RUN)


EMPTY = Windows()
"""Nothing is known."""
