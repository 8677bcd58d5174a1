"""The evidence: what the gateways, the journal and the charges each say, as plain data.

Rows are read by `ledger.proofs.reading`, effects by `gateways.records`; the checks see nothing else. Amounts are in
ISO 4217 minor units of the currency beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

UNDECIDED = frozenset({None, "unknown", "pending", "action_required"})
"""Outcomes of an operation that a later answer may replace."""


OVER = frozenset(
    {
        "captured",
        "partially_captured",
        "voided",
        "refunded",
        "canceled",
        "declined",
        "expired",
        "disputed",
        "reversed",
    }
)
"""States in which nothing holds the customer's money and nothing is waited for; needs_review is a person's."""


class EffectKind(StrEnum):
    """What a gateway did; the first three are named as the operations that ask for them."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    WITHDRAWAL = "withdrawal"
    """Money of a captured payment that the gateway took back without an operation of ours: a reversal, a dispute."""
    WITHDRAWAL_RETURNED = "withdrawal_returned"
    """What came back of a withdrawal, under the same reference."""
    MOVEMENT = "movement"
    """Money that moved, and belongs to no payment of ours: a payout, an adjustment."""


class Standing(StrEnum):
    """What has become of an effect by now."""

    DONE = "done"
    """A capture or a refund that stands."""
    HELD = "held"
    """An authorization that is open."""
    USED = "used"
    """An authorization that was captured, in full or in part, and holds nothing any more."""
    RELEASED = "released"
    """An authorization that was voided or lapsed."""
    PENDING = "pending"
    """Accepted, not decided."""
    FAILED = "failed"
    """A refund that did not reach the customer, or came back."""

    @property
    def took_effect(self) -> bool:
        """Whether it happened, as far as the gateway knows now."""
        return self not in {Standing.PENDING, Standing.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that a gateway says happened to money."""

    gateway: str
    kind: EffectKind
    standing: Standing
    reference: str
    """The gateway's object: an authorization, a capture, a refund; at Stripe the PaymentIntent for the first two.

    Of a withdrawal: the dispute, the refund that is none of ours, or Stripe's balance transaction of the failure.
    """
    amount_minor: int
    """Of an authorization: what was reserved at first."""
    currency: str
    occurred_at: datetime
    operation_id: str | None = None
    """The operation that the gateway names, where it names one of this kind."""
    charge_id: str | None = None
    payment_reference: str | None = None
    """What groups the payment: a Stripe PaymentIntent, a PayPal order."""
    target_reference: str | None = None
    """What was acted on: the authorization of a capture, the capture of a refund or of a withdrawal."""
    fee_minor: int | None = 0
    """What the gateway kept for it, negative where it gave some back; None while it has not said.

    Of a withdrawal: the fee of the dispute in all, also of what was given back of it when money returned.
    """
    fee_currency: str | None = None
    changed_at: datetime | None = None
    """When its standing last changed, where the gateway says so."""
    customer: str | None = None
    """Our customer, where the gateway keeps that for us."""
    description: str = ""
    """A movement: what the gateway calls it. A withdrawal and what returned of it: `reversal` or `dispute`."""

    @property
    def signed_minor(self) -> int:
        """What it did to our balance, without its fee: negative where money left. Only a movement is signed by itself."""
        match self.kind:
            case EffectKind.AUTHORIZE:
                return 0
            case EffectKind.REFUND | EffectKind.WITHDRAWAL:
                return -self.amount_minor
            case _:
                return self.amount_minor

    @property
    def references(self) -> frozenset[str]:
        """Every name by which an operation of ours may know it."""
        return frozenset(filter(None, (self.reference, self.payment_reference, self.target_reference)))


class Claim(NamedTuple):
    """What the books say of an operation at a gateway, so that a reader of its record knows what to ask for by id."""

    operation_id: str
    kind: str
    gateway: str
    payment_reference: str | None
    gateway_reference: str | None
    requested_at: datetime
    decided_at: datetime | None


class LineRow(NamedTuple):
    """A line of a journal entry."""

    account: str
    side: str
    amount_minor: int
    currency: str
    charge_id: str | None

    @property
    def signed_minor(self) -> int:
        """The amount, negative for a credit."""
        return self.amount_minor if self.side == "debit" else -self.amount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """A journal entry; `line_count` and `totals` (debits by currency) are those stored with it."""

    reference: str
    charge_id: str | None
    operation_id: str | None
    line_count: int
    totals: Mapping[str, int]
    lines: Sequence[LineRow]


class OperationRow(NamedTuple):
    """An operation of ours."""

    operation_id: str
    charge_id: str
    kind: str
    gateway: str
    amount_minor: int
    currency: str
    payment_reference: str | None
    target_reference: str | None
    gateway_reference: str | None
    outcome: str | None
    fee_minor: int | None
    fee_currency: str | None
    fee_status: str
    requested_at: datetime
    decided_at: datetime | None
    attempt: int = 1
    decline_code: str | None = None
    refund_id: str | None = None
    excess: bool = False
    """It took effect after the charge had moved on, and is to be given back."""
    compensates: str | None = None
    """The operation in excess that this one gives back."""

    @property
    def counts(self) -> bool:
        """Whether it counts for the charge's amounts and status: not what was in excess, nor what gave that back."""
        return not self.excess and self.compensates is None

    @property
    def references(self) -> frozenset[str]:
        """The gateway's objects that it knows."""
        return frozenset(filter(None, (self.payment_reference, self.target_reference, self.gateway_reference)))

    @property
    def is_undecided(self) -> bool:
        """Whether a later answer may replace its outcome."""
        return self.outcome in UNDECIDED

    @property
    def is_first(self) -> bool:
        """Whether it takes or reserves money by itself: an authorization, or a capture without one."""
        return self.kind == "authorize" or (self.kind == "capture" and self.target_reference is None)


class WithdrawalRow(NamedTuple):
    """What the books say that a gateway took back of a capture by itself."""

    charge_id: str
    gateway: str
    reference: str
    operation_id: str
    kind: str
    state: str
    amount_minor: int
    returned_minor: int
    currency: str
    fee_minor: int
    fee_currency: str

    @property
    def kept_minor(self) -> int:
        """What it took and has not returned."""
        return self.amount_minor - self.returned_minor


class ChargeRow(NamedTuple):
    """A charge of ours."""

    charge_id: str
    status: str
    currency: str
    amount_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    refund_reserved_minor: int
    authorization_expires_at: datetime | None
    created_at: datetime
    confirm_by: datetime | None = None
    confirmed_at: datetime | None = None
    withdrawn_minor: int = 0


class Sent(NamedTuple):
    """An operation that a process sent to a gateway, as its history has it."""

    operation_id: str
    kind: str
    gateway: str


class Answer(NamedTuple):
    """What a process told somebody; amounts are None where the answer has none."""

    status: str
    authorized_minor: int | None
    captured_minor: int | None


class HistoryRow(NamedTuple):
    """What the history of a process says; `charge_id` is that of its request, None where the request names none."""

    charge_id: str | None
    sent: tuple[Sent, ...]
    answers: tuple[Answer, ...]


CHARGE, REFUND, RECONCILE = OF_CHARGES = "charge/", "refund/", "reconcile/"
"""How the names of processes begin that act for a charge."""


class ProcessRow(NamedTuple):
    """A process as Temporal knows it."""

    workflow_id: str
    status: str
    """`running`, `completed`, `failed`, `terminated`, ...; a process that continued as new counts by its last run."""
    started_at: datetime
    shown_status: str | None = None
    """Where it showed that its charge stands, in its search attributes."""
    history: HistoryRow | None = None
    """None where it was not read."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.status == "running"

    @property
    def is_of_charge(self) -> bool:
        """Whether it acts for one charge."""
        return self.workflow_id.startswith(OF_CHARGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeEvidence:
    """All that is known of one charge."""

    charge: ChargeRow
    operations: Sequence[OperationRow] = field(default=())
    entries: Sequence[EntryRow] = field(default=())
    withdrawals: Sequence[WithdrawalRow] = field(default=())
    effects: Sequence[Effect] = field(default=())
    processes: Sequence[ProcessRow] | None = None
    """The processes of the charge and of its refunds; None where Temporal was not read, so that nothing is concluded."""

    @property
    def in_excess(self) -> set[str]:
        """The operations that took effect after the charge had moved on."""
        return {operation.operation_id for operation in self.operations if operation.excess}

    @property
    def counted_withdrawals(self) -> list[WithdrawalRow]:
        """The withdrawals that count for the charge: not those of what was in excess."""
        excess = self.in_excess
        return [row for row in self.withdrawals if row.operation_id not in excess]


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The sum of all debits and of all credits of the journal in one currency; memo accounts are summed apart."""

    currency: str
    is_memo: bool
    debits_minor: int
    credits_minor: int
