"""Idempotency keys as the gateways saw them: none that an operation does not have, none of a next attempt too early.

Like `invariants.py` it imports nothing of ours.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.faults.evidence import Evidence, Row, operation_of
from tests.faults.invariants import Violation

OF_OPERATION = re.compile(r"(:create(:[0-9]+)?|:fence(:[0-9]+)?|:approved)?")
"""What may follow an operation's id in its keys: requests of its own that move no money, or can move it only once."""


def new_keys(evidence: Evidence, requests: Mapping[str, Sequence[Row]]) -> Iterator[Violation]:
    """Keys that nobody should have sent; `requests` of each gateway, oldest first, by clocks that nobody has moved."""
    first_sent: dict[str, int] = {}
    for gateway, sent in requests.items():
        for request in sent:
            operation_id = operation_of(request["idempotency_key"])
            if operation_id is None or operation_id.split(":")[0] not in evidence.charges:
                continue
            yield from _unknown_key(evidence, gateway, operation_id, request["idempotency_key"])
            first_sent.setdefault(operation_id, request["at"])
    yield from _too_early(evidence, first_sent)


def _unknown_key(evidence: Evidence, gateway: str, operation_id: str, key: str) -> Iterator[Violation]:
    operation = evidence.operations.get(operation_id)
    suffix = key.removeprefix(operation_id)
    if operation is None or operation["gateway"] != gateway or not OF_OPERATION.fullmatch(suffix):
        yield Violation(
            "I3", operation_id.split(":", maxsplit=1)[0], f"{gateway} was asked under {key}, which no operation has"
        )


def _too_early(evidence: Evidence, first_sent: Mapping[str, int]) -> Iterator[Violation]:
    """An attempt that was sent before the one before it was decided."""
    attempts: dict[str, dict[int, Row]] = defaultdict(dict)
    for operation in evidence.operations.values():
        if operation["target_reference"] is None and operation["kind"] in {"authorize", "capture"}:
            attempts[operation["charge_id"]][operation["attempt"]] = operation
    for charge_id, by_number in attempts.items():
        for number, operation in by_number.items():
            before = by_number.get(number - 1)
            sent = first_sent.get(operation["operation_id"])
            if before is None or sent is None:
                continue
            decided = before["decided_at"]
            if decided is None or sent < math.floor(decided.timestamp()):
                yield Violation("I3", charge_id, f"attempt {number} was sent while attempt {number - 1} was unknown")
