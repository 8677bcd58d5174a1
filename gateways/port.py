"""The port: what the processes ask of a gateway, and what it answers.

Every call is one operation under one operation id, which is also the idempotency key at the gateway.
Outcomes are values; exceptions are only those of `gateways.errors`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from gateways.cards import CardFacts, says_nothing
from ledger.money import MAX_AMOUNT_MINOR, Money


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OperationKind(StrEnum):
    """The calls that can move money."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class OperationRequest(_Message):
    """One operation, complete: the same request always has the same content, whoever sends it again.

    A capture without `target_reference` authorizes and captures in one step (automatic capture).
    """

    operation_id: str
    charge_id: str
    kind: OperationKind
    gateway: str
    amount: Money
    """What to authorize, capture or refund; for a void, what is released."""
    customer: str
    payment_method: str | None = None
    """The gateway's token of the payment method, never a card number; None where the operation acts on an earlier one."""
    gateway_customer: str | None = Field(default=None, exclude_if=says_nothing)
    """The gateway's own reference of the customer, where it keeps the payment method with one: Stripe's `cus_`."""
    mandate: str | None = Field(default=None, exclude_if=says_nothing)
    """The customer's mandate at the gateway, where the payment method needs one: Stripe's `mandate_`."""
    customer_present: bool = Field(default=True, exclude_if=bool)
    """A first operation: whether the customer is there to act. Where they are not, it is the merchant who initiates the
    payment, one of a recurring series, and what would need the customer is `Declined`, never `ActionRequired`."""
    payment_reference: str | None = None
    """The gateway's object that groups the payment: a Stripe PaymentIntent, a PayPal order."""
    target_reference: str | None = None
    """What is acted on: the authorization of a capture or void, the capture of a refund."""
    final: bool = True
    """A capture: whether the rest of the authorization is released."""
    authenticate: bool = False
    """A first operation: whether the customer is to be authenticated, whatever the gateway thinks of the risk."""
    reason: str | None = None
    """A refund: why, in the words of the person who asked."""


class Succeeded(_Message):
    """The operation took effect."""

    outcome: Literal["succeeded"] = "succeeded"
    reference: str
    """The gateway's object: an authorization, a capture, a refund."""
    amount: Money
    fee: Money | None = None
    """The fee that the gateway reported; negative when it gave some back. None when there is none or it is not known yet."""
    fee_pending: bool = False
    """True while the gateway has not reported the fee yet."""
    occurred_at: datetime
    capture_before: datetime | None = None
    """An authorization: when it lapses."""
    card: CardFacts | None = Field(default=None, exclude_if=says_nothing)
    """An authorization, or a capture without one: the card that paid, as far as the gateway tells of it."""


class Declined(_Message):
    """The issuer or the gateway said no; nothing was taken."""

    outcome: Literal["declined"] = "declined"
    reference: str | None = None
    code: str
    """The gateway's most precise code: Stripe decline_code or code, PayPal issue or processor response code."""
    message: str
    advice: str | None = None
    """The gateway's advice: Stripe advice_code, PayPal payment_advice_code."""
    network: str | None = Field(default=None, exclude_if=says_nothing)
    """The card network that was asked, such as `visa`: what the next two codes mean differs between them."""
    network_code: str | None = None
    """What the issuer answered, in the network's own code, as far as the gateway passes it on: Stripe
    network_decline_code. PayPal does not; its response codes are its own, and are the `code`."""
    network_advice: str | None = Field(default=None, exclude_if=says_nothing)
    """What the network advises beside it (Mastercard's merchant advice code): Stripe network_advice_code, PayPal
    payment_advice_code."""
    gateway_code: str | None = Field(default=None, exclude_if=says_nothing)
    """The gateway's more general code, where it gives one beside the `code`: Stripe code."""
    reached_issuer: bool | None = Field(default=None, exclude_if=says_nothing)
    """Whether the issuer was asked, so that the network counts the attempt; None where the gateway does not tell."""
    occurred_at: datetime | None = None
    card: CardFacts | None = Field(default=None, exclude_if=says_nothing)
    """The card that was declined, as far as the gateway tells of it."""


class ActionRequired(_Message):
    """The customer has to do something first, at `action_url`."""

    outcome: Literal["action_required"] = "action_required"
    reference: str
    action_url: str


class Pending(_Message):
    """Accepted, not decided: the gateway or a bank is still working on it."""

    outcome: Literal["pending"] = "pending"
    reference: str
    reason: str


class RefusalCode(StrEnum):
    """Refusals that processes act upon, under the same code at every gateway; any other code is the gateway's own."""

    AMOUNT_NOT_TAKEN = "amount_not_taken"
    """The gateway does not take this currency or this amount; `Capabilities` says so before it is asked."""
    AUTHORIZATION_EXPIRED = "authorization_expired"
    AUTHORIZATION_VOIDED = "authorization_voided"
    ALREADY_CAPTURED = "already_captured"
    """By another operation: the same operation, asked again, has succeeded."""
    REFUND_TOO_LARGE = "refund_too_large"
    """More than what is left of the capture."""
    NO_EFFECT = "no_effect"
    """The gateway's answer was lost or was an error of its own, and it is known now that nothing was done, nor will be."""
    NOT_FINAL = "not_final"
    """A capture that keeps the rest of the authorization, at a gateway that releases it."""


class Refused(_Message):
    """The gateway refused the request itself; it had no effect and the same request never will."""

    outcome: Literal["refused"] = "refused"
    code: str
    """A RefusalCode, or the gateway's own code."""
    message: str
    reference: str | None = None


