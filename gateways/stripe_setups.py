"""Stripe's Checkout in its setup mode: a hosted page on which a customer gives a card for later payments.

The card is kept with one of Stripe's customers, without which it could be charged once only.
"""

from typing import Final

import stripe
from pydantic import BaseModel, Field
from stripe.params.checkout import SessionCreateParams

from gateways.errors import OutcomeUnknown
from gateways.setups import SetupDone, SetupFailed, SetupOpen, SetupOutcome, SetupRequest, SetupStarted
from gateways.stripe_cards import facts_of
from gateways.stripe_errors import NAME, ReportedCard, StripeFault
from gateways.stripe_sdk import answer_of

WITH_METHOD: Final = ["setup_intent.payment_method"]


class GivenMethod(BaseModel):
    """A PaymentMethod."""

    id: str
    customer: str | None = None
    card: ReportedCard | None = None


class SetupIntent(BaseModel):
    """What a session sets up, with `payment_method` expanded."""

    id: str
    status: str
    payment_method: GivenMethod | None = None
    mandate: str | None = None


class Session(BaseModel):
    """A Checkout Session; `url` is there while it is open."""

    id: str
    status: str | None = None
    url: str | None = None
    customer: str | None = None
    setup_intent: SetupIntent | str | None = None


class KeptCustomer(BaseModel):
    """One of Stripe's customers."""

    id: str = Field(min_length=1)


class StripeSetups:
    """Setups at one account."""

    def __init__(self, v1: stripe.V1Services) -> None:
        self._sessions = v1.checkout.sessions
        self._customers = v1.customers

    async def start(self, request: SetupRequest) -> SetupStarted | SetupFailed:
        """Start a session; see `gateways.setups`."""
        customer = request.gateway_customer or await self._new_customer(request)
        if isinstance(customer, StripeFault):
            return _failed(customer)
        asked: SessionCreateParams = {
            "mode": "setup",
            "currency": request.currency.lower(),
            "allowed_payment_method_types": ["card"],
            "customer": customer,
            "success_url": request.return_url,
            "cancel_url": request.return_url,
            "metadata": _metadata(request),
            "setup_intent_data": {"metadata": _metadata(request)},
        }
        call = self._sessions.create_async(asked, {"idempotency_key": f"{request.setup_id}:setup"})
        session = await answer_of(call, Session)
        if isinstance(session, StripeFault):
            return _failed(session)
        if session.url is None or not session.url.startswith(("https://", "http://")):
            raise OutcomeUnknown(NAME, f"started setup {session.id} at no address")
        return SetupStarted(reference=session.id, url=session.url)

    async def finish(self, reference: str) -> SetupOutcome:
        """Read a session; see `gateways.setups`."""
        session = await answer_of(self._sessions.retrieve_async(reference, {"expand": WITH_METHOD}), Session)
        if isinstance(session, StripeFault):
            return _failed(session)
        match session.status:
            case "open":
                return SetupOpen()
            case "expired":
                return SetupFailed(reason="expired")
            case "complete":
                return _given(session)
            case _:
                raise OutcomeUnknown(NAME, f"shows setup {session.id} with the unknown status {session.status}")

    async def _new_customer(self, request: SetupRequest) -> str | StripeFault:
        call = self._customers.create_async(
            {"metadata": {"customer": request.customer}}, {"idempotency_key": f"{request.setup_id}:customer"}
        )
        made = await answer_of(call, KeptCustomer)
        return made if isinstance(made, StripeFault) else made.id


def _given(session: Session) -> SetupOutcome:
    intent = session.setup_intent
    if not isinstance(intent, SetupIntent):
        raise OutcomeUnknown(NAME, f"shows setup {session.id} without what it set up")
    if intent.status in {"processing", "requires_action"}:
        return SetupOpen()
    method = intent.payment_method
    if intent.status != "succeeded" or method is None:
        return SetupFailed(reason=intent.status)
    return SetupDone(
        token=method.id,
        gateway_customer=method.customer or session.customer,
        card=facts_of(method.card),
        mandate=intent.mandate,
    )


def _failed(fault: StripeFault) -> SetupFailed:
    return SetupFailed(reason=fault.most_precise_code)


def _metadata(request: SetupRequest) -> dict[str, str]:
    return {"setup_id": request.setup_id, "customer": request.customer}
