"""What Stripe reports of a card, in the words of `gateways.cards`; pure."""

from typing import Final

from gateways.cards import CardFacts
from gateways.stripe_errors import ReportedCard

UNKNOWN: Final = "unknown"
"""Stripe's word for what it does not know of a card."""


def facts_of(card: ReportedCard | None) -> CardFacts | None:
    """Return what Stripe says of a card; None where nothing was paid by card, or nothing is said."""
    if card is None:
        return None
    has_expiry = card.exp_year is not None and card.exp_month is not None
    facts = CardFacts(
        fingerprint=card.fingerprint,
        brand=_known(card.brand),
        country=card.country,
        funding=_known(card.funding),
        expires=f"{card.exp_year:04}-{card.exp_month:02}" if has_expiry else None,
    )
    return facts if facts.model_dump() else None


def network_of(card: ReportedCard | None) -> str | None:
    """Return the network that a charge went over, or would have: not always the card's brand, which may have two."""
    if card is None:
        return None
    preferred = card.networks.preferred if card.networks else None
    return _known(card.network or preferred or card.brand)


def _known(word: str | None) -> str | None:
    return None if word == UNKNOWN else word
