"""A webhook event as far as it concerns us: which objects and operations it speaks of, and what it says became of them.

Nothing in it is believed beyond that. It is a hint to read the object again, and what was read is what counts.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateways.port import OperationKind
from gateways.webhooks.errors import DeliveryRefused

OPERATION_ID = re.compile(r"([A-Za-z0-9_.-]{1,64}:(?:authorize|capture|void|refund):[1-9][0-9]{0,8})(?::[a-z]+)?")
"""An operation id, perhaps with the suffix of one of its requests, such as `:create`."""
REFERENCE = re.compile(r"[!-~]{1,200}")
EVENT_ID = re.compile(r"[!-~]{1,255}")
EVENT_TYPE = re.compile(r"[!-~]{1,100}")
TAKEN_BACK = "taken_back"
"""The outcome that an event claims of a capture whose money the gateway took back, or returned: no operation ever has it,
so that the books never say so already."""
MAX_NAMES = 50
"""Names taken from one event; no event of either gateway has more than a dozen."""


@dataclass(frozen=True)
class Claim:
    """What an event says: that an operation of one of these kinds has this outcome, in the words of the books."""

    kinds: frozenset[OperationKind]
    outcome: str


@dataclass(frozen=True)
class WebhookEvent:
    """One event, whole enough to find the operation or the payment method that it concerns."""

    gateway: str
    event_id: str
    event_type: str
    operation_ids: tuple[str, ...]
    """Operations that it names by our own ids, in an idempotency key or in what we left on the object."""
    references: tuple[str, ...]
    """The gateway's objects that it names; the one that it is about comes first."""
    claim: Claim | None
    """None where only reading the object can tell what happened."""
    tokens: tuple[str, ...] = ()
    """By which the payment method that it is about may be known; empty for an event of anything else."""

    @property
    def names(self) -> frozenset[str]:
        """All that a payment could be found by; empty for what concerns none."""
        return frozenset((*self.operation_ids, *self.references))

    @property
    def concerns_us(self) -> bool:
        """Whether it is about a payment or a payment method."""
        return bool(self.names or self.tokens)


@dataclass(frozen=True)
class Admitted:
    """A delivery that was found genuine."""

    event: WebhookEvent
    transmission_id: str
    """Names this transmission: the same again is a copy, and the same over another body is a forgery."""
    headers: dict[str, str]
    """What it was verified by, for whoever has to verify it again."""


def document(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object; raises DeliveryRefused."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise DeliveryRefused("its body is no JSON document") from None
    if not isinstance(read, dict):
        raise DeliveryRefused("its body is no JSON object")
    return read


def identified(read: dict[str, Any], type_field: str) -> tuple[str, str]:
    """Return an event's id and type; raises DeliveryRefused where it has none."""
    event_id, event_type = read.get("id"), read.get(type_field)
    if not isinstance(event_id, str) or not EVENT_ID.fullmatch(event_id):
        raise DeliveryRefused("its body is no event: it has no id")
    if not isinstance(event_type, str) or not EVENT_TYPE.fullmatch(event_type):
        raise DeliveryRefused("its body is no event: it has no type")
    return event_id, event_type


def part(value: Any, *path: str) -> Any:
    """Follow a path of fields; None where one is missing or holds no object."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def operation_ids(values: Iterable[Any]) -> tuple[str, ...]:
    """Those of the values that are names of operations, without their suffixes, each once."""
    matches = (OPERATION_ID.fullmatch(value) for value in values if isinstance(value, str))
    return tuple(dict.fromkeys(match[1] for match in matches if match))[:MAX_NAMES]


def references(values: Iterable[Any]) -> tuple[str, ...]:
    """Those of the values that can be names of a gateway's objects, each once."""
    return tuple(dict.fromkeys(v for v in values if isinstance(v, str) and REFERENCE.fullmatch(v)))[:MAX_NAMES]
