"""`events`: what merchants' systems are told, as they read it."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import notice_options, options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.events import ToldEvent
    from commands.connections import Books

app = typer.Typer(help="What merchants' systems are told of customers and their invoices.")


@app.command(name="list")
def list_events(*, after: notice_options.After = 0, limit: options.Limit = 50, as_json: options.AsJson = False) -> None:
    """List events in the order in which they are read, the oldest first; go on with the id of the last one."""
    from billing import events
    from commands import billing_steps, notice_documents

    async def read(books: "Books") -> "Sequence[ToldEvent]":
        return await events.read(books, after=after, limit=limit)

    found = billing_steps.read(read)
    if as_json:
        last = found[-1].event_id if found else after
        return output.document(
            {"events": [notice_documents.of_event(each).plain() for each in found], "next_after": last}
        )
    rows = [
        (str(each.event_id), f"{each.occurred_at:%Y-%m-%d %H:%M}", each.kind, each.subject, each.customer_id or "")
        for each in found
    ]
    columns = ("event", "occurred", "kind", "of", "customer")
    return output.table(columns, rows, numbers=("event",)) if rows else output.line("there is no event after that")
