"""Which effect at a gateway belongs to which operation: by the operation's name, or else by the gateway's own references."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ledger.proofs.evidence import Effect, EffectKind, OperationRow


@dataclass(slots=True)
class Matched:
    """The effects of each operation, and those of none."""

    by_operation: dict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))
    unexplained: list[Effect] = field(default_factory=list)

    def join(self, effect: Effect, operation: OperationRow) -> None:
        """Give an effect to its operation, which knows the payment where the gateway's list does not name it."""
        if effect.payment_reference is None and operation.payment_reference is not None:
            effect = replace(effect, payment_reference=operation.payment_reference)
        self.by_operation[operation.operation_id].append(effect)


def match(operations: Sequence[OperationRow], effects: Sequence[Effect]) -> Matched:
    """Join the effects of one charge to its operations."""
    matched = Matched()
    by_name = {operation.operation_id: operation for operation in operations}
    unnamed = []
    for effect in effects:
        named = by_name.get(effect.operation_id or "")
        if named is not None and named.kind == effect.kind:
            matched.join(effect, named)
        elif effect.operation_id is None:
            unnamed.append(effect)
        else:
            matched.unexplained.append(effect)
    for effect in unnamed:
        operation = _by_reference(operations, effect, matched)
        if operation is None:
            matched.unexplained.append(effect)
        else:
            matched.join(effect, operation)
    return matched


def _by_reference(operations: Sequence[OperationRow], effect: Effect, matched: Matched) -> OperationRow | None:
    """Find the operation of an effect that the gateway gave no name of ours to.

    Stripe names the authorization on a PaymentIntent and not its capture: that is the capture of this payment which
    is not joined yet, the one that succeeded first. A refund is always named, so it only joins by its own reference.
    """
    candidates = [
        operation
        for operation in operations
        if operation.kind == effect.kind
        and operation.operation_id not in matched.by_operation
        and _knows(operation, effect)
    ]
    return min(candidates, key=_likelihood, default=None)


def _knows(operation: OperationRow, effect: Effect) -> bool:
    if operation.gateway != effect.gateway:
        return False
    if operation.gateway_reference == effect.reference:
        return True
    groups = (EffectKind.AUTHORIZE, EffectKind.CAPTURE)
    return (
        effect.kind in groups
        and effect.payment_reference is not None
        and (operation.payment_reference == effect.payment_reference)
    )


def _likelihood(operation: OperationRow) -> tuple[int, float]:
    rank = 0 if operation.outcome == "succeeded" else 1 if operation.is_undecided else 2
    return rank, -operation.requested_at.timestamp()
