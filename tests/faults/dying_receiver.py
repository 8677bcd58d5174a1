"""The HTTP service that kills itself at a point of a delivery: `python -m tests.faults.dying_receiver storing|stored N`.

The service is the product's; only the point, at its N-th event, is ours.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from itertools import count
from typing import Any

import api.__main__
from api.inbox_writer import InboxWriter
from ledger import inbox


class Point(StrEnum):
    """Where it dies."""

    STORING = "storing"
    """Everything is written, and nothing is committed."""
    STORED = "stored"
    """It is committed, and its sender has no answer yet."""


def dying(do: Callable[..., Awaitable[Any]], number: int) -> Callable[..., Awaitable[Any]]:
    """Let this be done, and die of it the N-th time."""
    done = count(1)

    async def do_and_die(*args: Any) -> Any:
        result = await do(*args)
        if next(done) >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return do_and_die


def main(point: str, number: str) -> int:
    """Run the service."""
    match Point(point):
        case Point.STORING:
            setattr(inbox, "keep_all", dying(inbox.keep_all, int(number)))  # noqa: B010 # a function, not a constant
        case Point.STORED:
            setattr(InboxWriter, "keep", dying(InboxWriter.keep, int(number)))  # noqa: B010 # as above
    return api.__main__.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
