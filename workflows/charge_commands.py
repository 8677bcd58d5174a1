"""What a charge takes from outside: questions, and commands of the merchant, the customer and operations people."""

from pydantic import Field

from ledger.money import MAX_AMOUNT_MINOR
from ledger.record import Record

ACTOR = Field(min_length=1, max_length=200)


class AwaitDecision(Record):
    """Wait for the answer to a charge; refused where the charge of this id has other content."""

    content_hash: str | None = None
    through_action: bool = False
    """Wait also while the customer authenticates, instead of returning the customer's next step at once."""


class CaptureCommand(Record):
    """Take an authorized amount, in minor units; None for all of it. What is not taken is released."""

    amount_minor: int | None = Field(default=None, gt=0, le=MAX_AMOUNT_MINOR)
    actor: str = ACTOR


class VoidCommand(Record):
    """Release an authorization."""

    actor: str = ACTOR


class CancelCommand(Record):
    """Call the charge off, wherever it stands: what was reserved is released, what was taken is given back."""

    actor: str = ACTOR


class ConfirmCommand(Record):
    """Stand by a charge that has to be confirmed."""

    actor: str = ACTOR


class CompleteAction(Record):
    """The customer says that they have done their part; the gateway is asked at once."""

    actor: str = ACTOR
