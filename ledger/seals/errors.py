"""What stands in the way of sealing and of verifying, before anything is known of the books.

SealError
|-- KeyFault       a file with a key cannot be used
`-- AnchorFault    a file with an anchor cannot be used
"""

from pathlib import Path


class SealError(Exception):
    """A file that was given cannot be used; the message says which, and what to do."""


class KeyFault(SealError):
    """A key cannot be read, or is not as safe as it has to be."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"the key file {path} cannot be used: {fault}")
        self.path = path


class AnchorFault(SealError):
    """An anchor cannot be read, or was not signed by a key that is trusted."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"the anchor {path} cannot be used: {fault}")
        self.path = path
