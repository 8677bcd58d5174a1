"""What crosses a boundary: immutable records, text that is no card number, ids that name nobody, and the hash of what is asked."""

import hashlib
import json
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ledger.card_numbers import looks_like_card_number


class Record(BaseModel):
    """A value that crosses a boundary: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _no_card_number(text: str) -> str:
    if looks_like_card_number(text):
        raise ValueError("looks like a card number: give the gateway's token instead")
    return text


Text = Annotated[str, AfterValidator(_no_card_number)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), AfterValidator(_no_card_number)]
"""An id that is safe in a workflow id, a URL and a log: it shall name nobody."""


def says_nothing(value: object) -> bool:
    """Whether a field is left out of what is written: `exclude_if` of fields that came later, or are seldom there."""
    return value is None


def content_hash(request: Record, *, later: frozenset[str] = frozenset()) -> str:
    """Hash what is asked, without who asks.

    `later` are fields that did not exist at first: where they say nothing, the hash is what it was without them.
    """
    content = request.model_dump(mode="json", exclude={"actor"})
    content = {name: value for name, value in content.items() if name not in later or value is not None}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
