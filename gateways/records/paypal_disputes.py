"""What PayPal's disputes say that they took, and what of it returned, as effects; pure.

Records of the transaction search tell of the same money, without naming the dispute: see `is_of_dispute`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateways.records.paypal_effects import NAME, charge_named, minor, moment
from gateways.records.reader import Document, RecordUnreadable
from ledger.proofs.evidence import Effect, EffectKind, Standing

ID_PREFIX = "PP-"
DISPUTE = "dispute"
HOLD = "HOLD_"
SEARCH_CODES = ("T12", "T1106", "T1110", "T1111", "T01")
"""What the event codes begin with of a dispute's money: chargebacks, reversals, holds and their ends, fees.
https://developer.paypal.com/docs/reports/reference/tcodes/"""


def of_dispute(dispute: Document) -> Iterator[Effect]:
    """Read a dispute by its id; nothing of one that took nothing of ours."""
    moved = [found for found in dispute.get("money_movements") or [] if found.get("affected_party") == "SELLER"]
    fees = [found for found in moved if "FEE" in found["reason"]]
    taken = [found for found in moved if "FEE" not in found["reason"]]
    debits, credits_ = _of_type(taken, "DEBIT"), _of_type(taken, "CREDIT")
    if not debits:
        return
    [currency] = {found["amount"]["currency_code"] for found in moved}
    disputed = dispute["disputed_transactions"][0]
    whole, returned = _amounts(taken)
    withdrawn = Effect(
        gateway=NAME,
        kind=EffectKind.WITHDRAWAL,
        standing=Standing.DONE,
        reference=dispute["dispute_id"],
        target_reference=disputed["seller_transaction_id"],
        amount_minor=whole,
        currency=currency,
        occurred_at=min(moment(found["initiated_time"]) for found in debits),
        charge_id=charge_named([disputed.get("invoice_number"), disputed.get("custom")]),
        fee_minor=_sum(_of_type(fees, "DEBIT")) - _sum(_of_type(fees, "CREDIT")),
        fee_currency=currency,
        changed_at=moment(dispute["update_time"]),
        description=DISPUTE,
    )
    yield withdrawn
    if returned:
        # A hold of which a part was taken for good shows no movement of the rest.
        came = max((moment(found["initiated_time"]) for found in credits_), default=moment(dispute["update_time"]))
        yield replace(
            withdrawn,
            kind=EffectKind.WITHDRAWAL_RETURNED,
            amount_minor=returned,
            occurred_at=came,
            fee_minor=0,
            fee_currency=None,
        )


def is_of_dispute(effect: Effect, disputed: Iterable[str | None]) -> bool:
    """Whether a movement is one of a dispute of one of these captures, which tells of it by itself."""
    return (
        effect.kind is EffectKind.MOVEMENT
        and effect.description.startswith(SEARCH_CODES)
        and effect.target_reference is not None
        and effect.target_reference in disputed
    )


def _amounts(taken: list[Document]) -> tuple[int, int]:
    """What left and what returned. Money that was held and then taken for good left once."""
    reasons: Counter[tuple[str, str]] = Counter()
    for found in taken:
        if found["type"] not in {"DEBIT", "CREDIT"}:
            raise RecordUnreadable(NAME, f"shows a money movement of the unknown type {found['type']}")
        what = "held" if found["reason"].startswith(HOLD) else "settled"
        reasons[what, found["type"]] += minor(found["amount"])
    held, settled = reasons["held", "DEBIT"], reasons["settled", "DEBIT"]
    if not settled:
        return held, reasons["held", "CREDIT"] + reasons["settled", "CREDIT"]
    whole = max(held, settled)
    return whole, whole - settled + reasons["settled", "CREDIT"]


def _of_type(moved: list[Document], direction: str) -> list[Document]:
    return [found for found in moved if found["type"] == direction]


def _sum(moved: Iterable[Document]) -> int:
    return sum(minor(found["amount"]) for found in moved)
