"""Draws a split for people: where it stands, why, and each of its legs."""

from commands import output
from commands.split_documents import LegDocument, SplitDocument, SplitRefundDocument
from ledger.money import Money


def show(split: SplitDocument) -> None:
    """Print a split with its legs."""
    output.line(f"split {split.split_id}: {_words(split.status)}, {_money(split.amount_minor, split.currency)}")
    output.line(f"  customer        {split.customer}")
    taken, back = _money(split.captured_minor, split.currency), _money(split.refunded_minor, split.currency)
    output.line(f"  captured        {taken}, refunded {back}")
    further = {
        "called off by": split.canceled_by,
        "undone because": split.because,
        "said": split.message,
        "customer acts": split.action_url,
        "invoice": split.invoice,
        "Web UI": split.web_ui,
    }
    for name, value in further.items():
        if value:
            output.line(f"  {name:<15} {value}")
    output.line("")
    columns = ("leg", "charge", "status", "amount", "captured", "refunded", "gateway", "said")
    rows = [_row(leg, split.currency) for leg in split.legs]
    output.table(columns, rows, numbers=("leg", "amount", "captured", "refunded"))


def sentence(split: SplitDocument) -> str:
    """Say where a split stands, in a line."""
    whole = _money(split.amount_minor, split.currency)
    said = f"split {split.split_id} is {_words(split.status)}: {whole} in {len(split.legs)} legs"
    why = split.message or split.because
    return f"{said}: {why}" if why else said


def refund_sentence(refund: SplitRefundDocument) -> str:
    """Say what became of a refund, and of its part of each leg."""
    parts = [
        f"{_money(part.amount_minor or 0, refund.currency)} of {part.charge_id}: {_words(part.status)}"
        + (f" ({part.message})" if part.message else "")
        for part in refund.refunds
    ]
    what = f"refund {refund.refund_id} of {_money(refund.amount_minor, refund.currency)} from split {refund.split_id}"
    return f"{what}: {_words(refund.status)}; {', '.join(parts)}"


def _row(leg: LegDocument, currency: str) -> tuple[str, ...]:
    nothing = "not made" if leg.refusal else "not begun"
    return (
        str(leg.number),
        leg.charge_id,
        nothing if leg.status is None else _words(leg.status),
        _money(leg.amount_minor, currency),
        _money(leg.captured_minor, currency),
        _money(leg.refunded_minor, currency),
        leg.gateway or "",
        ": ".join(text for text in (leg.decline_code, leg.message or leg.refusal) if text),
    )


def _words(status: str) -> str:
    return status.replace("_", " ")


def _money(amount_minor: int, currency: str) -> str:
    return str(Money(amount_minor=amount_minor, currency=currency))
