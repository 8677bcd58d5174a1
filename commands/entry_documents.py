"""One journal entry with all that it comes from: `ledger entry`, where every figure of a report leads to in the end."""

from commands import charge_documents, ledger_documents, output, timeline
from commands.charge_documents import OperationDocument, WithdrawalDocument
from commands.connections import Books
from commands.ledger_documents import EntryDocument
from commands.ledger_reading import left_to_undo
from ledger import operations, reports, withdrawals


class EntryDetailDocument(EntryDocument):
    """A journal entry, the operation that it books and, where a gateway took something back, the withdrawal."""

    operation: OperationDocument | None
    withdrawal: WithdrawalDocument | None


async def read(books: Books, reference: str) -> EntryDetailDocument | None:
    """Read an entry and what it comes from, or None."""
    found = await reports.entry_by_reference(books, reference)
    if found is None:
        return None
    operation = None if found.operation_id is None else await operations.get(books, found.operation_id)
    taken = [] if found.charge_id is None else await withdrawals.of_charge(books, found.charge_id)
    withdrawal = next((each for each in taken if each.reference == found.gateway_reference), None)
    return EntryDetailDocument(
        operation=None if operation is None else charge_documents.of_operation(operation, {found.reference}),
        withdrawal=None if withdrawal is None else charge_documents.of_withdrawal(withdrawal),
        **ledger_documents.of_entry(found).model_dump(),
    )


def show(entry: EntryDetailDocument) -> None:
    """Print it."""
    timeline.show_entries([entry])
    rows = [(name, value) for name, value in _origins(entry) if value]
    if rows:
        output.table(("comes from", ""), rows)


def _origins(entry: EntryDetailDocument) -> list[tuple[str, str | None]]:
    operation = entry.operation
    rows = [("reason code", entry.reason_code), ("charge", entry.charge_id), ("operation", entry.operation_id)]
    if operation is not None:
        rows += [
            ("asked for by", operation.actor),
            ("outcome", operation.outcome),
            (f"{operation.gateway}'s object", operation.gateway_reference),
            (f"{operation.gateway}'s payment", operation.payment_reference),
            ("of", operation.target_reference),
        ]
    if entry.withdrawal is not None:
        taken = entry.withdrawal
        rows.append((f"{taken.gateway}'s {taken.kind}", f"{taken.reference}, {taken.state}"))
    return [*rows, ("reverses", entry.reverses), ("reversed by", ", ".join(entry.reversed_by)), *_left(entry)]


def _left(entry: EntryDetailDocument) -> list[tuple[str, str | None]]:
    left = left_to_undo(entry.left_to_undo)
    return [("left to undo", ", ".join(left) or "nothing")] if entry.left_to_undo is not None else []
