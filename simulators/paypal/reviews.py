"""What PayPal decides later, as jobs of the agenda: pending captures and refunds, and authorizations that lapse."""

from collections.abc import Callable

from simulators.agenda import Agenda
from simulators.paypal import authorizations, captures, refunds
from simulators.paypal.turn import Turn
from simulators.store import Document, Transaction


def settle_capture(turn: Turn, details: Document) -> None:
    """A pending capture completes, or is declined and no longer counts against its authorization."""
    capture = turn.find(captures.KIND, details["id"])
    if details["status"] == "DECLINED" and capture["authorization_id"]:
        authorizations.give_back(turn, capture["authorization_id"], capture["units"])
    captures.settle(turn, capture, details["status"])


def settle_refund(turn: Turn, details: Document) -> None:
    """A refund completes or fails."""
    refunds.settle(turn, details["id"], details["status"])


def lapse(turn: Turn, details: Document) -> None:
    """An authorization's last day is over."""
    authorizations.lapse(turn, details["id"])


Job = Callable[[Turn, Document], None]

JOBS: dict[str, Job] = {
    captures.SETTLE: settle_capture,
    refunds.SETTLE: settle_refund,
    authorizations.LAPSE: lapse,
}


def plan(turn_for: Callable[[Transaction], Turn], agenda: Agenda) -> None:
    """Tell the agenda what to do for each job; `turn_for` makes the turn in which it is done."""
    for name, job in JOBS.items():
        agenda.on(name, _in_turn(job, turn_for))


def _in_turn(job: Job, turn_for: Callable[[Transaction], Turn]) -> Callable[[Transaction, Document], None]:
    return lambda transaction, details: job(turn_for(transaction), details)
