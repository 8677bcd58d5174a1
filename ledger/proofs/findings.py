"""What a proof can find: a stable code for each kind, what it means, and what to do about it.

docs/proof.md lists the same codes; a test keeps the two equal.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The name of a kind of finding; scripts may rely on it."""

    EFFECT_UNEXPLAINED = "effect_unexplained"
    EFFECT_MISSING = "effect_missing"
    EFFECT_DOUBLED = "effect_doubled"
    CHARGE_DOUBLED = "charge_doubled"
    EXCESS_KEPT = "excess_kept"
    DECLINED_BUT_TAKEN = "declined_but_taken"
    OUTCOME_DIFFERS = "outcome_differs"
    AMOUNT_DIFFERS = "amount_differs"
    REFUND_RETURNED = "refund_returned"
    FEE_DIFFERS = "fee_differs"
    FEE_MISSING = "fee_missing"
    MOVEMENT_UNEXPLAINED = "movement_unexplained"
    ENTRY_MISSING = "entry_missing"
    ENTRY_DOUBLED = "entry_doubled"
    ENTRY_UNEXPLAINED = "entry_unexplained"
    ENTRY_MISNAMED = "entry_misnamed"
    ENTRY_UNBALANCED = "entry_unbalanced"
    ENTRY_ALTERED = "entry_altered"
    TRIAL_BALANCE_DIFFERS = "trial_balance_differs"
    AUTHORIZATION_LEFT_OPEN = "authorization_left_open"
    AUTHORIZATION_LOST = "authorization_lost"
    LIMIT_EXCEEDED = "limit_exceeded"
    COUNTER_DIFFERS = "counter_differs"
    STATUS_DIFFERS = "status_differs"
    CLEARING_DIFFERS = "clearing_differs"
    AUTHORIZATIONS_DIFFER = "authorizations_differ"
    UNRESOLVED_DIFFERS = "unresolved_differs"
    REFUNDS_PAYABLE_DIFFER = "refunds_payable_differ"
    OPERATION_STUCK = "operation_stuck"
    CHARGE_STUCK = "charge_stuck"
    OPERATION_ORPHANED = "operation_orphaned"
    OPERATION_UNRECORDED = "operation_unrecorded"
    ANSWER_DIFFERS = "answer_differs"
    HISTORY_DIFFERS = "history_differs"
    WITHDRAWAL_MISSING = "withdrawal_missing"
    WITHDRAWAL_DIFFERS = "withdrawal_differs"
    SEALS_DIFFER = "seals_differ"

    @property
    def meaning(self) -> str:
        """What is wrong, in one sentence."""
        return _EXPLAINED[self][0]

    @property
    def what_to_do(self) -> str:
        """The way out, in one or two sentences."""
        return _EXPLAINED[self][1]


