"""What the books refuse of reversals: an entry that undoes too much, and a wish that cannot become one. All are LedgerErrors."""

from ledger.errors import InvalidEntry, LedgerError
from ledger.money import Money


class ReversalExceeds(InvalidEntry):
    """Of what another entry moved of an account, less is `left` to undo than this entry undoes."""

    def __init__(self, reference: str, reverses: str, account: str, *, asked: Money, left: Money) -> None:
        super().__init__(
            reference, f"it undoes {asked} of account {account} in entry {reverses}, of which {left} is left to undo"
        )
        self.reverses = reverses
        self.account = account
        self.left = left


class CannotReverse(LedgerError):
    """An entry cannot be undone as somebody wants to; `why` says what is in the way."""

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(f"entry {reference} cannot be reversed so: {why}")
        self.reference = reference
