"""What has happened to one unpaid invoice: all that the decisions of dunning are made from.

Times are aware of their zone. Lists are in the order of time, the oldest first.
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from billing.dunning.ceilings import CardTry
from billing.dunning.decline_classes import DECLINE_CLASSES, Answer, Classified, DeclineClass, Scope
from billing.dunning.zones import Zone
from ledger.money import Money
from ledger.record import Identifier, Record

MAX_TRIES = 1000
MAX_EVENTS = 1000


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("does not say in which zone it is: add Z for UTC")
    return moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_aware)]
"""A moment, in UTC."""
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Network = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
GatewayName = Network


class Invoice(Record):
    """What is owed."""

    invoice_id: Identifier
    amount: Money
    failed_at: Instant
    """When the payment failed with which dunning began."""


class Customer(Record):
    """Who owes it; facts by which the policy is chosen and local time is told."""

    customer_id: Identifier
    zone: Zone | None = None
    """IANA; the policy's own where it is not known."""
    country: CountryCode | None = None
    plan: Identifier | None = None
    customer_type: Identifier | None = None
    """As the merchant sorts customers, such as `business`."""
    customer_since: Instant | None = None


class PaymentMethod(Record):
    """One token of the customer's at one gateway."""

    method_id: Identifier
    gateway: GatewayName
    fingerprint: Identifier | None = None
    """The same for the same card, whichever gateway or token; None where the gateway tells none."""
    network: Network | None = None
    country: CountryCode | None = None
    """Where it was issued."""
    funding: str | None = Field(default=None, pattern=r"^(credit|debit|prepaid)$")
    expires: str | None = Field(default=None, pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")
    """The last month in which it is good."""
    added_at: Instant
    replaced_at: Instant | None = None
    """When the customer or the network last put other data, or another card, behind it."""
    removed_at: Instant | None = None
    never: bool = False
    """Whether the card was refused for ever before, on whatever invoice."""

    @property
    def card(self) -> str:
        """What ceilings and a "never" hold for."""
        return self.fingerprint or self.method_id

    @property
    def renewed_at(self) -> datetime:
        """Since when it is what it is now."""
        return self.replaced_at or self.added_at


class TryOutcome(StrEnum):
    """What became of a try."""

    APPROVED = "approved"
    DECLINED = "declined"
    """Someone said no; technical failures are among them, by their codes."""
    UNDECIDED = "undecided"
    """Under way, pending, or unknown: nothing else is tried until it is known."""


class Try(Record):
    """One try of the invoice's amount, or of what was left of it."""

    at: Instant
    method_id: Identifier
    card: Identifier
    """The card that it was made with then."""
    gateway: GatewayName
    network: Network | None = None
    country: CountryCode | None = None
    amount: Money
    outcome: TryOutcome
    answer: Answer | None = None
    """Of a decline."""
    at_network: bool = True
    """Whether it reached the network; False for a gateway that could not be reached."""
    is_rung: bool = True
    """Whether it is one of the policy's tries; not so the first failure, a person's command, or a card just renewed."""

    @model_validator(mode="after")
    def _has_an_answer_where_declined(self) -> "Try":
        if (self.outcome is TryOutcome.DECLINED) != (self.answer is not None):
            raise ValueError("a decline has the gateway's answer, and nothing else has one")
        return self

    @cached_property
    def classified(self) -> Classified | None:
        """What the decline means, by the rules of its day; None where it was none."""
        if self.answer is None:
            return None
        return DECLINE_CLASSES.classify(
            self.answer, gateway=self.gateway, network=self.network, country=self.country, at=self.at
        )

    @cached_property
    def is_technical(self) -> bool:
        """Whether nobody said no."""
        return self.classified is not None and self.classified.decline_class is DeclineClass.TECHNICAL

    @cached_property
    def is_for_funds(self) -> bool:
        """Whether it was for want of money."""
        return self.classified is not None and self.classified.decline_class is DeclineClass.WAIT_FOR_FUNDS

    @cached_property
    def scope(self) -> Scope | None:
        """What a refusal for ever holds for; None where it was none."""
        return self.classified.scope if self.classified is not None else None

    @cached_property
    def wait_until(self) -> datetime | None:
        """The end of the wait that an advice asked for."""
        return self.at + self.classified.wait if self.classified is not None and self.classified.wait else None

    @cached_property
    def uses_rung(self) -> bool:
        """Whether it used up one of the policy's tries."""
        return self.is_rung and not self.is_technical

    @cached_property
    def counted(self) -> CardTry:
        """It, as ceilings count it."""
        is_approved = self.outcome is TryOutcome.APPROVED
        amount = self.amount
        return CardTry(
            self.at, self.card, amount.amount_minor, amount.currency, is_approved, self.at_network, self.is_technical
        )


class OtherTry(Record):
    """A try of one of the same cards for something else: another invoice, a checkout, by hand."""

    at: Instant
    card: Identifier
    amount: Money
    is_approved: bool
    at_network: bool = True
    is_technical: bool = False

    @cached_property
    def counted(self) -> CardTry:
        """It, as ceilings count it."""
        amount = self.amount
        return CardTry(
            self.at,
            self.card,
            amount.amount_minor,
            amount.currency,
            self.is_approved,
            self.at_network,
            self.is_technical,
        )


class EventKind(StrEnum):
    """Facts, and commands of people, as they came in."""

    PAID = "paid"
    """Paid in full, by whatever way."""
    VOIDED = "voided"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_CLOSED = "dispute_closed"
    LEGAL_HOLD_BEGAN = "legal_hold_began"
    LEGAL_HOLD_ENDED = "legal_hold_ended"
    PROMISED = "promised"
    """The customer promised to pay by `until`."""
    PAUSED = "paused"
    """By a person, until `until`."""
    RESUMED = "resumed"
    EXTENDED = "extended"
    """The deadline is `until` now."""
    RETRIED_NOW = "retried_now"
    """A person asked for a try at once; the customer themselves, where they are present to act."""
    GIVEN_UP = "given_up"
    MOVED_TO_POLICY = "moved_to_policy"
    ENDED = "ended"
    """The process ended: the policy's end was carried out."""


NEED_UNTIL = frozenset((EventKind.PROMISED, EventKind.PAUSED, EventKind.EXTENDED))


class Event(Record):
    """One of them."""

    at: Instant
    kind: EventKind
    until: Instant | None = None
    policy: str | None = Field(default=None, max_length=200)
    """Of MOVED_TO_POLICY: `version/name`."""
    by: str | None = Field(default=None, max_length=200)
    """Whose command it was."""
    method: Identifier | None = None
    """Of RETRIED_NOW: with which payment method, where that was said."""
    customer_present: bool = False
    """Of RETRIED_NOW: whether the customer is there to act."""

    @model_validator(mode="after")
    def _says_until_when(self) -> "Event":
        if (self.kind in NEED_UNTIL) != (self.until is not None):
            raise ValueError(
                f"{self.kind} {'needs' if self.until is None else 'has no'} until: give it only where it is due"
            )
        if self.until is not None and self.until <= self.at:
            raise ValueError(f"{self.kind} until a time that is over: give one that is still to come")
        if (self.method is not None or self.customer_present) and self.kind is not EventKind.RETRIED_NOW:
            raise ValueError(f"{self.kind} is of no payment method: leave method and customer_present out")
        return self


class GatewayOutage(Record):
    """A time in which a gateway was, or is, down for everybody."""

    gateway: GatewayName
    began_at: Instant
    ended_at: Instant | None = None
    """None while it lasts."""


class SentNotice(Record):
    """A notice that went out."""

    key: str
    """The step of the ladder, as `notices.Notice.key` names it."""
    at: Instant


class History(Record):
    """All of it."""

    invoice: Invoice
    customer: Customer
    methods: tuple[PaymentMethod, ...] = Field(max_length=100)
    """In the customer's order of preference."""
    tries: tuple[Try, ...] = Field(default=(), max_length=MAX_TRIES)
    """Beginning with the payment that failed."""
    other_tries: tuple[OtherTry, ...] = Field(default=(), max_length=MAX_TRIES)
    payments: tuple[Instant, ...] = Field(default=(), max_length=100)
    """When earlier payments of this customer's succeeded: their pay rhythm, as far as it is known."""
    events: tuple[Event, ...] = Field(default=(), max_length=MAX_EVENTS)
    outages: tuple[GatewayOutage, ...] = Field(default=(), max_length=MAX_EVENTS)
    notices: tuple[SentNotice, ...] = Field(default=(), max_length=MAX_EVENTS)

    @property
    def counted(self) -> list[CardTry]:
        """All tries that are known, for this invoice and others, as ceilings count them; oldest first."""
        own = [tried.counted for tried in self.tries]
        others = [tried.counted for tried in self.other_tries]
        return sorted(own + others) if others else own

    def having(self, **changes: Any) -> "History":
        """Return it with fields exchanged; the new values are trusted to be right."""
        return self.model_copy(update=changes)
