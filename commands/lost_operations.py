"""What a restored backup may have forgotten, as it can still be known: from the histories of processes, or the gateways.

A history has the request of the charge and each operation as it was sent; a gateway has our names on what it did.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from commands.process_records import MOVES_MONEY
from gateways.port import OperationKind, OperationRequest, Outcome
from ledger.charges import CaptureMode, ChargeRequest
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.proofs.evidence import Effect, EffectKind, Standing
from ledger.refunds import RefundRequest

Message = TypeVar("Message", bound=BaseModel)

_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)
READS = frozenset({"look_up", "watch"})
"""Activities that read an operation's outcome."""
RESTORED = "restored"
"""Stands where the gateway does not tell what was asked for."""


@dataclass(slots=True)
class Lost:
    """An operation as it was sent, and the last outcome that its process was told of."""

    request: OperationRequest
    outcome: Outcome | None = None
    refund: RefundRequest | None = None


@dataclass(slots=True)
class Memory:
    """What is remembered of one charge outside the books; operations in the order in which they were sent."""

    charge: ChargeRequest | None = None
    operations: dict[str, Lost] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    """Where the charge's process said that it stood, in this order."""
    is_open: bool = False
    """Whether a process of the charge is running."""

    def add(self, history: WorkflowHistory) -> None:
        """Take in the history of a process of the charge."""
        refund: RefundRequest | None = None
        scheduled: dict[int, str] = {}
        for event in history.events:
            if event.HasField("workflow_execution_started_event_attributes"):
                request = _plain(event.workflow_execution_started_event_attributes.input.payloads)
                if history.workflow_id.startswith("charge/"):
                    self.charge = _read(ChargeRequest, request)
                elif history.workflow_id.startswith("refund/"):
                    refund = _read(RefundRequest, request)
            elif event.HasField("activity_task_scheduled_event_attributes"):
                asked = event.activity_task_scheduled_event_attributes
                sent = _sent(asked.activity_type.name, _plain(asked.input.payloads))
                if sent is not None:
                    scheduled[event.event_id] = sent.operation_id
                    self._sent(sent, refund)
            elif event.HasField("activity_task_completed_event_attributes"):
                done = event.activity_task_completed_event_attributes
                name = scheduled.get(done.scheduled_event_id)
                told = _outcome(_plain(done.result.payloads))
                if name is not None and told is not None:
                    self.operations[name].outcome = told
            elif event.HasField("workflow_execution_completed_event_attributes"):
                view = _plain(event.workflow_execution_completed_event_attributes.result.payloads)
                self.statuses += [view["status"]] if isinstance(view, dict) and "status" in view else []

    def add_effects(self, charge_id: str, effects: Sequence[Effect], actor: str) -> None:
        """Take in what the gateways show, for what no history tells; customer and request are then only guessed."""
        for effect in sorted(effects, key=lambda each: (_ORDER.index(each.kind), each.occurred_at)):
            if effect.operation_id is None or effect.operation_id in self.operations:
                continue
            self._sent(_shown(charge_id, effect, effects), _refund(charge_id, effect, actor))
        if self.charge is None and self.operations:
            self.charge = _guessed(charge_id, [each.request for each in self.operations.values()], actor)

    def _sent(self, request: OperationRequest, refund: RefundRequest | None) -> None:
        known = self.operations.get(request.operation_id)
        if known is None:
            is_refund = request.kind is OperationKind.REFUND
            self.operations[request.operation_id] = Lost(request, refund=refund if is_refund else None)
        else:
            known.request = request


_ORDER = [EffectKind.AUTHORIZE, EffectKind.CAPTURE, EffectKind.REFUND, EffectKind.MOVEMENT]


def _sent(activity: str, given: Any) -> OperationRequest | None:
    if activity in MOVES_MONEY:
        return _read(OperationRequest, given)
    if activity in READS and isinstance(given, dict):
        return _read(OperationRequest, given.get("operation", given))
    return None


def _outcome(result: Any) -> Outcome | None:
    """Read an outcome, by itself or as what a reading found."""
    if isinstance(result, dict) and set(result) == {"outcome"} and not isinstance(result["outcome"], str):
        result = result["outcome"]
    try:
        return None if result is None else _OUTCOME.validate_python(result)
    except ValidationError:
        return None


def _shown(charge_id: str, effect: Effect, effects: Iterable[Effect]) -> OperationRequest:
    payment = payment_of(effect, effects)
    held = [each for each in effects if each.kind is EffectKind.AUTHORIZE and each.gateway == effect.gateway]
    target = effect.target_reference
    if effect.kind is EffectKind.CAPTURE and target is None and held:
        target = held[0].reference
    return OperationRequest(
        operation_id=effect.operation_id or "",
        charge_id=charge_id,
        kind=OperationKind(effect.kind.value),
        gateway=effect.gateway,
        amount=Money(amount_minor=effect.amount_minor, currency=effect.currency),
        customer=effect.customer or RESTORED,
        payment_method=RESTORED if target is None else None,
        payment_reference=payment,
        target_reference=target,
    )


def payment_of(effect: Effect, effects: Iterable[Effect]) -> str | None:
    """Find the payment that an effect belongs to: what a gateway does not name on a refund, it names on its capture."""
    if effect.payment_reference is not None or effect.target_reference is None:
        return effect.payment_reference
    targets = (each for each in effects if each.reference == effect.target_reference and each.gateway == effect.gateway)
    return next((each.payment_reference for each in targets if each.payment_reference), None)


def _refund(charge_id: str, effect: Effect, actor: str) -> RefundRequest | None:
    if effect.kind is not EffectKind.REFUND or effect.standing is Standing.FAILED:
        return None
    refund_id = f"{RESTORED}_{(effect.operation_id or '').replace(':', '_')}"[-64:]
    return RefundRequest(refund_id=refund_id, charge_id=charge_id, amount_minor=effect.amount_minor, actor=actor)


def _guessed(charge_id: str, requests: Sequence[OperationRequest], actor: str) -> ChargeRequest | None:
    """Make the request of a charge out of what its gateway shows of the first operation."""
    first = requests[0]
    if first.kind not in {OperationKind.AUTHORIZE, OperationKind.CAPTURE} or first.target_reference is not None:
        return None
    manual = first.kind is OperationKind.AUTHORIZE
    return ChargeRequest(
        charge_id=charge_id,
        amount=first.amount,
        customer=first.customer,
        payment_methods=(PaymentMethod(gateway=first.gateway, token=RESTORED),),
        capture=CaptureMode.MANUAL if manual else CaptureMode.AUTOMATIC,
        metadata={"restored_from": first.gateway},
        actor=actor,
    )


def _read(kind: type[Message], given: Any) -> Message | None:
    """Read a message of today's shape; None where it is not."""
    try:
        return kind.model_validate(given)
    except ValidationError:
        return None


def _plain(payloads: Sequence[Payload]) -> Any:
    if not payloads or payloads[0].metadata.get("encoding") != b"json/plain":
        return None
    return json.loads(payloads[0].data)
