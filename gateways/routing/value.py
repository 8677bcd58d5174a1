"""What routing reads and says is immutable, knows its own fields only, and can be kept as JSON."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen, and strict about unknown fields; a fault never shows what was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