Outcome = Annotated[
    Succeeded | Declined | ActionRequired | Pending | Refused,
    Field(discriminator="outcome"),
]


class WithdrawalKind(StrEnum):
    """Why a gateway takes money back of a payment that was captured."""

    REVERSAL = "reversal"
    """A payment that failed after it had succeeded, or money given back by whoever at the gateway and not by us."""
    DISPUTE = "dispute"
    """The customer or their bank contests the payment: a chargeback, a claim."""


class WithdrawalState(StrEnum):
    """What has become of it by now."""

    OPEN = "open"
    LOST = "lost"
    """The money stays away, all or a part of it. A reversal is that from the start."""
    WON = "won"
    """All of the money came back; a reversal that was undone, such as a refund that failed, is that too."""


class Withdrawal(_Message):
    """Money that a gateway took back of a captured payment, without an operation of ours."""

    kind: WithdrawalKind
    reference: str
    """The gateway's object: Stripe's dispute, refund, or balance transaction of the failure; PayPal's dispute or refund."""
    state: WithdrawalState
    amount: Money
    """What left our balance, positive, without the fee; in the payment's currency."""
    returned: Money | None = None
    """What came back to our balance: all of it where it was won, a part where the loss was a partial one."""
    fee: Money | None = None
    """What the gateway charges for it, less what it gave back of its fees: negative where it only gave back. None for
    nothing."""
    withdrawn_at: datetime
    closed_at: datetime | None = None
    """When it was lost or won, or when money of it came back; None while it is open."""


class Capabilities(_Message):
    """What a gateway can do, in data that routing and validation read."""

    currencies: Mapping[str, int]
    """Currencies that it takes, with the decimal places that it accepts in an amount."""
    minimum_minor: Mapping[str, int] = Field(default_factory=dict)
    """Smallest charge, in ISO minor units, where the gateway documents one."""
    maximum_minor: Mapping[str, int] = Field(default_factory=dict)
    """Largest charge, in ISO minor units, where the gateway documents one."""
    key_life_seconds: int
    """How long the gateway remembers the idempotency key of an attempt, at the endpoint where that is shortest."""
    later_key_life_seconds: int | None = None
    """The same for captures of an authorization, voids and refunds, where it is another."""

    def key_life(self, *, is_attempt: bool) -> timedelta:
        """How long the gateway is sure to remember an operation's key."""
        later = self.later_key_life_seconds or self.key_life_seconds
        return timedelta(seconds=self.key_life_seconds if is_attempt else later)

    def refusal(self, amount: Money) -> str | None:
        """Why the gateway cannot take this amount, as the end of a sentence that starts with its name; None if it can."""
        unwritable = self.unwritable(amount)
        if unwritable is not None:
            return unwritable
        least = Money(amount_minor=self.minimum_minor.get(amount.currency, 1), currency=amount.currency)
        if amount < least:
            return f"takes no charge under {least}"
        most = Money(amount_minor=self.maximum_minor.get(amount.currency, MAX_AMOUNT_MINOR), currency=amount.currency)
        if most < amount:
            return f"takes no charge over {most}"
        return None

    def unwritable(self, amount: Money) -> str | None:
        """Why the gateway cannot write this amount, be it a charge or a part of one; None if it can."""
        digits = self.currencies.get(amount.currency)
        if digits is None:
            return f"cannot take {amount.currency}"
        value = amount.decimal()
        if value != value.quantize(value.__class__(1).scaleb(-digits)):
            return f"takes {amount.currency} with at most {digits} decimal places, not {amount}"
        return None


class Gateway(Protocol):
    """One payment gateway. All calls raise only `gateways.errors.GatewayError`."""

    name: str
    capabilities: Capabilities

    async def create_payment(self, request: OperationRequest) -> str | Refused:
        """Make the payment addressable before money moves; returns its `payment_reference`. Moves no money."""
        ...

    async def authorize(self, request: OperationRequest) -> Outcome:
        """Reserve the amount on the customer's payment method."""
        ...

    async def capture(self, request: OperationRequest) -> Outcome:
        """Take the amount from the authorization, or, without one, authorize and capture in one step."""
        ...

    async def void(self, request: OperationRequest) -> Outcome:
        """Release an authorization that was not captured."""
        ...

    async def refund(self, request: OperationRequest) -> Outcome:
        """Give back some or all of a capture."""
        ...

    async def look_up(self, request: OperationRequest) -> Outcome | None:
        """Read what became of this operation, without changing anything.

        None where the gateway shows no effect of it: then it may be asked for, again or for the first time. That is
        also the answer after the customer's part of an action, where the gateway then waits for ours (PayPal).
        A refund that succeeded and failed later is `Declined`, with the gateway's reason as the code. An operation that
        was declined, refused or given up, and succeeded all the same, is `Succeeded`.
        An authorization or a capture that succeeded stays `Succeeded`, whatever the gateway took back of it later: that
        is told by `withdrawals`. One that the gateway's balance never had is `Declined` when it fails.
        """
        ...

    async def withdrawals(self, request: OperationRequest) -> tuple[Withdrawal, ...]:
        """Read what the gateway took back of this capture without an operation of ours; oldest first.

        `request` is the capture's own, with its `payment_reference`, and with its `target_reference` where it captured an
        authorization. Refunds of ours are none of it, whatever became of them, and neither is a dispute that withdrew
        nothing (an inquiry). Empty for a capture that took nothing.
        One that was told before and is missing is no news: PayPal may list a dispute no more that changed 180 days ago.
        A withdrawal keeps its reference for ever; its state, what came back and its fee may change until it is closed,
        and, where the gateway reopens it, after that too.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
