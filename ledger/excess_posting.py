"""The posting rules of money in excess: it is the customer's until refunds of ours and the gateway have given it back.

Both may give it back, a dispute may even be lost after the refund: the customer has it twice then. What is owed never
falls below nothing; what is given back beyond it is an expense. Each fact moves the difference, so any order is right.
"""

from pydantic import BaseModel, ConfigDict

from ledger.accounts import Account, clearing, paid_back_twice, refunds_payable
from ledger.entries import Entry, Line, credit, debit
from ledger.money import Money
from ledger.posting import Fact, entry


class Excess(BaseModel):
    """What one capture took in excess, and what of it is given back by all but the fact that is booked."""

    model_config = ConfigDict(frozen=True)

    taken_minor: int
    otherwise_back_minor: int

    def shares(self, back_minor: int) -> dict[Account, int]:
        """Divide what a fact gives back: what was owed still, and what the customer gets twice."""
        owed = max(0, self.taken_minor - self.otherwise_back_minor)
        off = min(back_minor, owed)
        return {refunds_payable(): off, paid_back_twice(): back_minor - off}


def excess_refunded(fact: Fact, excess: Excess) -> Entry:
    """Book a refund of money in excess; reference `{operation_id}`."""
    lines = (*_shares(fact, excess), credit(clearing(fact.gateway), fact.money))
    return entry(fact, "", "refund_succeeded", "refunded", lines)


def excess_refund_returned(fact: Fact, excess: Excess) -> Entry:
    """Take back a refund of money in excess that came back: it is owed again; reference `{operation_id}:failed`.

    It names no entry that it reverses: what the refund gave back may have been another amount than was asked for, and the
    gateway may have taken something back between the two. A fact is booked whatever was booked before.
    """
    lines = (debit(clearing(fact.gateway), fact.money), *(line.reversed() for line in _shares(fact, excess)))
    return entry(fact, ":failed", "refund_failed", "refund failed", lines)


def _shares(fact: Fact, excess: Excess) -> tuple[Line, ...]:
    shares = excess.shares(fact.money.amount_minor)
    return tuple(
        debit(account, Money(amount_minor=minor, currency=fact.money.currency))
        for account, minor in shares.items()
        if minor
    )
