"""The cells of the crash-point matrix, generated from what one undisturbed run of each story passes.

A step of the product that a story comes to has its cells without anybody writing them down; `test_matrix.py` fails for a
step that no story comes to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.faults.failpoints import Action, Where
from tests.faults.rare_stories import RARE

ROWS = {
    Where.BEFORE: {Action.KILL: 4},
    Where.SENDING: {Action.KILL: 5, Action.STOP: 13, Action.OVERSLEEP: 13},
    Where.ANSWERED: {Action.KILL: 9, Action.RAISE: 9, Action.STOP: 13},
    Where.COMMITTING: {Action.KILL: 10, Action.LOSE_ANSWER: 10, Action.LOSE_COMMIT: 10, Action.STOP: 13},
    Where.COMMITTED: {Action.KILL: 11, Action.STOP: 13},
    Where.AFTER: {Action.KILL: 12, Action.STOP: 13},
}
"""What is done where, and which row of the fault catalogue shows it."""
READING = {
    "look_up",
    "watch",
    "read_withdrawals",
    "withdrawals",
    "charge_of_try",
    "send_expiring_notice",  # its own test shows that it goes out once: a story would have to wait for the end of a month
}
"""Steps that move no money, and come again by themselves."""
LOOKING = {
    "look_at_legs",
    "operations_to_reread",
    "expire_hold",
    "turn_subscription",
    "collect_invoice",
    "look_at_dunning",
}
"""Steps that a process takes again for as long as there is something to see: only the first time is sure to come."""
GATEWAY_FAULTS: dict[str, tuple[int, dict[str, Any]]] = {
    "lost_request": (6, {"when": "before", "action": "drop"}),
    "lost_answer": (7, {"when": "after", "action": "drop"}),
    "error_before_effect": (8, {"when": "before", "action": "status", "status": 500, "stored": False}),
    "stored_error_before_effect": (8, {"when": "before", "action": "status", "status": 500, "stored": True}),
    "stored_error_after_effect": (8, {"when": "after", "action": "status", "status": 500}),
    "late_effect": (13, {"when": "before", "action": "delay", "delay_seconds": 4}),
}


@dataclass(frozen=True)
class Cell:
    """One story at one gateway with one thing that goes wrong, drawn from one seed."""

    row: int
    story: str
    gateway: str
    seed: int
    point: str
    """Where a worker fails, or, with a `fault`, the end of the key of the request that meets it."""
    action: Action | None = None
    fault: str | None = None

    @property
    def name(self) -> str:
        """What it is, in a word that a command line can pick it by."""
        return f"{self.row}-{self.story}-{self.gateway}-{self.seed}-{self.point}-{self.action or self.fault}"

    @property
    def always_as_wished(self) -> bool:
        """Whether the customer must get what they wished: a crash of ours is no reason not to.

        A worker that hangs is one: Temporal goes on handing it tasks for a while, and a charge of which nothing was
        sent within a minute is answered with a no.
        """
        return self.fault is None and self.action is not Action.STOP


def is_sure(point: str) -> bool:
    """Whether a worker can be struck there: at no mere reading, and at no look that may or may not be taken."""
    _, what, number = point.split(":")
    return what not in READING and (number == "1" or what not in LOOKING)


def of_points(story: str, gateway: str, seed: int, points: Iterable[str]) -> Iterator[Cell]:
    """The cells in which a worker fails, for the points that the story passes."""
    for point in dict.fromkeys(points):
        where, what, _ = point.split(":")
        if is_sure(point) and (story not in RARE or what in RARE[story][1]):
            for action, row in ROWS[Where(where)].items():
                yield Cell(row, story, gateway, seed, point, action=action)


def of_requests(story: str, gateway: str, seed: int, keys: Iterable[str]) -> Iterator[Cell]:
    """The cells in which a gateway or the way to it fails, for the keys of the requests that the story sends."""
    for key in () if story in RARE else dict.fromkeys(keys):
        end_of_key = key.partition(":")[2]
        for fault, (row, _) in GATEWAY_FAULTS.items():
            yield Cell(row, story, gateway, seed, end_of_key, fault=fault)
