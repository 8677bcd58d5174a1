"""What a gateway reports of the card that was tried, where it does: never a number, and nothing that a payment needs."""

from pydantic import BaseModel, ConfigDict, Field


def says_nothing(value: object) -> bool:
    """Whether a field is left out of what is written: those that came later, or are seldom there."""
    return value is None


class CardFacts(BaseModel):
    """A card at its issuer, in the same words for every gateway; None is what this gateway does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str | None = Field(default=None, exclude_if=says_nothing)
    """The gateway's own name of the number: the same card under two tokens has one. Stripe; PayPal tells none."""
    brand: str | None = Field(default=None, exclude_if=says_nothing)
    """Such as `visa`."""
    country: str | None = Field(default=None, exclude_if=says_nothing)
    """The issuer's, ISO 3166-1."""
    funding: str | None = Field(default=None, exclude_if=says_nothing)
    """credit, debit or prepaid."""
    expires: str | None = Field(default=None, exclude_if=says_nothing)
    """The last month in which it is valid, such as `2034-12`."""
