"""Rounding to a whole number, by name: nowhere is an amount rounded by what a language happens to do."""

from enum import StrEnum
from fractions import Fraction


class Rounding(StrEnum):
    """How a fraction becomes a whole number."""

    HALF_UP = "half_up"
    """To the nearest one; a half goes away from zero."""
    HALF_EVEN = "half_even"
    """To the nearest one; a half goes to the even one, so that many of them do not lean to one side."""
    UP = "up"
    """To the next one towards plus infinity."""
    DOWN = "down"
    """To zero: whoever receives the result never gains by rounding."""


def rounded(value: Fraction, rounding: Rounding) -> int:
    """Round by this rule, exactly."""
    match rounding:
        case Rounding.HALF_EVEN:
            return round(value)
        case Rounding.HALF_UP:
            nearest = (2 * abs(value) + 1) // 2
            return nearest if value >= 0 else -nearest
        case Rounding.UP:
            return -(-value // 1)
        case Rounding.DOWN:
            return int(value)
