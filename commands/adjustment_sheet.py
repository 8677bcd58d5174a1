"""Draws adjustments for people: the exact entry, its hash, who said what of it, and what is missing."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from commands import output
from commands.adjustment_documents import AdjustmentDocument, TierDocument
from ledger.money import Money

SAID = {"approve": "approved", "reject": "rejected"}


def show(adjustment: AdjustmentDocument) -> None:
    """Print an adjustment as a whole."""
    for line in _head(adjustment):
        output.line(line)
    output.line("")
    rows = [(line.account, *_sides(line.side, _money(line.amount_minor, line.currency))) for line in adjustment.lines]
    output.table(("account", "debit", "credit"), rows, numbers=("debit", "credit"))
    output.line("")
    for line in _decided(adjustment):
        output.line(line)


def show_list(adjustments: Sequence[AdjustmentDocument]) -> None:
    """Print adjustments, one a line."""
    columns = ("adjustment", "state", "amount", "requester", "reason", "approvals", "expires")
    rows = [
        (
            each.adjustment_id,
            each.state,
            ", ".join(_money(tier.amount_minor, tier.currency) for tier in each.tiers),
            each.requester,
            each.reason_code,
            f"{len(_approvers(each))} of {each.approvals_needed}",
            _time(each.expires_at),
        )
        for each in adjustments
    ]
    output.table(columns, rows, numbers=("amount",))


def sentence(adjustment: AdjustmentDocument, message: str | None = None) -> str:
    """Say where an adjustment stands, in a line."""
    said = f"adjustment {adjustment.adjustment_id} is {adjustment.state}"
    match adjustment.state:
        case "requested":
            return f"{said}: {_missing(adjustment)}"
        case "approved":
            return f"{said}, and not posted yet" + (f": {message}" if message else "")
        case "posted":
            return f"{said}: see `ledger entry {adjustment.entry_reference}`"
        case _:
            return said


def _head(adjustment: AdjustmentDocument) -> Iterator[str]:
    yield f"adjustment {adjustment.adjustment_id}: {adjustment.state}"
    yield f"  asked for by    {adjustment.requester}, {_time(adjustment.requested_at)}"
    yield f"  reason          {adjustment.reason_code}: {adjustment.because}"
    yield f"  evidence        {adjustment.evidence}"
    yield f"  happened        {_time(adjustment.event_at)}"
    if adjustment.reverses is not None:
        yield f"  reverses        {adjustment.reverses}"
    for tier in adjustment.tiers:
        yield f"  amount          {_tier(tier)}"
    yield f"  entry           {adjustment.entry_reference}"
    yield f"  hash            {adjustment.entry_hash}"


def _decided(adjustment: AdjustmentDocument) -> Iterator[str]:
    for decision in adjustment.decisions:
        yield f"  {SAID[decision.decision]:<15} by {decision.person}, {_time(decision.decided_at)}: {decision.because}"
    if adjustment.state == "requested":
        yield f"  missing         {_missing(adjustment)}"
    elif adjustment.state == "approved":
        yield f"  missing         its posting, until {_time(adjustment.expires_at)}; the Web UI says what is in the way"
    else:
        yield f"  {adjustment.state:<15} {_time(adjustment.changed_at)}"
    yield f"  Web UI          {adjustment.web_ui}"


def _missing(adjustment: AdjustmentDocument) -> str:
    count = adjustment.approvals_missing
    others = ", ".join([adjustment.requester, *_approvers(adjustment)])
    many = "1 approval" if count == 1 else f"{count} approvals"
    return f"{many} by persons other than {others}, until {_time(adjustment.expires_at)}"


def _approvers(adjustment: AdjustmentDocument) -> list[str]:
    return [decision.person for decision in adjustment.decisions if decision.decision == "approve"]


def _tier(tier: TierDocument) -> str:
    amount = _money(tier.amount_minor, tier.currency)
    if tier.one_approval_up_to_minor is None:
        return f"{amount}: two approvals, since {tier.currency} has no amount for which one is enough"
    limit = _money(tier.one_approval_up_to_minor, tier.currency)
    needed = "one approval, up to" if tier.amount_minor <= tier.one_approval_up_to_minor else "two approvals, above"
    return f"{amount}: {needed} {limit}"


def _sides(side: str, amount: str) -> tuple[str, str]:
    return (amount, "") if side == "debit" else ("", amount)


def _money(amount_minor: int, currency: str) -> str:
    return str(Money(amount_minor=amount_minor, currency=currency))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
