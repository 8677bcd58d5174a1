"""Sound evidence of a charge, told step by step, in which a test plants one defect."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.proofs.evidence import (
    ChargeEvidence,
    ChargeRow,
    Effect,
    EffectKind,
    EntryRow,
    LineRow,
    OperationRow,
    Standing,
    WithdrawalRow,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
THEN = NOW - timedelta(minutes=5)


@dataclass
class Story:
    """What happened to one charge, as the gateway, the operations and the journal tell it alike."""

    charge_id: str = "ch_1"
    gateway: str = "stripe"
    amount: int = 5000
    currency: str = "USD"
    at: datetime = THEN
    status: str = "processing"
    operations: list[OperationRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    withdrawals: list[WithdrawalRow] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)

    def authorize(self) -> "Story":
        """Reserve the amount."""
        name = self.operation("authorize", self.amount, outcome="succeeded", gateway_reference=self.hold)
        self.effect(EffectKind.AUTHORIZE, Standing.HELD, self.amount, name, self.hold)
        self.post(name, "", (self.memo, self.amount), ("memo:authorizations:contra", -self.amount))
        self.counters["authorized_minor"] = self.amount
        self.status = "authorized"
        return self

    def capture(self, amount: int | None = None, fee: int = 175) -> "Story":
        """Take the amount at once, or some of what was reserved."""
        taken = self.amount if amount is None else amount
        was_held = bool(self.counters["authorized_minor"])
        target = self.hold if was_held else None
        fee_row = {"fee_minor": fee, "fee_currency": self.currency, "fee_status": "known"} if fee else {}
        name = self.operation(
            "capture", taken, outcome="succeeded", target_reference=target, gateway_reference=self.taken, **fee_row
        )
        self.effect(
            EffectKind.CAPTURE, Standing.DONE, taken, name, self.taken, fee_minor=fee, fee_currency=self.currency
        )
        self.post(name, "", (self.clearing, taken), ("revenue:sales", -taken))
        if fee:
            self.post(name, ":fee", ("expense:gateway_fees", fee), (self.clearing, -fee))
        if was_held:
            self._release(name, ":released", Standing.USED)
        else:
            self.counters["authorized_minor"] = taken
        self.counters["captured_minor"] = taken
        self.status = "partially_captured" if taken < self.amount and was_held else "captured"
        return self

    def void(self) -> "Story":
        """Release what was reserved."""
        name = self.operation("void", self.amount, outcome="succeeded", target_reference=self.hold)
        self._release(name, "", Standing.RELEASED)
        self.status = "voided"
        return self

    def refund(self, amount: int, outcome: str | None = "succeeded") -> "Story":
        """Reserve a refund, and carry it out as far as the outcome says; `failed` had succeeded at first."""
        number = 1 + sum(operation.kind == "refund" for operation in self.operations)
        reference = f"re_{self.charge_id}_{number}"
        name = self.operation(
            "refund", amount, outcome=outcome, target_reference=self.taken, gateway_reference=reference
        )
        self.post(name, ":reserved", ("revenue:refunds", amount), ("liability:refunds_payable", -amount))
        standings = {"succeeded": Standing.DONE, "failed": Standing.FAILED, "pending": Standing.PENDING}
        if outcome in standings:
            self.effect(EffectKind.REFUND, standings[outcome], amount, name, reference, target_reference=self.taken)
        if outcome in {"succeeded", "failed"}:
            self.post(name, "", ("liability:refunds_payable", amount), (self.clearing, -amount))
        if outcome == "failed":
            self.post(name, ":failed", (self.clearing, amount), ("revenue:refunds", -amount))
        elif outcome == "declined":
            self.post(name, ":failed", ("liability:refunds_payable", amount), ("revenue:refunds", -amount))
        counter = {"succeeded": "refunded_minor", "pending": "refund_reserved_minor", None: "refund_reserved_minor"}
        if outcome in counter:
            self.counters[counter[outcome]] += amount
        return self

    def withdraw(self, state: str = "lost", amount: int | None = None, fee: int = 1500, returned: int = 0) -> "Story":
        """The gateway took back what was captured, or a part, by a dispute; some of it may have come back."""
        taken = self.counters["captured_minor"] if amount is None else amount
        operation = next(row for row in reversed(self.operations) if row.kind == "capture")
        name, reference = operation.operation_id, f"dp_{self.charge_id}"
        kind = EffectKind.WITHDRAWAL
        self.effect(kind, Standing.DONE, taken, None, reference, fee_minor=fee, fee_currency=self.currency)
        if returned:
            self.effect(EffectKind.WITHDRAWAL_RETURNED, Standing.DONE, returned, None, reference)
        kept = taken - returned
        account = "expense:dispute_losses" if state == "lost" else "asset:disputes_receivable"
        if kept:
            self.post(name, f":dispute:{reference}", (account, kept), (self.clearing, -kept))
        self.post(name, f":dispute:{reference}:fee", ("expense:dispute_fees", fee), (self.clearing, -fee))
        row = WithdrawalRow(
            self.charge_id,
            self.gateway,
            reference,
            name,
            "dispute",
            state,
            taken,
            returned,
            self.currency,
            fee,
            self.currency,
        )
        self.withdrawals.append(row)
        self.counters["withdrawn_minor"] += kept
        if state == "open":
            self.status = "disputed"
        elif kept and kept + self.counters["refunded_minor"] >= self.counters["captured_minor"]:
            self.status = "reversed"
        return self

    def decline(self) -> "Story":
        """The first operation was declined."""
        self.operation("capture", self.amount, outcome="declined")
        self.status = "declined"
        return self

    def unknown(self) -> "Story":
        """Nobody knows what became of the first operation."""
        name = self.operation("capture", self.amount, outcome="unknown")
        memo = f"memo:unresolved:{self.gateway}"
        self.post(name, ":unknown", (memo, self.amount), ("memo:unresolved:contra", -self.amount))
        self.status = "unknown"
        return self

    def intend(self, kind: str = "capture") -> "Story":
        """An operation was written down and has no outcome yet."""
        self.operation(kind, self.amount)
        return self

    def evidence(self) -> ChargeEvidence:
        """All of it."""
        charge = ChargeRow(
            charge_id=self.charge_id,
            status=self.status,
            currency=self.currency,
            amount_minor=self.amount,
            authorized_minor=self.counters["authorized_minor"],
            captured_minor=self.counters["captured_minor"],
            refunded_minor=self.counters["refunded_minor"],
            refund_reserved_minor=self.counters["refund_reserved_minor"],
            authorization_expires_at=self.at + timedelta(days=7),
            created_at=self.at,
            withdrawn_minor=self.counters["withdrawn_minor"],
        )
        return ChargeEvidence(
            charge=charge,
            operations=tuple(self.operations),
            entries=tuple(self.entries),
            withdrawals=tuple(self.withdrawals),
            effects=tuple(self.effects),
        )

    @property
    def hold(self) -> str:
        """The gateway's name of the authorization."""
        return self.payment if self.gateway == "stripe" else f"auth_{self.charge_id}"

    @property
    def taken(self) -> str:
        """The gateway's name of the capture."""
        return self.payment if self.gateway == "stripe" else f"cap_{self.charge_id}"

    @property
    def payment(self) -> str:
        """The gateway's name of the payment."""
        return f"pay_{self.charge_id}"

    @property
    def clearing(self) -> str:
        """The account of what the gateway owes us."""
        return f"clearing:{self.gateway}"

    @property
    def memo(self) -> str:
        """The account of what is reserved at the gateway."""
        return f"memo:authorizations:{self.gateway}"

    def operation(self, kind: str, amount: int, **changes: Any) -> str:
        """Write an operation down; returns its name."""
        number = 1 + sum(operation.kind == kind for operation in self.operations)
        row = OperationRow(
            operation_id=f"{self.charge_id}:{kind}:{number}",
            charge_id=self.charge_id,
            kind=kind,
            gateway=self.gateway,
            amount_minor=amount,
            currency=self.currency,
            payment_reference=self.payment,
            target_reference=None,
            gateway_reference=None,
            outcome=None,
            fee_minor=None,
            fee_currency=None,
            fee_status="none",
            requested_at=self.at,
            decided_at=self.at if changes.get("outcome") else None,
        )._replace(**changes)
        self.operations.append(row)
        return row.operation_id

    def effect(
        self, kind: EffectKind, standing: Standing, amount: int, name: str | None, reference: str, **changes: Any
    ) -> None:
        """Let something happen at the gateway."""
        self.effects.append(
            Effect(
                gateway=self.gateway,
                kind=kind,
                standing=standing,
                reference=reference,
                payment_reference=self.payment,
                amount_minor=amount,
                currency=self.currency,
                occurred_at=self.at,
                operation_id=name,
                charge_id=self.charge_id,
            )
        )
        self.effects[-1] = replace(self.effects[-1], **changes)

    def post(self, name: str, suffix: str, *lines: tuple[str, int]) -> None:
        """Post an entry of an operation."""
        self.entries.append(entry(f"{name}{suffix}", name, self.charge_id, self.currency, *lines))

    def _release(self, name: str, suffix: str, standing: Standing) -> None:
        self.post(name, suffix, ("memo:authorizations:contra", self.amount), (self.memo, -self.amount))
        self.effects = [
            replace(effect, standing=standing) if effect.standing is Standing.HELD else effect
            for effect in self.effects
        ]