_EXPLAINED: dict[Code, tuple[str, str]] = {
    Code.SEALS_DIFFER: (
        "What is in the journal is not what was sealed, or waits for a seal for too long.",
        "Run `starter.py ledger verify`: it names the first damage, and `ledger seal` seals what waits. Look for changes made by an administrator, and restore from a backup.",
    ),
    Code.WITHDRAWAL_MISSING: (
        "The gateway took money of a payment back (a reversal, a dispute, a refund made in its dashboard), and the books do not have it.",
        "Run `starter.py reconcile CHARGE_ID`, which books what the gateway shows.",
    ),
    Code.WITHDRAWAL_DIFFERS: (
        "What a gateway took back of a payment, or returned, or charged for it, is not what the books say.",
        "Run `starter.py reconcile CHARGE_ID`, which books what the gateway shows; where it still differs, read the charge's entries.",
    ),
    Code.EFFECT_UNEXPLAINED: (
        "The gateway shows a payment, an authorization or a refund for which there is no operation of ours.",
        "Find out who made it (the gateway's dashboard, another program with the same account); refund it there, or book it.",
    ),
    Code.EFFECT_MISSING: (
        "The books say that an operation took effect, and the gateway does not show it.",
        "Look it up at the gateway; if it is really not there, reverse the entry and ask where the outcome came from.",
    ),
    Code.EFFECT_DOUBLED: (
        "The gateway shows more than one effect of one operation.",
        "Undo all but one at the gateway now; then find out how the idempotency key was lost.",
    ),
    Code.CHARGE_DOUBLED: (
        "The customer was charged, or has money reserved, more than once for one charge.",
        "Refund or void all but one payment now.",
    ),
    Code.EXCESS_KEPT: (
        "A payment succeeded after the charge had moved on, and nothing is giving it back.",
        "Run `starter.py reconcile CHARGE_ID`, which voids or refunds it; or refund it at the gateway now.",
    ),
    Code.DECLINED_BUT_TAKEN: (
        "The books say that an operation was declined, refused or failed, and the gateway says that it took effect.",
        "The customer's money moved: refund or void it at the gateway, or book it and correct the charge.",
    ),
    Code.OUTCOME_DIFFERS: (
        "The operation's row contradicts the journal, the gateway, or both, although money did move as booked.",
        "Read the charge's process in the Temporal Web UI; correct the operation's outcome.",
    ),
    Code.AMOUNT_DIFFERS: (
        "The operation, the journal and the gateway do not all name the same amount and currency.",
        "The gateway's amount is what moved: correct the books with an entry of the difference.",
    ),
    Code.REFUND_RETURNED: (
        "The gateway says that a refund failed or came back, and the books still say that the customer has the money.",
        "Pay the customer by another way or refund again; the refund's process books the failure when it sees it.",
    ),
    Code.FEE_DIFFERS: (
        "The fee that the gateway reports is not the fee in the books.",
        "Book the difference between the two under the operation.",
    ),
    Code.FEE_MISSING: (
        "The gateway has not reported the fee within a day.",
        "Look at the payment at the gateway; ask its support if it shows no fee there.",
    ),
    Code.MOVEMENT_UNEXPLAINED: (
        "Money moved at the gateway without an operation of ours and without a payment: a payout, an adjustment.",
        "Book it; until then the clearing account is off by its amount.",
    ),
    Code.ENTRY_MISSING: (
        "The gateway shows that an operation took effect, and the journal has no entry for it.",
        "See whether a worker is running and the charge's process is stuck at its ledger step; it posts when it goes on.",
    ),
    Code.ENTRY_DOUBLED: (
        "The journal has more than one entry for one effect.",
        "Reverse all but one; then find out who posted under a second reference.",
    ),
    Code.ENTRY_UNEXPLAINED: (
        "A journal entry moves money at a gateway, and there is no operation that it belongs to.",
        "Find out who posted it (`ledger entry REFERENCE` names the actor) and reverse it.",
    ),
    Code.ENTRY_MISNAMED: (
        "A journal entry belongs to an operation, and its reference does not begin with the operation's name.",
        "Find out who posted it; under such a reference the same fact could be posted twice.",
    ),
    Code.ENTRY_UNBALANCED: (
        "The debits of a journal entry are not its credits.",
        "The database refuses this: look for changes made by an administrator, and restore the lines from a backup.",
    ),
    Code.ENTRY_ALTERED: (
        "The lines of a journal entry are not those that it was posted with.",
        "The database refuses this: look for changes made by an administrator, and restore the lines from a backup.",
    ),
    Code.TRIAL_BALANCE_DIFFERS: (
        "All debits of a currency are not all its credits, and the entries that were examined do not explain it.",
        "Look for lines that belong to no entry, and run the whole proof, without --since.",
    ),
    Code.AUTHORIZATION_LEFT_OPEN: (
        "The charge is over, and its authorization still holds the customer's money at the gateway.",
        "Void the authorization at the gateway.",
    ),
    Code.AUTHORIZATION_LOST: (
        "The charge waits to be captured, and the gateway no longer holds the money.",
        "Void the charge, which takes the authorization off the books, and charge the customer anew if needed.",
    ),
    Code.LIMIT_EXCEEDED: (
        "More was captured than authorized, or more refunded and taken back than captured.",
        "Give back, or claim back, the difference; the database refuses this, so ask how it came about.",
    ),
    Code.COUNTER_DIFFERS: (
        "The charge's amounts (authorized, captured, refunded, reserved) are not those of its operations.",
        "The operations agree with the gateway and the journal: correct the charge's row.",
    ),
    Code.STATUS_DIFFERS: (
        "The charge's status is not what its operations say.",
        "Read the charge's process in the Temporal Web UI; correct the charge's row.",
    ),
    Code.CLEARING_DIFFERS: (
        "The clearing account does not show captures less refunds less fees, as the gateway reports them, for a charge.",
        "Read the charge's entries for a wrong account, gateway or charge; correct it with a new entry.",
    ),
    Code.AUTHORIZATIONS_DIFFER: (
        "What is held on the memo account of authorizations is not what the gateway holds for a charge.",
        "Read the charge's entries; add the release or the authorization that is missing, or reverse the one too many.",
    ),
    Code.UNRESOLVED_DIFFERS: (
        "What stands on the memo account of unknown outcomes is not the sum of a charge's operations in that state.",
        "Read the charge's entries; by an adjustment, add the exposure that is missing, or take off what is too much.",
    ),
    Code.REFUNDS_PAYABLE_DIFFER: (
        "What is owed in refunds for a charge is not the sum of its refunds under way.",
        "Read the charge's entries; by an adjustment, add what is missing. What is too much is ended by its refund alone: read its process.",
    ),
    Code.OPERATION_STUCK: (
        "An operation waits for its outcome past every deadline, and nobody was told.",
        "See whether a worker is running; read the charge's process in the Temporal Web UI, and the payment at the gateway.",
    ),
    Code.CHARGE_STUCK: (
        "A charge waits without a deadline, or past it.",
        "See whether a worker is running; capture or void the charge.",
    ),
    Code.OPERATION_ORPHANED: (
        "An operation waits for its outcome, and the process that should bring it is not running.",
        "Run `prove --repair`, which reads the gateway and records what became of it.",
    ),
    Code.OPERATION_UNRECORDED: (
        "A process sent an operation to a gateway, and the books do not have that operation.",
        "The books were restored from a backup, or rows were deleted: run `prove --repair`.",
    ),
    Code.ANSWER_DIFFERS: (
        "A process told its caller an outcome, and the books say another one, or do not know the charge.",
        "The caller acts on what it was told: run `prove --repair`; where it cannot help, correct the books by the gateway's record.",
    ),
    Code.HISTORY_DIFFERS: (
        "The recorded history of a process does not replay with today's code.",
        "Run the release that began it, or guard the change with `workflow.patched`; until then the process cannot go on.",
    ),
}


