"""What a simulated gateway is to the shared machinery: a request in, an answer out, inside one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.simulator import Simulator
from simulators.store import Transaction


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

    def describe_authentication(self, transaction: Transaction, payment_id: str) -> str | None:
        """What the customer is asked to approve, as `49.99 EUR`; None if nothing waits for them."""
        ...

    def authenticate(self, transaction: Transaction, payment_id: str, *, succeed: bool) -> str | None:
        """The customer completed or failed the step; returns where to send their browser.

        Raises LookupError for a payment that waits for no customer.
        """
        ...
