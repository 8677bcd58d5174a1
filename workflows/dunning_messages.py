"""What people say to the process of an unpaid invoice: each is one update, with who says it and why."""

from pydantic import AwareDatetime

from ledger.record import Identifier, Record
from ledger.reviews import Because


class Word(Record):
    """A command of a person."""

    by: Identifier
    because: Because


class RetryNow(Word):
    """Try at once, with this method or the one that the customer prefers; none of the policy's tries is used up."""

    method: Identifier | None = None


class Until(Word):
    """A command that holds until a moment."""

    until: AwareDatetime


class MoveToPolicy(Word):
    """Go on by another policy, `version/name`."""

    policy: str
