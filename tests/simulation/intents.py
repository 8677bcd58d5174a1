"""What may be written down to be asked of a gateway, given what is known: the rules against paying twice, stated once more."""

from collections.abc import Iterable, Iterator

from ledger.operations import Operation

SAID_NO = {"declined", "refused"}
OPEN = {None, "unknown", "pending", "action_required"}


def faults(present: Iterable[Operation], new: Operation) -> Iterator[str]:
    """List why this operation must not be; nothing for one that may."""
    others = list(present)
    if new.refund_id is not None or new.compensates is not None:
        yield from _of_giving_back(others, new)
        return
    ours = [each for each in others if each.refund_id is None and each.compensates is None]
    for each in ours:
        if each.outcome == "unknown":
            yield f"I3: {new.operation_id} is opened while {each.operation_id} is unknown"
        if new.is_attempt and each.is_attempt and each.outcome not in SAID_NO:
            yield f"I4: {new.operation_id} is opened while {each.operation_id} is {each.outcome}"
        same = (each.kind, each.target_reference) == (new.kind, new.target_reference)
        if not new.is_attempt and same and each.attempt == new.attempt and each.outcome not in SAID_NO:
            yield f"I3: {new.operation_id} is opened beside {each.operation_id}, which is {each.outcome}"


def _of_giving_back(others: list[Operation], new: Operation) -> Iterator[str]:
    taken = [each for each in others if each.gateway_reference == new.target_reference and each.kind != "refund"]
    if not any(each.outcome == "succeeded" for each in taken):
        yield f"I3: {new.operation_id} gives back what is not known to be taken"
    for each in others:
        if new.compensates is not None and each.compensates == new.compensates and each.outcome in OPEN:
            yield f"I3: {new.operation_id} is opened while {each.operation_id} is {each.outcome}"
