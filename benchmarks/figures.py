"""A measured figure, the bound that it has to hold, and how both are printed: one line of JSON each."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """What a figure must not go below, or above."""

    limit: float
    is_floor: bool

    def holds(self, value: float) -> bool:
        """Whether a figure is within it; the limit itself is."""
        return value >= self.limit if self.is_floor else value <= self.limit

    def __str__(self) -> str:
        """Write it as people do, such as `>= 0.7`."""
        return f"{'>=' if self.is_floor else '<='} {self.limit:g}"


def at_least(limit: float) -> Bound:
    """Bound a figure from below."""
    return Bound(limit, is_floor=True)


def at_most(limit: float) -> Bound:
    """Bound a figure from above."""
    return Bound(limit, is_floor=False)


@dataclass(frozen=True)
class Figure:
    """One number; the end of its name is its unit, unless it is a count or a ratio."""

    name: str
    value: float
    bound: Bound | None = None

    @property
    def holds(self) -> bool | None:
        """Whether its bound holds; None where it has none and is only reported."""
        return None if self.bound is None else self.bound.holds(self.value)

    def line(self, bench: str) -> str:
        """Write it as a line of JSON; the value is rounded for reading, after its bound was judged."""
        return json.dumps(
            {
                "bench": bench,
                "figure": self.name,
                "value": _readable(self.value),
                "bound": None if self.bound is None else str(self.bound),
                "holds": self.holds,
            }
        )


def _readable(value: float) -> float:
    """Keep four significant digits, and all digits of whole numbers."""
    return value if isinstance(value, int) else float(f"{value:.4g}")