def entry(
    reference: str, operation_id: str | None, charge_id: str | None, currency: str, *lines: tuple[str, int]
) -> EntryRow:
    """Make an entry of signed amounts: debits are positive."""
    return EntryRow(
        reference=reference,
        charge_id=charge_id,
        operation_id=operation_id,
        line_count=len(lines),
        totals={currency: sum(amount for _, amount in lines if amount > 0)},
        lines=[
            LineRow(account, "debit" if amount > 0 else "credit", abs(amount), currency, charge_id)
            for account, amount in lines
        ],
    )


def with_charge(evidence: ChargeEvidence, **changes: Any) -> ChargeEvidence:
    """Change the charge's row."""
    return replace(evidence, charge=evidence.charge._replace(**changes))


def with_operation(evidence: ChargeEvidence, kind: str, **changes: Any) -> ChargeEvidence:
    """Change the operations of a kind."""
    operations = tuple(row._replace(**changes) if row.kind == kind else row for row in evidence.operations)
    return replace(evidence, operations=operations)


def with_effect(evidence: ChargeEvidence, kind: EffectKind, **changes: Any) -> ChargeEvidence:
    """Change the effects of a kind."""
    effects = tuple(replace(each, **changes) if each.kind is kind else each for each in evidence.effects)
    return replace(evidence, effects=effects)


def with_entry(evidence: ChargeEvidence, suffix: str, change: Callable[[EntryRow], EntryRow | None]) -> ChargeEvidence:
    """Change, or with None take out, the entries whose reference ends so."""
    changed = [change(each) if each.reference.endswith(suffix) else each for each in evidence.entries]
    return replace(evidence, entries=tuple(each for each in changed if each is not None))


def more(evidence: ChargeEvidence, *added: EntryRow | Effect) -> ChargeEvidence:
    """Add entries and effects."""
    return replace(
        evidence,
        entries=(*evidence.entries, *(each for each in added if isinstance(each, EntryRow))),
        effects=(*evidence.effects, *(each for each in added if isinstance(each, Effect))),
    )
