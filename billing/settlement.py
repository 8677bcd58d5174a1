"""How the money of one payment is spread over invoices: which it still pays, and which it pays from now on.

Pure: the payment's amount is what came of it and was not given back, so less of it reopens what it had closed.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Share(NamedTuple):
    """An amount of one invoice: applied to it, due of it, or to be moved there (less than zero: away from it)."""

    invoice_id: str
    amount_minor: int


def moves(amount_minor: int, applied: Sequence[Share], due: Sequence[Share]) -> list[Share]:
    """Return what has to be moved so that no more is applied than there is, and all is that can be.

    `applied` is what the payment pays already, first applied first: the last is the first to be taken back. `due` are the
    invoices that it shall pay, in this order. Where money has to be taken back, none is given anywhere.
    """
    free = max(amount_minor, 0) - sum(share.amount_minor for share in applied)
    if free < 0:
        return _taken_back(-free, applied)
    given = []
    for share in due:
        part = min(free, share.amount_minor)
        if part > 0:
            given.append(Share(share.invoice_id, part))
            free -= part
    return given


def _taken_back(missing: int, applied: Sequence[Share]) -> list[Share]:
    taken = []
    for share in reversed(applied):
        part = min(missing, share.amount_minor)
        if part > 0:
            taken.append(Share(share.invoice_id, -part))
            missing -= part
    return taken
