"""A fault of the ledger's protection: what is wrong, and what to do, in one line each."""

from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What is looked at."""

    SCHEMA = "schema"
    ROLE = "role"
    GRANTS = "grants"
    GUARDS = "guards"
    OWNERS = "owners"
    FUNCTIONS = "functions"
    DURABILITY = "durability"


@dataclass(frozen=True)
class Fault:
    """Something that the ledger is not protected against."""

    subject: Subject
    what: str
    remedy: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.what}: {self.remedy}"
