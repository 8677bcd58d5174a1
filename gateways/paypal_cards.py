"""What PayPal reports of the card that paid an order, in the words of `gateways.cards`; pure.

It is in the order and in the vault, not in the authorization or the capture; and PayPal tells no fingerprint.
"""

from typing import Final

from pydantic import BaseModel

from gateways.cards import CardFacts
from gateways.port import Declined, Outcome, Succeeded

BRANDS: Final = {"CHINA_UNION_PAY": "unionpay", "CB_NATIONALE": "cartes_bancaires"}
"""PayPal's brands that have another name in `gateways.cards`; the others are the same in small letters."""
FUNDINGS: Final = frozenset({"CREDIT", "DEBIT", "PREPAID"})


class BinDetails(BaseModel):
    """What the first digits of a card's number tell."""

    bin_country_code: str | None = None


class PayPalCard(BaseModel):
    """A card as an order shows it."""

    brand: str | None = None
    type: str | None = None
    expiry: str | None = None
    bin_details: BinDetails | None = None


class PaymentSource(BaseModel):
    """What an order is paid with."""

    card: PayPalCard | None = None


def with_card(outcome: Outcome, source: PaymentSource | None) -> Outcome:
    """Return the outcome of an attempt with what the order tells of its card."""
    facts = facts_of(source.card) if source else None
    match outcome:
        case Succeeded() if facts is not None:
            return outcome.model_copy(update={"card": facts})
        case Declined() if facts is not None:
            return outcome.model_copy(update={"card": facts, "network": facts.brand})
        case _:
            return outcome


def facts_of(card: PayPalCard | None) -> CardFacts | None:
    """Return what PayPal says of a card; None where there is none, or nothing is said."""
    if card is None:
        return None
    facts = CardFacts(
        brand=BRANDS.get(card.brand, card.brand.lower()) if card.brand else None,
        country=card.bin_details.bin_country_code if card.bin_details else None,
        funding=card.type.lower() if card.type in FUNDINGS and card.type else None,
        expires=card.expiry,
    )
    return facts if facts.model_dump() else None
