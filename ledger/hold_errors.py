"""What the books refuse of holds.

HoldError                  a LedgerError
|-- HoldConflict         the hold id stands for another hold
|-- HoldNotPending       the hold has ended: it was posted or voided, or has expired
|-- HoldRefused          a hold that cannot be placed or ended so
|   |-- HoldNotCovered       less is available of the account than would be held
|   `-- HoldAccountNotOpen   the account is frozen or closed
|-- HoldNotDue           the hold has not expired yet
`-- UnknownHold          there is no hold with this id
"""

from ledger.errors import LedgerError
from ledger.money import Money


class HoldError(LedgerError):
    """A hold, or what somebody wants of one, is refused; `hold_id` is which."""

    hold_id: str


class HoldConflict(HoldError):
    """The hold id was used for another hold."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"hold {hold_id} exists with other content: use another id for another hold")
        self.hold_id = hold_id


class HoldNotPending(HoldError):
    """The hold has ended, and a hold ends once; `state` is how."""

    def __init__(self, hold_id: str, state: str) -> None:
        super().__init__(f"hold {hold_id} is {state} already: a hold ends once, place another")
        self.hold_id = hold_id
        self.state = state


class HoldRefused(HoldError):
    """A hold cannot be placed or ended so; `why` says what is in the way."""

    def __init__(self, hold_id: str, why: str) -> None:
        super().__init__(f"hold {hold_id} is refused: {why}")
        self.hold_id = hold_id
        self.why = why


class HoldNotCovered(HoldRefused):
    """Less is available of the account than would be held; `missing` is how much less."""

    def __init__(self, hold_id: str, account: str, missing: Money) -> None:
        super().__init__(hold_id, f"account {account} is short of {missing}")
        self.account = account
        self.missing = missing


class HoldAccountNotOpen(HoldRefused):
    """The account is frozen or closed; `why` says which."""


class HoldNotDue(HoldError):
    """The hold has not expired yet, by the clock of the database."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"hold {hold_id} has not expired yet: void it, or wait")
        self.hold_id = hold_id


class UnknownHold(HoldError):
    """No such hold."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"there is no hold {hold_id}: check the id with `holds list`")
        self.hold_id = hold_id
