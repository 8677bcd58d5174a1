"""`ledger audit-trail`: who did what to the books, when, and why."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from commands import options, output

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.history_documents import AuditEventDocument
    from ledger.moments import Span

DEFAULT_TIME = timedelta(days=30)


def audit_trail(
    *,
    begin: options.From = None,
    end: options.To = None,
    actor: options.ActorFilter = None,
    limit: options.Limit = 100,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """List who did what, when, and why: entries, accounts, holds, reviews, adjustments, periods; the last of a time."""
    from commands import csv_output, history_documents, ledger_reading
    from ledger import audit_trail as trail

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    span = _span(begin, end)
    if as_csv:
        ledger_reading.read(lambda books: _write(books, span, actor))
        return
    events, has_earlier = ledger_reading.read(lambda books: trail.events(books, span, actor=actor, limit=limit))
    shown = [history_documents.of_event(event) for event in events]
    if as_json:
        document = history_documents.AuditTrailDocument(
            begins_at=span.first, ends_at=span.last, has_earlier=has_earlier, events=shown
        )
        output.document(document.plain())
        return
    _show(shown)
    if has_earlier:
        output.notice(f"there are earlier ones: see them with --to {shown[0].at.isoformat().replace('+00:00', 'Z')}")


def _span(begin: str | None, end: str | None) -> "Span":
    from commands import moments

    span = moments.span(begin, end)
    if span.first is not None:
        return span
    return span.model_copy(update={"first": (span.last or datetime.now(UTC)) - DEFAULT_TIME})


async def _write(books: "Books", span: "Span", actor: str | None) -> None:
    from commands import csv_output, history_documents
    from ledger import audit_trail as trail

    events = trail.stream(books, span, actor=actor)
    with csv_output.CsvWriter(history_documents.AuditEventDocument) as writer:
        async with aclosing(events):
            async for event in events:
                writer.write(history_documents.of_event(event))


def _show(events: "list[AuditEventDocument]") -> None:
    from commands.ledger_reading import left_to_undo

    rows = []
    for event in events:
        source = " ".join(part for part in (event.rule, event.gateway, event.gateway_reference) if part)
        links = [f"reverses {event.reverses}"] if event.reverses else []
        links += [f"reversed by {reference}" for reference in event.reversed_by]
        links += [f"{amount} left to undo" for amount in left_to_undo(event.left_to_undo)]
        rows.append(
            (
                f"{event.at:%Y-%m-%d %H:%M:%S}",
                *(event.actor, event.what.replace("_", " "), event.subject, event.detail, event.reason or ""),
                *(source, ", ".join(links)),
            )
        )
    output.table(("time", "who", "did", "what", "detail", "why", "from", "links"), rows)
