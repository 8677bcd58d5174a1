"""What a simulated gateway is to the shared machinery: a request in, an answer out, inside one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.simulator import Simulator
from simulators.store import Document, Transaction


@dataclass(frozen=True)
class Call:
    """One HTTP request. Names of headers are in lower case; `key` is the gateway's idempotency key, if one was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    key: str | None


@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False
    """Whether it was given before, under the same idempotency key."""


class Gateway(Protocol):
    """A gateway's own part: its API, its errors, and its idempotency store."""

    key_header: str
    """The request header with the idempotency key, in lower case."""
    simulator: Simulator

    def answer(self, transaction: Transaction, call: Call) -> Answer:
        """Do what the request asks. A refusal or a decline is an answer; what is raised undoes everything."""
        ...

    def failure(self, call: Call, status: int) -> Answer:
        """The gateway's own body for a server error (or another status)."""
        ...

    def conflict(self, call: Call) -> Answer:
        """Another request with the same key is under way."""
        ...

    def rate_limited(self, call: Call, code: str | None) -> Answer:
        """Too many requests; `code` picks a variant where there are several."""
        ...

    def remember(self, transaction: Transaction, call: Call, answer: Answer) -> None:
        """Keep this answer under the request's key in place of the real one, so that a repeat gets it again."""
        ...

    def keeps(self, transaction: Transaction, call: Call) -> bool:
        """Whether an answer is kept under the request's key, so that a repeat gets it whatever goes wrong."""
        ...

    def decline(self, transaction: Transaction, call: Call) -> Answer:
        """Say no to what the request asks, whatever it asks it of, and leave the traces of that."""
        ...

    def succeed_late(self, transaction: Transaction, call: Call) -> None:
        """Do what the request asked after all, unless it was done or became impossible meanwhile."""
        ...

    def reverse(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """Take a captured payment back by itself, or a part of it (ISO minor units); returns the id of what that made.

        Raises LookupError for a payment that was not captured, ValueError for an amount that cannot be taken back.
        """
        ...

    def open_dispute(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """Let the customer contest a captured payment, or a part of it (ISO minor units); returns the dispute's id.

        Raises LookupError for a payment that was not captured, ValueError for an amount that cannot be disputed.
        """
        ...

    def close_dispute(
        self, transaction: Transaction, dispute_id: str, *, won: bool, returned_minor: int | None
    ) -> None:
        """Decide a dispute: all comes back of one that is won, `returned_minor` of one that is lost in part.

        Raises LookupError for an unknown dispute, ValueError for one that is decided already.
        """
        ...

    def refund_by_hand(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """Refund a captured payment, or a part of it, as a person does at the gateway's site; returns the refund's id.

        Raises LookupError for a payment that was not captured, ValueError for what the gateway refuses.
        """
        ...

    def make_card(self, transaction: Transaction, token: str, asked: Document) -> None:
        """Make a payment method with this token, or change the one that there is; see `simulators.made_cards`.

        Raises ValueError for what such a method cannot be.
        """
        ...

    def remove_card(self, transaction: Transaction, token: str) -> None:
        """Let the gateway keep a payment method no more, as when its customer takes it away there.

        Raises LookupError for one that it does not keep.
        """
        ...

    def offered_for_setup(self, transaction: Transaction, setup_id: str) -> Mapping[str, str] | None:
        """What the customer may give on the hosted page, with a label of each; None if nothing waits for them."""
        ...

    def complete_setup(self, transaction: Transaction, setup_id: str, given: str | None) -> str | None:
        """The customer gave one of these, or went back (None); returns where to send their browser, None to ask again.

        Raises LookupError for a setup that waits for no customer, ValueError for what cannot be given.
        """
        ...

    def describe_authentication(self, transaction: Transaction, payment_id: str) -> str | None:
        """What the customer is asked to approve, as `49.99 EUR`; None if nothing waits for them."""
        ...

    def authenticate(self, transaction: Transaction, payment_id: str, *, succeed: bool) -> str | None:
        """The customer completed or failed the step; returns where to send their browser.

        Raises LookupError for a payment that waits for no customer.
        """
        ...
