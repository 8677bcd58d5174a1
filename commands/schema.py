"""`schema`: what each process takes and gives, as JSON Schema, so that any language's Temporal SDK can start charges.

Read from the workflow definitions themselves, so that it says what the workers do.
"""
# ruff: noqa: PLC0415 # heavy parts are imported when the command runs, so that --help is quick

from typing import Annotated, Any

import typer

from commands import output


def schema(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="The output is always JSON; accepted as everywhere else.")
    ] = False,
) -> None:
    """Print the JSON Schema of every process: input, updates, signals, queries and result."""
    del as_json
    from commands import connections, process_schemas

    settings = connections.load_settings()
    output.document(describe(settings.task_queue, process_schemas.of_all()))


def describe(task_queue: str, workflows: list[dict[str, Any]]) -> dict[str, Any]:
    """Say where the processes are started and how their payloads are written."""
    return {"task_queue": task_queue, "payload_encoding": "json/plain", "workflows": workflows}
