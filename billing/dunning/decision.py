"""What `decide` answers: exactly one of four, each with why. The process acts on it, and asks again after whatever happens."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Need(StrEnum):
    """What only the customer can do."""

    NEW_METHOD = "new_method"
    """Give another payment method, or pay some other way."""
    FIX_DATA = "fix_data"
    """Correct or renew the data of the method."""
    AUTHENTICATE = "authenticate"
    """Confirm the payment with their bank."""


class WaitingFor(StrEnum):
    """What is waited for."""

    OUTCOME = "outcome"
    """A try is under way or its outcome is not known: nothing else may be tried."""
    REVIEW = "review"
    """The gateway's answer may mean that it is paid already: a person has to look."""
    DISPUTE = "dispute"
    LEGAL_HOLD = "legal_hold"
    PAUSE = "pause"
    PROMISE = "promise"
    OUTAGE = "outage"
    """The gateway is down for everybody."""


class Reason(StrEnum):
    """Why nothing more is tried."""

    PAID = "paid"
    VOIDED = "voided"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    GIVEN_UP = "given_up"
    """A person's command."""
    TRIES_USED_UP = "tries_used_up"
    """The deadline has passed, and all tries were used before it."""
    CUSTOMER_DID_NOT_ACT = "customer_did_not_act"
    """The deadline has passed, and only the customer could have helped."""
    DEADLINE = "deadline"
    """The deadline has passed."""


class Purpose(StrEnum):
    """What a try is made for."""

    FIRST = "first"
    """The first collection of an invoice, before there is any dunning."""
    RUNG = "rung"
    """One of the policy's tries, which it uses up unless it fails technically."""
    NEW_METHOD = "new_method"
    """A payment method is new or renewed."""
    COMMAND = "command"
    """A person asked for it."""
    CUSTOMER = "customer"
    """The customer pays, and is there to act."""


class TryAgain(NamedTuple):
    """Try this method at this moment, unless something happens before."""

    at: datetime
    method: str
    purpose: Purpose
    why: str

    @property
    def is_rung(self) -> bool:
        """Whether it uses up one of the policy's tries."""
        return self.purpose is Purpose.RUNG


class AskCustomer(NamedTuple):
    """Nothing can be tried by itself: only the customer can help, until then."""

    what: Need
    until: datetime
    why: str


class Wait(NamedTuple):
    """Try nothing before then, unless something happens."""

    until: datetime
    waiting_for: WaitingFor
    why: str


class GiveUp(NamedTuple):
    """Nothing more is tried."""

    reason: Reason
    why: str

    @property
    def is_recovered(self) -> bool:
        """Whether it ended well."""
        return self.reason is Reason.PAID


Decision = TryAgain | AskCustomer | Wait | GiveUp
