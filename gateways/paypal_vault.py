"""PayPal's vault: https://developer.paypal.com/docs/api/payment-tokens/v3/#payment-tokens_get

A token that was deleted is not shown any more: as unknown, or by an empty answer, of which both were seen.
"""

from typing import Final

from pydantic import BaseModel, Field

from gateways.cards import CardFacts
from gateways.paypal_cards import PaymentSource, facts_of
from gateways.paypal_session import PayPalSession, identity_in_path
from gateways.paypal_sources import CARD_PREFIX

TOKENS: Final = "/v3/vault/payment-tokens"


class PaymentToken(BaseModel):
    """A token of the vault, with what it stands for."""

    id: str
    payment_source: PaymentSource = Field(default_factory=PaymentSource)


async def read(session: PayPalSession, token: str) -> CardFacts | None:
    """Read a token; None where the vault has it no more. Of a wallet nothing is told but that it is there."""
    path = f"{TOKENS}/{identity_in_path(token.removeprefix(CARD_PREFIX))}"
    found = await session.find(path, PaymentToken, empty_is_unknown=True)
    if found is None:
        return None
    return facts_of(found.payment_source.card) or CardFacts()
