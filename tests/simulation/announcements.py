"""A gateway in memory that announces what happens at it: an event for each change, with the body that it would send.

What it draws for an operation depends on nothing but what that operation is for, so that the same life can be played
again while its events come in other ways.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateways.port import OperationRequest, Outcome
from tests.gateways.webhooks.sender import paypal_body, stripe_body
from tests.simulation.chance import Chance
from tests.simulation.gateway import Gateway
from tests.simulation.payments import Payment, Refund
from workflows.gateway_steps import LONGEST_POLL

TYPES: Mapping[str, Mapping[str, str]] = {
    "stripe": {
        "action": "payment_intent.requires_action",
        "processing": "payment_intent.processing",
        "declined": "payment_intent.payment_failed",
        "held": "payment_intent.amount_capturable_updated",
        "taken": "payment_intent.succeeded",
        "canceled": "payment_intent.canceled",
        "fee": "charge.updated",
        "refund pending": "refund.created",
        "refund succeeded": "refund.updated",
        "refund failed": "refund.failed",
    },
    "paypal": {
        "approved": "CHECKOUT.ORDER.APPROVED",
        "capture pending": "PAYMENT.CAPTURE.PENDING",
        "declined": "PAYMENT.CAPTURE.DECLINED",
        "held": "PAYMENT.AUTHORIZATION.CREATED",
        "taken": "PAYMENT.CAPTURE.COMPLETED",
        "canceled": "PAYMENT.AUTHORIZATION.VOIDED",
        "refund pending": "PAYMENT.REFUND.PENDING",
        "refund succeeded": "PAYMENT.CAPTURE.REFUNDED",
        "refund failed": "PAYMENT.REFUND.FAILED",
    },
}
"""What each gateway calls a change; of what is not here it says nothing."""

AT_LEAST = 2 * LONGEST_POLL
"""How long it takes until something is otherwise.

What lasts for less than a poll need never be seen, and whether a charge has time for another attempt can hang on an event.
"""


class DiceByOperation(Chance):
    """The dice of one life, others for each operation."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed
        self._made: dict[str, random.Random] = {}

    def take_those_of(self, name: str) -> None:
        """Go on with the dice of this name, where they were left."""
        self._random = self._made.setdefault(name, random.Random(f"{self._seed} {name}"))


@dataclass(frozen=True)
class Event:
    """Something that a gateway says of one of its objects."""

    gateway: str
    what: str
    purpose: str
    """Of the operation whose object it is."""
    body: bytes

    @property
    def name(self) -> str:
        """The change that it tells of, the same whenever the same life is played."""
        return f"{self.gateway}: {self.what}, {self.purpose}"


@dataclass
class AnnouncingGateway(Gateway):
    """Compares what it keeps with what it has announced; its `chance` is `DiceByOperation`."""

    announce: Callable[[Event], None] = lambda _: None
    purpose: Callable[[str], str] = lambda operation_id: operation_id
    """What an operation is for; its id depends on what was asked for before it."""
    announced: dict[str, str] = field(default_factory=dict)
    """By object: how it was when the last event told of it."""

    def perform(self, request: OperationRequest, *, fault: str | None) -> Outcome | None:
        """Do it once under its key, and announce what it changed."""
        self._take_dice(self.purpose(request.operation_id))
        answer = super().perform(request, fault=fault)
        self.announce_changes()
        return answer

    def customer_acts(self, payment: Payment) -> None:
        """The customer authenticates, or fails to."""
        self._take_dice(f"{self.purpose(payment.operation_id)}, its customer")
        super().customer_acts(payment)

    def announce_changes(self) -> None:
        """Announce what is not as it was."""
        for payment in self.payments.values():
            for reference, what, refund in _states(payment):
                if self.announced.get(reference) != what:
                    self.announced[reference] = what
                    self._announce(what, payment, refund)

    def _later(self, payment: Payment, happen: Callable[[Payment], None], delay: timedelta) -> None:
        def with_its_dice(changing: Payment) -> None:
            self._take_dice(f"{self.purpose(changing.operation_id)}, later")
            happen(changing)

        super()._later(payment, with_its_dice, max(delay, AT_LEAST))

    def _charge_fee(self, payment: Payment, amount: int) -> None:
        super()._charge_fee(payment, amount)
        if payment.fee_at is not None and payment.fee_at > self.timeline.now:
            self.timeline.at(payment.fee_at, lambda: self._announce("fee", payment, None))

    def _announce(self, what: str, payment: Payment, refund: Refund | None) -> None:
        event_type = TYPES[self.name].get(what)
        if event_type is None:
            return
        body = {"stripe": _of_stripe, "paypal": _of_paypal}[self.name](event_type, payment, refund)
        self.announce(Event(self.name, what, self.purpose((refund or payment).operation_id), body))

    def _take_dice(self, name: str) -> None:
        assert isinstance(self.chance, DiceByOperation)
        self.chance.take_those_of(name)


def _states(payment: Payment) -> Iterator[tuple[str, str, Refund | None]]:
    is_pending = payment.pending_capture is not None or (payment.status == "processing" and payment.automatic)
    yield payment.reference, "capture pending" if is_pending else payment.status, None
    for refund in payment.refunds:
        yield refund.reference, f"refund {refund.status}", refund


def _of_stripe(event_type: str, payment: Payment, refund: Refund | None) -> bytes:
    if refund is not None:
        made = {"object": "refund", "status": refund.status, "payment_intent": payment.reference}
        ours = {"operation_id": refund.operation_id}
        return stripe_body(event_type=event_type, id=refund.reference, metadata=ours, **made)
    ours = {"operation_id": payment.operation_id}
    if event_type != "charge.updated":
        return stripe_body(event_type=event_type, id=payment.reference, metadata=ours)
    charge = {"object": "charge", "payment_intent": payment.reference, "status": "succeeded"}
    event: dict[str, Any] = json.loads(stripe_body(event_type=event_type, id=f"ch_{payment.reference}", **charge))
    event["data"]["previous_attributes"] = {"balance_transaction": None}
    return json.dumps(event).encode()


def _of_paypal(event_type: str, payment: Payment, refund: Refund | None) -> bytes:
    if refund is None:
        return paypal_body(event_type=event_type, id=payment.reference, custom_id=payment.operation_id)
    made_from = [{"rel": "up", "href": f"https://api.paypal.com/v2/payments/captures/{payment.reference}"}]
    return paypal_body(event_type=event_type, id=refund.reference, custom_id=refund.operation_id, links=made_from)
