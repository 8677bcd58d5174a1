"""What a strategy picked, and what it held for each gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Scores = Mapping[str, Mapping[str, int | float]]
"""By gateway, then by the name of the score."""


@dataclass(frozen=True)
class Pick:
    """One gateway, and why, as a part of a sentence."""

    gateway: str
    reason: str
    scores: Scores = field(default_factory=dict)
    exploration: bool = False