class NoteCode(StrEnum):
    """What is worth knowing and is not wrong."""

    IN_PROGRESS = "in_progress"
    FEE_PENDING = "fee_pending"
    NEEDS_REVIEW = "needs_review"
    READ_ONCE = "read_once"

    @property
    def meaning(self) -> str:
        """What is going on, in one sentence."""
        return _NOTED[self]


_NOTED: dict[NoteCode, str] = {
    NoteCode.IN_PROGRESS: "The gateway has an answer that the operation's process is about to record.",
    NoteCode.FEE_PENDING: "A fee is not reported yet, or not booked yet; a day is allowed.",
    NoteCode.NEEDS_REVIEW: "A charge is parked for a person; the reason is on the charge.",
    NoteCode.READ_ONCE: "So many charges differ that not all of them were looked at a second time.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is missing, doubled, unbalanced or unexplained."""

    code: Code
    message: str
    charge_id: str | None = None
    operation_id: str | None = None
    gateway: str | None = None
    gateway_reference: str | None = None
    entry_reference: str | None = None

    @property
    def key(self) -> tuple[str | None, ...]:
        """What it is about; the same in a second look, however the words have changed."""
        return (self.code, self.charge_id, self.operation_id, self.gateway_reference, self.entry_reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something worth knowing that is not wrong."""

    code: NoteCode
    message: str
    charge_id: str | None = None
    operation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the examination of a charge brought."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[Note, ...] = ()
