"""What `--json` prints: field names are a promise to scripts, and docs/cli.md lists each of them.

Amounts are integers in minor units of the currency beside them; times are ISO 8601 in UTC.
"""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """What a command prints with `--json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def plain(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return self.model_dump(mode="json")
