"""How a customer gives a payment method: on a page of the gateway's, so that no card data comes near us.

A setup is started, its page is where the customer goes, and afterwards the gateway is read for what they gave there.
It moves no money. Whoever offers it raises only `gateways.errors.GatewayError`.
"""

from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from gateways.cards import CardFacts
from ledger.money import CurrencyCode


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SetupRequest(_Message):
    """One setup, complete: the same request starts the same setup, whoever sends it again."""

    setup_id: str
    """Part of the gateway's idempotency key."""
    customer: str
    currency: CurrencyCode
    """In which the method is going to be charged: what can be kept may depend on it."""
    gateway_customer: str | None = None
    """The gateway's own reference of the customer, where there is one already; else one is made where it needs one."""
    return_url: str
    """Where the customer's browser goes afterwards, whether they gave something or went back."""


class SetupStarted(_Message):
    """The customer can be sent to its page."""

    reference: str
    """The gateway's object: a Stripe Checkout Session, a PayPal setup token."""
    url: str


class SetupDone(_Message):
    """The customer gave a payment method, and it is kept at the gateway for payments without them."""

    outcome: Literal["done"] = "done"
    token: str
    gateway_customer: str | None = None
    card: CardFacts | None = None
    """None for what is no card."""
    mandate: str | None = None


class SetupOpen(_Message):
    """The customer gave nothing yet; the page still waits for them."""

    outcome: Literal["open"] = "open"


class SetupFailed(_Message):
    """Nothing comes of this setup any more; another one may be started."""

    outcome: Literal["failed"] = "failed"
    reason: str


SetupOutcome = Annotated[SetupDone | SetupOpen | SetupFailed, Field(discriminator="outcome")]


class SetupGateway(Protocol):
    """A gateway with a page for it."""

    name: str

    async def start_setup(self, request: SetupRequest) -> SetupStarted | SetupFailed:
        """Start a setup, or find the one that this request started before."""
        ...

    async def finish_setup(self, reference: str) -> SetupOutcome:
        """Read what became of it, and keep what the customer gave; the answer is the same however often it is asked for."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
