"""What routing is asked: one charge, as far as it matters for the choice of a gateway."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from gateways.routing.value import Value
from ledger.money import Money


class Method(Value):
    """A payment method of the customer's at one gateway; None is what nobody has said of it."""

    gateway: str
    brand: str | None = None
    """Such as `visa`."""
    country: str | None = None
    """The issuer's, ISO 3166-1."""
    funding: str | None = None
    """credit, debit or prepaid."""


class RoutingAsk(Value):
    """A charge that needs a gateway for its next attempt."""

    charge_id: str
    amount: Money
    customer: str
    methods: tuple[Method, ...]
    """At most one for each gateway; no other gateway can be chosen."""
    customer_country: str | None = None
    metadata: Mapping[str, str] = Field(default_factory=dict)
    customer_present: bool = True
    """Whether the customer is there to be authenticated."""
    preferred: str | None = None
    """The gateway that the request names."""
    excluded: Mapping[str, str] = Field(default_factory=dict)
    """Gateways that may not be chosen, each with why, as the end of a sentence that starts with its name."""
    attempt: int = Field(default=1, ge=1)
    at: datetime

    def method(self, gateway: str) -> Method | None:
        """Return the customer's payment method at a gateway."""
        return next((method for method in self.methods if method.gateway == gateway), None)
