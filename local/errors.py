"""Why the local system cannot start.

LocalError                    something about this machine is in the way; the message says what to do
├── PortOccupied              another program listens where a part of the system should
├── PartFailed                a part ended, or did not answer in time; the message ends with its log's last lines
├── AlreadyRunning            this directory's system is up
└── NotPossible               this machine cannot do it as asked
"""

from pathlib import Path


class LocalError(Exception):
    """The local system cannot do what was asked."""


class PortOccupied(LocalError):
    """Another program listens on a port that a part needs."""

    def __init__(self, part: str, port: int, occupant: str, variable: str | None = None) -> None:
        """`occupant` is what `ports.occupant` said of the port."""
        remedy = f"end it, or set {variable} to another port" if variable else "end it, or choose another port"
        super().__init__(f"{part} cannot start: port {port} is taken by {occupant}; {remedy}")


class PartFailed(LocalError):
    """A part of the system ended or never answered."""

    def __init__(self, part: str, what: str, log: Path, last_lines: str) -> None:
        """`what` continues the sentence "`part` ..."."""
        told = f": {last_lines}" if last_lines else ""
        super().__init__(f"{part} {what} (log: {log}){told}")


class AlreadyRunning(LocalError):
    """The directory's system is up in another process."""

    def __init__(self, directory: Path, pid: int | None, remedy: str) -> None:
        """`remedy` says what to do about it."""
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"the system in {directory} is already running ({who}); {remedy}")


class NotPossible(LocalError):
    """This machine cannot do it as asked."""
