"""Stripe's PaymentMethods: https://docs.stripe.com/api/payment_methods/retrieve

One that was detached from its customer, or whose customer was deleted, is still shown, without a customer, and can never be
used again. So one that Stripe does not know at all was never this account's.
"""

from pydantic import BaseModel
from stripe import PaymentMethodService

from gateways.cards import CardFacts
from gateways.errors import Misconfigured
from gateways.stripe_cards import facts_of
from gateways.stripe_errors import NAME, ReportedCard, StripeFault
from gateways.stripe_sdk import answer_of


class PaymentMethod(BaseModel):
    """A PaymentMethod, as far as it concerns us."""

    id: str
    customer: str | None = None
    card: ReportedCard | None = None


async def read(methods: PaymentMethodService, token: str, customer: str | None) -> CardFacts | None:
    """Read a PaymentMethod; None where it is not this customer's any more."""
    found = await answer_of(methods.retrieve_async(token), PaymentMethod)
    if isinstance(found, StripeFault):
        raise Misconfigured(
            NAME, f"does not know this payment method ({found.most_precise_code}): is STRIPE_API_KEY of its account?"
        )
    if found.customer != customer and customer is not None:
        return None
    return facts_of(found.card) or CardFacts()
