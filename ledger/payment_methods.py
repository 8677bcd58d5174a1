"""What a customer pays with: a token at a gateway, and what is known of it; never a card number."""

from typing import Annotated

from pydantic import Field

from ledger.record import Record, Text, says_nothing

REFERENCE_PATTERN = r"^[\x21-\x7e]{1,200}$"
"""A gateway's reference: printable and without spaces."""


class PaymentMethod(Record):
    """A token of the customer's at one gateway."""

    gateway: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    token: Annotated[Text, Field(min_length=1, max_length=200)]
    brand: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{1,31}$", exclude_if=says_nothing)
    """The card's brand, such as `visa`; routing rules may ask for it."""
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", exclude_if=says_nothing)
    """The issuer's country, ISO 3166-1."""
    funding: str | None = Field(default=None, pattern=r"^(credit|debit|prepaid)$", exclude_if=says_nothing)
    gateway_customer: Annotated[Text | None, Field(pattern=REFERENCE_PATTERN)] = Field(
        default=None, exclude_if=says_nothing
    )
    """The gateway's own reference of the customer with whom it keeps the token, such as Stripe's `cus_`."""
    mandate: Annotated[Text | None, Field(pattern=REFERENCE_PATTERN)] = Field(default=None, exclude_if=says_nothing)
    """The gateway's reference of what the customer agreed to, where the method needs one: Stripe's `mandate_`."""
