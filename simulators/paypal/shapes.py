"""Shapes of request bodies, and the check that a body has one: nothing missing, nothing that PayPal does not know.

A field that is not in the shape is refused, never ignored: a caller's misspelled field must not pass for accepted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulators.paypal.errors import Problem


class Shape(Protocol):
    """What a value must look like."""

    def check(self, value: Any, pointer: str) -> None:
        """Raise Problem unless the value at this JSON pointer has the shape."""
        ...


@dataclass(frozen=True)
class Text:
    """A string of limited length."""

    longest: int
    shortest: int = 1
    pattern: re.Pattern[str] | None = None

    def check(self, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            raise Problem("INVALID_PARAMETER_SYNTAX", pointer)
        if not self.shortest <= len(value) <= self.longest:
            raise Problem("INVALID_STRING_LENGTH", pointer, value)
        if self.pattern and not self.pattern.fullmatch(value):
            raise Problem("INVALID_PARAMETER_SYNTAX", pointer, value)


@dataclass(frozen=True)
class Word:
    """One of some words."""

    words: frozenset[str]

    def check(self, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            raise Problem("INVALID_PARAMETER_SYNTAX", pointer)
        if value not in self.words:
            raise Problem("INVALID_PARAMETER_VALUE", pointer, value)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, value: Any, pointer: str) -> None:
        if not isinstance(value, bool):
            raise Problem("INVALID_PARAMETER_SYNTAX", pointer)


@dataclass(frozen=True)
class Whatever:
    """An object that the simulator takes and does nothing with."""

    def check(self, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise Problem("INVALID_PARAMETER_SYNTAX", pointer)


@dataclass(frozen=True)
class Fields:
    """An object with these fields and no others."""

    known: Mapping[str, Shape]
    required: tuple[str, ...] = field(default=())

    def check(self, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise Problem("MALFORMED_REQUEST_JSON", pointer or "/")
        for name in self.required:
            if name not in value:
                raise Problem("MISSING_REQUIRED_PARAMETER", f"{pointer}/{name}")
        for name, content in value.items():
            shape = self.known.get(name)
            if shape is None:
                # Without the value: it may be what nobody should have sent, such as a card number.
                raise Problem("MALFORMED_REQUEST_JSON", f"{pointer}/{name}")
            shape.check(content, f"{pointer}/{name}")


@dataclass(frozen=True)
class Items:
    """An array of values of one shape."""

    shape: Shape
    fewest: int
    most: int

    def check(self, value: Any, pointer: str) -> None:
        if not isinstance(value, list):
            raise Problem("MALFORMED_REQUEST_JSON", pointer)
        if len(value) < self.fewest:
            raise Problem("INVALID_ARRAY_MIN_ITEMS", pointer)
        if len(value) > self.most:
            raise Problem("INVALID_ARRAY_MAX_ITEMS", pointer)
        for index, content in enumerate(value):
            self.shape.check(content, f"{pointer}/{index}")


def words(*allowed: str) -> Word:
    """One of these words."""
    return Word(frozenset(allowed))
