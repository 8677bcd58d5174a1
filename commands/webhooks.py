"""`webhooks`: the events that the gateways sent, what became of each, and the way to have one handled again."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from commands.webhook_documents import EventDocument

app = typer.Typer(help="The events that the gateways sent, and what became of each.")
AWAITING = {"unmatched", "failed"}


@app.command(name="list")
def list_events(
    *,
    state: options.EventStateFilter = None,
    gateway: options.GatewayFilter = None,
    since: options.Since = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List events, newest first."""
    from commands import arguments, connections, webhook_events

    wanted, begin = webhook_events.event_state(state), arguments.point_in_time("--since", since)
    found = connections.run(
        lambda settings: webhook_events.listed(settings, state=wanted, gateway=gateway, since=begin, limit=limit)
    )
    if as_json:
        output.document({"events": [event.plain() for event in found]})
    else:
        _show(found)


@app.command()
def replay(
    event_id: options.EventId = None,
    *,
    unmatched: options.Unmatched = False,
    since: options.Since = None,
    limit: options.Limit = 1000,
    as_json: options.AsJson = False,
) -> None:
    """Handle events again: find the operation, and make its process read the gateway."""
    from commands import arguments, connections, webhook_events

    if event_id is None and not unmatched and since is None:
        raise WrongUse("say which events: give EVENT_ID, --unmatched or --since")
    if event_id is not None and (unmatched or since is not None):
        raise WrongUse("give either EVENT_ID, or --unmatched and --since")
    begin = arguments.point_in_time("--since", since)
    found = connections.run(
        lambda settings: webhook_events.replay(
            settings, event_id=event_id, only_unmatched=unmatched, since=begin, limit=limit
        )
    )
    if as_json:
        output.document({"events": [event.plain() for event in found]})
    else:
        _show(found)
    left = [event for event in found if event.state in AWAITING]
    if left:
        raise AnswerIsNo(
            *(f"{event.gateway} event {event.event_id} is {event.state}: {event.result}" for event in left)
        )


def _show(found: "list[EventDocument]") -> None:
    columns = ("received", "gateway", "event", "type", "came by", "state", "tries", "copies", "charge", "result")
    rows = [
        (
            event.received_at.strftime("%Y-%m-%d %H:%M:%S"),
            event.gateway,
            event.event_id,
            event.event_type,
            event.came_by,
            event.state,
            str(event.attempts),
            str(max(event.deliveries - 1, 0)),
            event.charge_id or "",
            event.result or "",
        )
        for event in found
    ]
    output.table(columns, rows, numbers=("tries", "copies"))
