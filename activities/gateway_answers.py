"""What of a gateway's outcome is kept as its answer: the codes of a decline, and the card's facts, in the ledger's terms."""

from typing import Any, Final

from gateways.port import Declined, Outcome, Succeeded
from ledger.answers import GatewayAnswer

MOST_CHARACTERS: Final = 200
"""A code or a name is short; a gateway that sends something else must not keep its outcome from being written."""


def answer_of(outcome: Outcome) -> dict[str, Any] | None:
    """Return the document that is kept of it; None where it tells nothing beside the outcome."""
    match outcome:
        case Declined():
            told = outcome.model_dump(include=set(GatewayAnswer.model_fields))
        case Succeeded():
            told = outcome.model_dump(include={"card"})
        case _:
            return None
    return GatewayAnswer.model_validate(_clipped(told)).document() or None


def carried_on(told: dict[str, Any] | None, before: GatewayAnswer | None) -> dict[str, Any] | None:
    """Return the answer to a later operation of the same payment: what was known of its card is known still."""
    card = before.card if before else None
    if card is None or "card" in (told or {}):
        return told
    return {**(told or {}), "card": card.model_dump(mode="json")}


def _clipped(told: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, and with texts of a length that a row can hold."""
    clipped = {name: _value(value) for name, value in told.items()}
    return {name: value for name, value in clipped.items() if value not in (None, "", {})}


def _value(value: Any) -> Any:
    match value:
        case str():
            return value[:MOST_CHARACTERS]
        case dict():
            return _clipped(value)
        case _:
            return value
