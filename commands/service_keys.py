"""`services`: which services may post over HTTP, what is wrong with their file, and a key for a new one."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from pathlib import Path

import typer

from commands import options, output, service_options
from commands.errors import WrongUse

app = typer.Typer(help="Which services may post over HTTP; a key for a new one.")


@app.command()
def check(file: service_options.ServicesFile, *, as_json: options.AsJson = False) -> None:
    """Read a file of services as the HTTP service does, and say what is wrong with it, with the line."""
    from commands import service_documents
    from ledger import service_file
    from ledger.lined_yaml import FileFault

    try:
        read = service_file.read(Path(file))
    except FileFault as error:
        raise WrongUse(*error.lines) from None
    if as_json:
        output.document({"services": [service_documents.of_service(service).plain() for service in read.services]})
        return
    if read.services:
        rows = [
            (
                service.name,
                str(len(service.keys)),
                ", ".join(service.accounts),
                ", ".join(service.facts),
                "yes" if service.reads_events else "",
            )
            for service in read.services
        ]
        output.table(("service", "keys", "accounts", "facts", "events"), rows, numbers=("keys",))
    output.line(f"{file} is in order")


@app.command()
def key(*, as_json: options.AsJson = False) -> None:
    """Make a key for a service; it is shown once, and kept nowhere."""
    from ledger import service

    made = service.new_key()
    digest = service.digest(made)
    if as_json:
        output.document({"key": made, "sha256": digest})
        return
    output.line(f"key, for the service alone: {made}")
    output.line(f"its SHA-256, for SERVICES_FILE: {digest}")
