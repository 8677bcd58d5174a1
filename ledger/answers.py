"""What a gateway told beside an operation's outcome: the codes of a decline, by who gave them, and what it knows of the card."""

from typing import Annotated, Any

from pydantic import Field

from ledger.record import Record, says_nothing

Told = Annotated[str | None, Field(exclude_if=says_nothing)]


class CardFacts(Record):
    """The card that was tried, as its gateway reports it; never its number."""

    fingerprint: Told = None
    """The gateway's own name of the number: the same card under two tokens has one."""
    brand: Told = None
    country: Told = None
    """The issuer's, ISO 3166-1."""
    funding: Told = None
    """credit, debit or prepaid."""
    expires: Told = None
    """The last month in which it is valid, such as `2034-12`."""


class GatewayAnswer(Record):
    """What is only there where the gateway gave it; the most precise code and the message stand beside it."""

    network: Told = None
    """The card network that was asked, such as `visa`."""
    network_code: Told = None
    """The issuer's answer, in the network's code."""
    network_advice: Told = None
    """The network's advice, such as Mastercard's merchant advice code."""
    advice: Told = None
    """The gateway's advice."""
    gateway_code: Told = None
    """The gateway's more general code, beside the decline code."""
    reached_issuer: Annotated[bool | None, Field(exclude_if=says_nothing)] = None
    """Whether the issuer was asked, so that the network counts the attempt."""
    card: Annotated[CardFacts | None, Field(exclude_if=says_nothing)] = None

    def document(self) -> dict[str, Any]:
        """Write it as a JSON document of what there is."""
        return self.model_dump(mode="json")
