"""What the journal says of an operation, read from the accounts that its lines moved and not from what entries are called.

Amounts are signed: a debit of clearing, money that came in, is positive; money given back is negative.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.proofs.evidence import EntryRow

CLEARING = "clearing:"
AUTHORIZATIONS = "memo:authorizations:"
UNRESOLVED = "memo:unresolved:"
CONTRA = "contra"
FEES = "expense:gateway_fees"
REFUNDS_PAYABLE = "liability:refunds_payable"
PAID_BACK_TWICE = "expense:paid_back_twice"

Totals = Counter[tuple[str, str]]
"""Signed minor units by account and currency."""


class Movement(NamedTuple):
    """What one entry moved, in one currency."""

    entry_reference: str
    amount_minor: int
    currency: str


@dataclass(slots=True)
class Booked:
    """The entries of one operation: money moved (fees apart), money reserved or released, and fees."""

    moved: list[Movement] = field(default_factory=list)
    held: list[Movement] = field(default_factory=list)
    fees: Counter[str] = field(default_factory=Counter)


def by_operation(entries: Sequence[EntryRow]) -> dict[str | None, Booked]:
    """Read what the entries say of each operation."""
    booked: dict[str | None, Booked] = defaultdict(Booked)
    for entry in entries:
        _read(entry, booked[entry.operation_id])
    return booked


def claims_of_a_gateway(entry: EntryRow) -> bool:
    """Whether an entry says that something happened at a gateway, so that an operation must explain it."""
    return any(
        line.account.startswith((CLEARING, AUTHORIZATIONS, UNRESOLVED)) or line.account in {FEES, REFUNDS_PAYABLE}
        for line in entry.lines
    )


def balances(entries: Iterable[EntryRow], charge_id: str) -> Totals:
    """Sum the lines that carry the charge, by account and currency, without what came out even."""
    totals: Totals = Counter()
    for entry in entries:
        for line in entry.lines:
            if line.charge_id == charge_id:
                totals[line.account, line.currency] += line.signed_minor
    return Counter({key: amount for key, amount in totals.items() if amount})


def _read(entry: EntryRow, booked: Booked) -> None:
    moved: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for account, side, amount_minor, currency, _ in entry.lines:
        signed = amount_minor if side == "debit" else -amount_minor
        if account.startswith(CLEARING):
            moved[currency] += signed
        elif account == FEES:
            # A fee lowers clearing by what it raises the expense: together they leave what moved without it.
            moved[currency] += signed
            booked.fees[currency] += signed
        elif account.startswith(AUTHORIZATIONS) and not account.endswith(CONTRA):
            held[currency] += signed
    booked.moved += [Movement(entry.reference, amount, currency) for currency, amount in moved.items() if amount]
    booked.held += [Movement(entry.reference, amount, currency) for currency, amount in held.items() if amount]
