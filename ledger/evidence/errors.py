"""What stands in the way of writing a pack, or of looking at one.

EvidenceError
|-- PlaceTaken    there is something already where the pack shall be
|-- PlaceFault    a pack cannot be written there: no room, no right
`-- NoPack        what shall be verified is no pack
"""

from pathlib import Path


class EvidenceError(Exception):
    """A folder that was given cannot be used; the message says which, and what to do."""


class PlaceTaken(EvidenceError):
    """A pack is never mixed with other files, and never replaces another one."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already and is no empty folder: give a new name for the pack")


class PlaceFault(EvidenceError):
    """The system refused to write there."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"no pack can be written at {path} ({error.strerror}): nothing was left there")


class NoPack(EvidenceError):
    """It has no manifest that can be read."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path} is no evidence pack: {fault}; `ledger evidence write` makes one")
