"""Faults to inject into chosen requests, before or after their effect. They are not kept over a restart."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

ACTIONS = ("drop", "delay", "status", "html", "truncate", "conflict", "rate_limit")
MOMENTS = ("before", "after")


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
    "times": (int, type(None)),
}


@dataclass
class Faults:
    """The faults that wait for their requests, oldest first."""

    waiting: list[Fault] = field(default_factory=list)
    given: int = 0

    def add(self, description: dict[str, Any]) -> int:
        """Take in a fault; returns its number, raises WrongFault for a description that makes no sense."""
        for name, value in description.items():
            if name not in TYPES:
                raise WrongFault(f"unknown field {name!r} of a fault: use {', '.join(TYPES)}")
            if not isinstance(value, TYPES[name]):
                raise WrongFault(f"{name} of a fault cannot be {value!r}")
        if description.get("action") not in ACTIONS:
            raise WrongFault(f"action of a fault must be one of {', '.join(ACTIONS)}")
        if description.get("when", "before") not in MOMENTS:
            raise WrongFault("when of a fault must be before or after")
        if not 400 <= description.get("status", 500) <= 599:
            raise WrongFault("status of a fault must be from 400 to 599")
        self.given += 1
        self.waiting.append(Fault(number=self.given, **description))
        return self.given

    def take(self, method: str, path: str, key: str | None) -> Fault | None:
        """The first fault meant for this request, used up by one; None if there is none."""
        for fault in self.waiting:
            if fault.matches(method, path, key):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.waiting.clear()
