"""The tries of an invoice: what each was begun for, which charge it is, and what the charge's row says of its outcome.

Pure: rows are read and written by `billing/try_books.py`.
"""

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from billing.dunning.decline_classes import Answer
from billing.dunning.history import Try, TryOutcome
from ledger.answers import GatewayAnswer
from ledger.card_numbers import looks_like_card_number
from ledger.charges import ChargeStatus
from ledger.money import Money
from ledger.operations import operation_id
from ledger.record import Record

MAX_ID: Final = 64
UNREACHABLE: Final = "gateway_unreachable"
"""Code of what nobody was asked."""
NOT_TOLD: Final = "not_told"
"""Code of a no without one: no row of the decline classes knows it."""
APPROVED: Final = frozenset(
    {ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED, ChargeStatus.DISPUTED, ChargeStatus.REVERSED}
)
"""Money came; where it was taken back, the invoice is open again, and a person has to look before it is asked for anew."""
CAME_TO_NOTHING: Final = frozenset(
    {ChargeStatus.VOIDED, ChargeStatus.CANCELED, ChargeStatus.REFUNDED, ChargeStatus.EXPIRED}
)
"""Nobody said no, and nothing is kept."""
_NETWORK = re.compile(r"[a-z][a-z0-9_]{1,31}")
_COUNTRY = re.compile(r"[A-Z]{2}")


class Purpose(StrEnum):
    """What a try is made for."""

    FIRST = "first"
    """The collection of a new invoice: number 0."""
    RUNG = "rung"
    """One of the policy's tries."""
    NEW_METHOD = "new_method"
    """A payment method was added, or took another's place."""
    COMMAND = "command"
    """A person asked for it."""
    CUSTOMER = "customer"
    """The customer asked for it, and is there to act."""


class CardRests(NamedTuple):
    """The card may not be tried now: a ceiling is reached, or it is never to be tried again."""

    next_at: datetime | None
    """From when it may; None for never."""
    why: str


class Nothing(NamedTuple):
    """There is nothing to try."""

    why: str


class InvoiceTry(Record):
    """A try's row, with what its charge's row says."""

    charge_id: str
    invoice_id: str
    number: int
    method_id: str
    card: str
    """As it is named now: a token may have become a card since."""
    gateway: str
    network: str | None
    country: str | None
    purpose: Purpose
    is_rung: bool
    amount_minor: int
    currency: str
    tried_at: datetime
    recorded_at: datetime
    withdrawn_at: datetime | None
    withdrawn_because: str | None
    status: ChargeStatus | None
    """None where no charge of it is written down yet."""
    decline_code: str | None
    answer: GatewayAnswer | None

    @property
    def amount(self) -> Money:
        """What was asked for."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    @property
    def operation_id(self) -> str:
        """Under which its card is claimed."""
        return first_operation(self.charge_id)

    @property
    def outcome(self) -> TryOutcome:
        """What became of it."""
        if self.withdrawn_at is not None or self.status is ChargeStatus.DECLINED or self.status in CAME_TO_NOTHING:
            return TryOutcome.DECLINED
        return TryOutcome.APPROVED if self.status in APPROVED else TryOutcome.UNDECIDED

    def as_tried(self) -> Try:
        """Return it as the decisions of dunning are made from it."""
        refusal = self._refusal() if self.outcome is TryOutcome.DECLINED else None
        card = self.answer.card if self.answer is not None else None
        told = self.answer or GatewayAnswer()
        return Try(
            at=self.tried_at,
            method_id=self.method_id,
            card=self.card,
            gateway=self.gateway,
            network=_network(card.brand if card else None) or _network(told.network) or self.network,
            country=_country(card.country if card else None) or self.country,
            amount=self.amount,
            outcome=self.outcome,
            answer=refusal,
            at_network=refusal is None or (refusal.code != UNREACHABLE and told.reached_issuer is not False),
            is_rung=self.is_rung,
        )

    def _refusal(self) -> Answer:
        if self.status is not ChargeStatus.DECLINED:
            return Answer(code=UNREACHABLE)
        told = self.answer or GatewayAnswer()
        return Answer(
            code=self.decline_code or told.gateway_code or NOT_TOLD,
            advice=told.advice,
            network_code=told.network_code,
            network_advice=told.network_advice,
        )


def charge_id(invoice_id: str, number: int) -> str:
    """Name the charge of a try; where that is too long, or looks like a card number, by a hash of the invoice's id."""
    name = f"{invoice_id}.{number}"
    if len(name) <= MAX_ID and not looks_like_card_number(name):
        return name
    return f"invoice_{hashlib.sha256(invoice_id.encode()).hexdigest()[:32]}.{number}"


def first_operation(of_charge: str) -> str:
    """Name the operation that takes the money of a try."""
    return operation_id(of_charge, "capture", 1)


def _network(told: str | None) -> str | None:
    return told if told is not None and _NETWORK.fullmatch(told) else None


def _country(told: str | None) -> str | None:
    return told if told is not None and _COUNTRY.fullmatch(told) else None
