"""Draws a charge for people: where it stands, why at this gateway, and everything that happened, in order of time."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from commands import answer_lines, output
from commands.charge_documents import ChargeDocument, ChargeSummary, OperationDocument, WithdrawalDocument
from commands.ledger_documents import EntryDocument
from ledger.money import Money

Event = tuple[datetime, str, str, str]
"""When, what, which object at the gateway, and how it ended."""


def show(charge: ChargeDocument) -> None:
    """Print a charge with its timeline and its journal entries."""
    for line in _heading(charge):
        output.line(line)
    output.line("")
    events = sorted(_events(charge), key=lambda event: event[0])
    output.table(("time", "what", "at the gateway", "outcome"), [(_time(at), *rest) for at, *rest in events])
    output.line("")
    show_entries(charge.entries)


def show_entries(entries: Sequence[EntryDocument]) -> None:
    """Print journal entries with their lines."""
    for number, entry in enumerate(entries):
        if number:
            output.line("")
        _show_entry(entry)


def _show_entry(entry: EntryDocument) -> None:
    times = f"happened {_time(entry.event_at)}, recorded {_time(entry.recorded_at)}"
    output.line(f"entry {entry.entry_reference} ({entry.rule}), {times}, by {entry.actor}")
    output.line(f"  {entry.description}")
    rows = [
        (
            line.account,
            _money(line.amount_minor, line.currency) if line.side == "debit" else "",
            _money(line.amount_minor, line.currency) if line.side == "credit" else "",
        )
        for line in entry.lines
    ]
    output.table(("account", "debit", "credit"), rows, numbers=("debit", "credit"))


def show_list(charges: Sequence[ChargeSummary]) -> None:
    """Print charges, one a line."""
    columns = ("charge", "status", "amount", "captured", "refunded", "gateway", "customer", "created", "decline code")
    rows = [
        (
            charge.charge_id,
            charge.status,
            _money(charge.amount_minor, charge.currency),
            _money(charge.captured_minor, charge.currency),
            _money(charge.refunded_minor, charge.currency),
            charge.gateway or "",
            charge.customer,
            _time(charge.created_at),
            charge.decline_code or "",
        )
        for charge in charges
    ]
    output.table(columns, rows, numbers=("amount", "captured", "refunded"))


def _heading(charge: ChargeDocument) -> Iterator[str]:
    amount = _money(charge.amount_minor, charge.currency)
    yield f"charge {charge.charge_id}: {charge.status.replace('_', ' ')}, {amount}"
    yield f"  customer        {charge.customer}{'' if charge.customer_present else ', not present'}"
    yield f"  gateway         {charge.gateway}: {charge.gateway_reason}"
    yield f"  capture         {charge.capture_method}; an authorization that lapses: {charge.at_expiry}"
    yield from _amounts(charge)
    if charge.authorization_expires_at:
        yield f"  lapses          {_time(charge.authorization_expires_at)}"
    if charge.confirm_by:
        confirmed = f"confirmed {_time(charge.confirmed_at)}" if charge.confirmed_at else "not confirmed"
        yield f"  confirm by      {_time(charge.confirm_by)}: {confirmed}"
    if charge.canceled_by:
        yield f"  called off by   {charge.canceled_by}"
    if charge.invoice:
        yield f"  invoice         {charge.invoice}"
    for key, value in charge.metadata.items():
        yield f"  metadata        {key}={value}"
    if charge.decline_code or charge.message:
        yield f"  said            {': '.join(text for text in (charge.decline_code, charge.message) if text)}"
    for title, told in (("codes", answer_lines.codes(charge.answer)), ("card", answer_lines.card(charge.answer))):
        if told:
            yield f"  {title:<15} {told}"
    if charge.action_url:
        yield f"  customer acts   {charge.action_url}"
    yield f"  Web UI          {charge.web_ui}"


def _events(charge: ChargeDocument) -> Iterator[Event]:
    yield charge.created_at, f"asked for by {charge.actor}", "", ""
    for operation in charge.operations:
        yield _requested(operation)
        if operation.decided_at is not None:
            yield operation.decided_at, operation.operation_id, operation.gateway_reference or "", _outcome(operation)
    for entry in charge.entries:
        yield entry.recorded_at, f"  entry {entry.entry_reference}", "", f"posted: {entry.description}"


def _amounts(charge: ChargeDocument) -> Iterator[str]:
    authorized, captured, refunded, reserved = (
        _money(amount_minor, charge.currency)
        for amount_minor in (
            charge.authorized_minor,
            charge.captured_minor,
            charge.refunded_minor,
            charge.refund_reserved_minor,
        )
    )
    yield f"  authorized      {authorized}, captured {captured}, refunded {refunded}"
    if charge.refund_reserved_minor:
        yield f"  being refunded  {reserved}"
    for taken in charge.withdrawals:
        yield f"  taken back      {_taken_back(taken)}"


def _taken_back(taken: WithdrawalDocument) -> str:
    amount = _money(taken.amount_minor, taken.currency)
    what = f"{amount} by {taken.kind} {taken.reference} at {taken.gateway}, {_time(taken.withdrawn_at)}: {taken.state}"
    returned = f", {_money(taken.returned_minor, taken.currency)} came back" if taken.returned_minor else ""
    fee = f", fee {_money(taken.fee_minor, taken.fee_currency)}" if taken.fee_minor else ""
    return what + returned + fee


def _requested(operation: OperationDocument) -> Event:
    amount = _money(operation.amount_minor, operation.currency)
    what = f"{operation.operation_id}: attempt {operation.attempt}, {operation.kind} {amount} at {operation.gateway}"
    with_method = f" with {operation.payment_method}" if operation.payment_method else ""
    why = f" ({operation.reason})" if operation.reason else ""
    if operation.compensates:
        why = f" (undoes {operation.compensates}, which is in excess)"
    by = f", by {operation.actor}"
    return operation.requested_at, what + with_method + why + by, operation.payment_reference or "", "asked"


def _outcome(operation: OperationDocument) -> str:
    fee = ""
    if operation.fee_minor is not None and operation.fee_currency is not None:
        fee = f"fee {_money(operation.fee_minor, operation.fee_currency)}"
    elif operation.fee_status == "pending":
        fee = "fee not reported yet"
    excess = "in excess, to be undone" if operation.excess else ""
    parts = (excess, operation.decline_code, operation.message, answer_lines.codes(operation.answer), fee)
    return ": ".join([operation.outcome or "not known yet", *(part for part in parts if part)])


def _money(amount_minor: int, currency: str) -> str:
    return str(Money(amount_minor=amount_minor, currency=currency))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"
