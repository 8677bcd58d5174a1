"""Editions: a file of rules holds several of them, the oldest first, each with its name and the moment it begins."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Protocol, TypeVar

from pydantic import AfterValidator, Field

from ledger.lined_yaml import Fault, Place


def in_utc(moment: datetime) -> datetime:
    """Take a moment that does not say where for UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Moment = Annotated[datetime, AfterValidator(in_utc)]
"""UTC where it does not say."""


class Edition(Protocol):
    """What is common to all editions."""

    @property
    def version(self) -> str:
        """Its name, kept with whatever it decides."""

    @property
    def effective_from(self) -> datetime:
        """From then on it is in force."""


Some = TypeVar("Some", bound=Edition)


def in_force(editions: Sequence[Some], moment: datetime) -> Some | None:
    """Return the edition in force; None before the first."""
    begun = [edition for edition in editions if edition.effective_from <= moment]
    return begun[-1] if begun else None


def faults(editions: Sequence[Edition]) -> Iterator[Fault]:
    """List what is wrong with the order and the names of a file's editions."""
    for number, (before, after) in enumerate(pairwise(editions), start=1):
        place: Place = ("editions", number, "effective_from")
        if after.effective_from == before.effective_from:
            yield Fault(place, f"editions {before.version} and {after.version} begin at the same moment: change one")
        elif after.effective_from < before.effective_from:
            yield Fault(
                place, f"edition {after.version} begins before {before.version}, which stands above it: order them"
            )
    seen: set[str] = set()
    for number, edition in enumerate(editions):
        if edition.version in seen:
            yield Fault(("editions", number, "version"), f"there are two editions {edition.version}: rename one")
        seen.add(edition.version)
