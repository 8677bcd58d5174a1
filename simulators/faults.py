"""Faults to inject into chosen requests, or into a share of them, before or after their effect. A restart forgets them."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

ACTIONS = ("drop", "delay", "status", "html", "truncate", "conflict", "rate_limit", "late_success")
MOMENTS = ("before", "after")
TOLD = ("declined", "status", "drop")


class WrongFault(ValueError):
    """A fault that cannot be injected as described."""


@dataclass
class Fault:
    """What goes wrong, for which requests, and how many times (`None`: until it is removed)."""

    number: int
    action: str
    when: str = "before"
    method: str = "*"
    path: str = "*"
    operation: str = "*"
    """Glob on the idempotency key; a request without a key matches only `*`."""
    status: int = 500
    delay_seconds: float = 0.0
    retry_after: float | None = None
    code: str | None = None
    """Which of the gateway's variants of a body, where it has several."""
    stored: bool | None = None
    """Whether a `status` of 500 or more is kept under the key; by default only after the effect."""
    told: str = "declined"
    """What the caller of a late success hears at first."""
    share: float = 1.0
    """Which part of the matching requests is hit, from 0 to 1. Faults of one seed share one draw, so that none hits what
    another does, and each has its whole share."""
    seed: int = 0
    times: int | None = 1

    def matches(self, method: str, path: str, key: str | None) -> bool:
        """Whether this request is meant."""
        return (
            fnmatchcase(method, self.method) and fnmatchcase(path, self.path) and fnmatchcase(key or "", self.operation)
        )


TYPES: dict[str, tuple[type, ...]] = {
    "action": (str,),
    "when": (str,),
    "method": (str,),
    "path": (str,),
    "operation": (str,),
    "status": (int,),
    "delay_seconds": (int, float),
    "retry_after": (int, float, type(None)),
    "code": (str, type(None)),
    "stored": (bool, type(None)),
    "told": (str,),
    "share": (int, float),
    "seed": (int,),
    "times": (int, type(None)),
}

CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "action": (lambda value: value in ACTIONS, f"one of {', '.join(ACTIONS)}"),
    "when": (lambda value: value in MOMENTS, "before or after"),
    "told": (lambda value: value in TOLD, f"one of {', '.join(TOLD)}"),
    "status": (lambda value: 400 <= value <= 599, "from 400 to 599"),
    "delay_seconds": (lambda value: value >= 0, "0 or more"),
    "share": (lambda value: 0 <= value <= 1, "from 0 to 1"),
}


@dataclass
class Faults:
    """The faults that wait for their requests, oldest first."""

    waiting: list[Fault] = field(default_factory=list)
    given: int = 0
    _seen: Counter[str] = field(default_factory=Counter)
    """How often each request came, to draw anew for each repeat, and alike in each run with the same seed and keys."""

    def add(self, description: dict[str, Any]) -> int:
        """Take in a fault; returns its number, raises WrongFault for a description that makes no sense."""
        for name, value in {"action": None, **description}.items():
            if name not in TYPES:
                raise WrongFault(f"unknown field {name!r} of a fault: use {', '.join(TYPES)}")
            types = " or ".join(kind.__name__ for kind in TYPES[name])
            is_right, right = CHECKS.get(name, (lambda _: True, types))
            is_flag = isinstance(value, bool) and bool not in TYPES[name]
            if not isinstance(value, TYPES[name]) or is_flag or not is_right(value):
                raise WrongFault(f"{name} of a fault must be {right}, not {value!r}")
        self.given += 1
        self.waiting.append(Fault(number=self.given, **description))
        return self.given

    def take(self, method: str, path: str, key: str | None) -> Fault | None:
        """The first fault meant for this request, used up by one; None if there is none."""
        matching = [fault for fault in self.waiting if fault.matches(method, path, key)]
        fault = next((fault for fault in self._drawn(matching, f"{method} {key or path}")), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.waiting.remove(fault)
        return fault

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.waiting.clear()
        self._seen.clear()

    def _drawn(self, matching: list[Fault], request: str) -> Iterator[Fault]:
        """Those of the faults that hit, by lot where they have a share."""
        if any(fault.share < 1 for fault in matching):
            self._seen[request] += 1
        taken: dict[int, float] = defaultdict(float)
        for fault in matching:
            begin = taken[fault.seed]
            taken[fault.seed] += fault.share
            if fault.share == 1 or begin <= _lot(fault.seed, f"{request} {self._seen[request]}") < begin + fault.share:
                yield fault


def _lot(seed: int, request: str) -> float:
    """A number from 0 up to 1, the same for the same seed and request whatever happens around it."""
    digest = hashlib.sha256(f"{seed} {request}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
