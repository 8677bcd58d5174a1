"""Prints the recovery of invoices for people: the list, a sentence, and the past with the plan."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from commands import billing_arguments, output
from commands.dunning_desk_documents import (
    CardRoomDocument,
    CommandDocument,
    DunningDocument,
    DunningSheetDocument,
    TryDocument,
)

COLUMNS = ("invoice", "customer", "due", "stage", "next", "when", "declined", "access", "policy", "deadline")


class Past(NamedTuple):
    """Something that happened."""

    at: datetime
    clock: str
    what: str
    why: str


def show_list(found: Sequence[DunningDocument]) -> None:
    """Print a table of recoveries."""
    rows = [
        (
            each.invoice_id,
            each.customer_id,
            billing_arguments.shown(each.due_minor, each.currency),
            str(each.stage),
            each.next,
            minute(each.next_at),
            declined(each.decline_class, each.decline_code),
            str(each.access),
            each.policy,
            minute(each.deadline) if each.deadline is not None and each.ended_at is None else "",
        )
        for each in found
    ]
    output.table(COLUMNS, rows, numbers=("due",))


def sentence(found: DunningDocument) -> str:
    """Say how one stands, in a line."""
    due = billing_arguments.shown(found.due_minor, found.currency)
    if found.ended_at is not None:
        return (
            f"the recovery of invoice {found.invoice_id} ended at {minute(found.ended_at)}: {found.reason}, {due} due"
        )
    return f"invoice {found.invoice_id}, {due} due: {found.next} at {minute(found.next_at)} ({found.why})"


def show(found: DunningSheetDocument) -> None:
    """Print what happened, what is planned, and what the cards may still take."""
    output.line(sentence(found))
    further = {
        "customer": found.customer_id,
        "policy": found.policy,
        "access": str(found.access),
        "declined": declined(found.decline_class, found.decline_code),
        "deadline": minute(found.deadline) if found.deadline is not None and found.ended_at is None else "",
    }
    for title, text in further.items():
        if text:
            output.line(f"  {title:<10} {text}")
    past = [(minute(each.at), each.clock, each.what, each.why) for each in sorted(_past(found), key=lambda one: one.at)]
    output.table(("happened", "clock", "what", "why"), past)
    for card in found.cards:
        output.line(_room(card))
    if found.plan:
        rows = [(f"day {each.day}", each.local, each.clock, each.what, each.why) for each in found.plan]
        output.line("what would happen if the newest decline repeated, in the customer's time:")
        output.table(("day", "when", "clock", "what", "why"), rows, numbers=("day",))


def declined(decline_class: str | None, code: str | None) -> str:
    """Say what the newest decline meant, and its code."""
    return f"{decline_class}: {code}" if decline_class is not None else ""


def minute(moment: datetime) -> str:
    """Write a moment, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _past(found: DunningSheetDocument) -> Iterator[Past]:
    yield from (_of_try(tried, found.currency) for tried in found.tried)
    owed = billing_arguments.shown(found.failed_minor, found.currency)
    why = f"by {found.began_by}: {found.began_because}" if found.began_because else f"by {found.began_by}"
    yield Past(found.began_at, "begin", f"{owed} to be recovered, by policy {found.policy}", why)
    for notice in found.notices:
        what = f"{notice.template} by {notice.channel}: {notice.state.replace('_', ' ')}"
        yield Past(notice.sent_at or notice.due_at, "notices", what, notice.failed_because or notice.key)
    yield from (Past(told.since, "access", str(told.access), told.why) for told in found.told_access)
    yield from (_of_command(command) for command in found.commands)
    for paid in found.payments:
        amount = billing_arguments.shown(paid.amount_minor, found.currency)
        yield Past(
            paid.applied_at, "payments", f"{amount} of payment {paid.payment_id}", f"applied by {paid.applied_by}"
        )


def _of_try(tried: TryDocument, currency: str) -> Past:
    amount = billing_arguments.shown(tried.amount_minor, currency)
    what = f"try {tried.number}, {tried.purpose}: {amount} with {tried.method_id}"
    what += f" ({tried.network} at {tried.gateway})" if tried.network else f" at {tried.gateway}"
    codes = {
        "code": tried.decline_code,
        "network": tried.network_code,
        "advice": tried.advice,
        "network's advice": tried.network_advice,
    }
    said = ", ".join(f"{name} {code}" for name, code in codes.items() if code)
    became = f"{tried.decline_class}, {tried.outcome}" if tried.decline_class else str(tried.outcome)
    parts = [became, said, tried.why or "", f"withdrawn: {tried.withdrawn_because}" if tried.withdrawn_because else ""]
    parts += [] if tried.uses_rung else ["uses up no try"]
    return Past(tried.tried_at, "tries", what, "; ".join(part for part in parts if part))


def _of_command(command: CommandDocument) -> Past:
    what = command.kind.replace("_", " ")
    what += f" until {minute(command.until)}" if command.until is not None else ""
    what += f" {command.policy}" if command.policy is not None else ""
    what += f" with {command.method_id}" if command.method_id is not None else ""
    return Past(command.at, "commands", what, f"by {command.by}: {command.because}")


def _room(card: CardRoomDocument) -> str:
    of = f"card of {', '.join(card.methods)}" + (f" ({card.network})" if card.network else "")
    if card.next_at is None or card.next_rung_at is None:
        return f"{of}: never again, {card.never_because}"
    again = f"by command from {minute(card.next_at)}, by the policy from {minute(card.next_rung_at)}"
    return f"{of}: {card.left} tries left ({card.why}); {again}"
