"""The documents of the `services` commands with `--json`."""

from commands.documents import Document
from ledger.service import Service


class ServiceDocument(Document):
    """A service that may post."""

    name: str
    keys: int
    accounts: list[str]
    facts: list[str]
    reads_events: bool


def of_service(service: Service) -> ServiceDocument:
    """Show a service, without the hashes of its keys."""
    return ServiceDocument(
        name=service.name,
        keys=len(service.keys),
        accounts=list(service.accounts),
        facts=[fact.value for fact in service.facts],
        reads_events=service.reads_events,
    )
