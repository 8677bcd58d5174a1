"""What a policy sees of a failed payment, and what it is asked: when to try next.

A gateway's answers, facts that a merchant is told, and his own records; nothing of the cause. A policy keeps no state.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway said of a try, with the fields of `gateways.port.Declined` and the network's own advice code."""

    succeeded: bool
    reached_network: bool = True
    """False where the gateway could not be reached: nothing was sent on, and nobody counts it."""
    code: str | None = None
    """Stripe decline_code, PayPal processor response code; `gateway_unreachable`. Declines always have one."""
    advice: str | None = None
    """Stripe advice_code, PayPal payment_advice_code."""
    network_code: str | None = None
    """Stripe network_decline_code, as the network gave it (51, 05 ...); at PayPal the response code once more."""
    network_advice: str | None = None
    """Stripe network_advice_code: Mastercard's merchant advice code. PayPal has none."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card on file. A replaced or updated card is another one, with another token."""

    token: str
    network: str
    """visa or mastercard"""
    funding: str
    """credit or debit"""
    country: str
    added_at: datetime
    updated_by_network: bool = False
    """Whether the network sent it; otherwise the customer gave it."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a card; the first of a case is the payment whose failure began it."""

    at: datetime
    card: Card
    answer: Answer


@dataclass(slots=True)
class Outage:
    """A time in which the gateway cannot be reached, as far as the merchant knows yet."""

    begins_at: datetime
    ended_at: datetime | None = None


@dataclass(slots=True)
class SeenCase:
    """One unpaid invoice. The contest adds to it as things happen; policies only read it."""

    invoice_id: str
    amount_minor: int
    currency: str
    country: str
    zone: str
    """IANA, of the customer"""
    gateway: str
    """stripe or paypal"""
    failed_at: datetime
    ends_at: datetime
    """No try is made from here on."""
    most_tries: int
    """The budget: tries that reach the network after the first failure, whoever's card and for whatever reason."""
    past_payments: tuple[datetime, ...]
    """When this customer's earlier payments succeeded, oldest first; some months, and not always all."""
    cards: list[Card] = field(default_factory=list)
    """Oldest first; a try is made with the last one."""
    tries: list[Try] = field(default_factory=list)
    """Oldest first, beginning with the payment that failed."""
    outages: list[Outage] = field(default_factory=list)
    """Those that touched this case, oldest first."""

    @property
    def card(self) -> Card:
        """The card that a try would be made with."""
        return self.cards[-1]

    @property
    def tries_left(self) -> int:
        """How many of the budget are left."""
        return self.most_tries + 1 - sum(tried.answer.reached_network for tried in self.tries)


class Policy(Protocol):
    """Asked after the failure, after each answer and upon each fact: a card replaced, an outage begun or ended."""

    @property
    def name(self) -> str:
        """As it stands in the table."""

    def next_try(self, seen: SeenCase, now: datetime) -> datetime | None:
        """Say when to try next, given that nothing else happens; None for not at all. What is past is tried now."""
