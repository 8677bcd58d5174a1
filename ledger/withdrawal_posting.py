"""The posting rule of withdrawals: what a gateway has taken back and keeps, and what it charges for that, is booked as it changes.

What a withdrawal keeps of a capture stands on one account, by its kind and state; each change moves it from where it
stood to where it stands, so every way between states is booked right, also one that a gateway should never take.
"""

from collections import Counter

from ledger.accounts import (
    Account,
    clearing,
    dispute_fees,
    dispute_losses,
    disputes_receivable,
    gateway_fees,
    receivable,
    revenue_refunds,
)
from ledger.entries import Entry, Line, credit, debit
from ledger.excess_posting import Excess
from ledger.money import Money
from ledger.posting import Fact, entry
from ledger.withdrawals import TakenBack

RULES = {
    ("reversal", "lost"): ("payment_reversed", "reversed"),
    ("reversal", "won"): ("reversal_undone", "reversal undone, kept"),
    ("dispute", "open"): ("dispute_opened", "disputed"),
    ("dispute", "lost"): ("dispute_lost", "dispute lost"),
    ("dispute", "won"): ("dispute_won", "dispute won, kept"),
}
"""By kind and state: the name of the rule, and the words before what is kept."""


def withdrawal(fact: Fact, before: TakenBack | None, after: TakenBack, *, excess: Excess | None) -> list[Entry]:
    """Book a change of a withdrawal; `before` is None where it was not known, and `fact` is of the capture.

    References: `{operation_id}:{kind}:{gateway's reference}`, from the first change on with its number behind; the fee's
    have `:fee` before that. `excess` where the capture was in excess, with what was given back of it by all else: what is
    taken back is owed to nobody any more.
    """
    name = f":{after.kind}:{after.reference}"
    change = f":{after.changes}" if after.changes else ""
    kept: Counter[Account] = Counter(_where(fact, after, excess))
    fee = after.fee_minor
    if before is not None:
        kept.subtract(_where(fact, before, excess))
        fee -= before.fee_minor
    rule, words = RULES[after.kind, after.state]
    moved = _lines(kept, clearing(fact.gateway), after.currency)
    fees = dispute_fees() if after.kind == "dispute" else gateway_fees()
    charged = _lines(Counter({fees: fee}), clearing(fact.gateway), after.fee_currency)
    standing = fact.model_copy(update={"money": Money(amount_minor=after.kept_minor, currency=after.currency)})
    charge = fact.model_copy(update={"money": Money(amount_minor=fee, currency=after.fee_currency)})
    entries = []
    if moved:
        entries.append(entry(standing, f"{name}{change}", rule, words, moved))
    if charged:
        rule = "dispute_fee" if after.kind == "dispute" else "fee_charged"
        what = f"fee of the {after.kind}" if fee > 0 else f"fee given back with the {after.kind}"
        entries.append(entry(charge, f"{name}:fee{change}", rule, what, charged))
    return entries


def _where(fact: Fact, taken: TakenBack, excess: Excess | None) -> dict[Account, int]:
    """Return where what a withdrawal keeps stands."""
    if taken.kind == "dispute" and taken.state != "lost":
        return {disputes_receivable(): taken.kept_minor}
    if excess is not None:
        return excess.shares(taken.kept_minor)
    if taken.kind == "dispute":
        return {dispute_losses(): taken.kept_minor}
    return {revenue_refunds() if fact.invoice is None else receivable(fact.customer): taken.kept_minor}


def _lines(debited: Counter[Account], against: Account, currency: str) -> tuple[Line, ...]:
    """Debit what is positive, credit what is negative, and the rest of it to the other account."""
    whole = Counter(debited)
    whole[against] -= sum(debited.values())
    lines = []
    for account, minor in whole.items():
        if minor:
            side = debit if minor > 0 else credit
            lines.append(side(account, Money(amount_minor=abs(minor), currency=currency)))
    return tuple(lines)
