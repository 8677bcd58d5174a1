"""The payment methods that a gateway keeps for its customers, read one by one: a network may have renewed the card behind a token."""

from typing import Protocol, runtime_checkable

from gateways.cards import CardFacts


@runtime_checkable
class SavedMethods(Protocol):
    """A gateway that shows what it keeps. Raises only `gateways.errors.GatewayError`."""

    name: str

    async def read_method(self, token: str, gateway_customer: str | None) -> CardFacts | None:
        """Read what the gateway knows of a payment method now; moves no money.

        None where it keeps the method no more, or no more for this customer: it can never be charged again under this
        token. What cannot be read, or was never this account's as far as the gateway tells the two apart, is raised.
        """
        ...
