"""How the policy reads our own outcomes: success rates, and when a gateway counts as down."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from gateways.routing.value import Value

Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=7, decimal_places=6)]
"""A part of one, such as 0.05; compared in millionths."""


class SuccessRate(Value):
    """How rates are read and learned."""

    minimum_outcomes: int = Field(default=30, ge=1, le=100_000)
    """A segment with fewer is too small: the next coarser one is read."""
    exploration_share: Share = Decimal("0.05")
    """Of the charges whose first attempt goes to a gateway that is not the best known."""


class Outages(Value):
    """When a gateway counts as down, and how it is tried again."""

    down_after: int = Field(default=5, ge=1, le=1000)
    """So many outages in a row; as many answers in a row, and it is up whatever its share."""
    down_share: Share = Decimal("0.5")
    """Or this share of outages within the window, ..."""
    minimum_outcomes: int = Field(default=20, ge=1, le=100_000)
    """... of at least so many outcomes."""
    cool_off_seconds: int = Field(default=30, ge=1, le=86_400)
    """After its last outage a gateway that is down gets no charge for so long, if another one can take it; ..."""
    probe_share: Share = Decimal("0.1")
    """... then this share of the charges is tried there, until it answers."""
