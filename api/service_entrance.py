"""Who asks: a service by its key, and whether what it asks for is its own to ask."""

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ledger.service import FactKind, Service, Services

CLOSED = "no service may post here: set SERVICES_FILE"
MAX_KEY = 200


def service_of(request: Request, services: Services | None) -> Service:
    """Find who asks; raises HTTPException: 404 where no service may, 401 without a key that is known."""
    if services is None:
        raise HTTPException(404, CLOSED)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    service = services.by_key(key.strip()) if scheme.lower() == "bearer" and len(key) <= MAX_KEY else None
    if service is None:
        raise HTTPException(
            401,
            "give the key of a service that is known here: Authorization: Bearer KEY",
            {"www-authenticate": "Bearer"},
        )
    return service


def require_accounts(service: Service, codes: Iterable[str]) -> None:
    """Raise HTTPException 403 for the first account that is not the service's."""
    for code in sorted(codes):
        if not service.may_move(code):
            raise _forbidden(f"service {service.name} has no account {code}: its accounts are in SERVICES_FILE")


def require_fact(service: Service, kind: FactKind) -> None:
    """Raise HTTPException 403 where the service may not tell facts of this kind."""
    if kind not in service.facts:
        raise _forbidden(f"service {service.name} may not post {kind}: its facts are in SERVICES_FILE")


def require_events(service: Service) -> None:
    """Raise HTTPException 403 where the service may not read what is told."""
    if not service.reads_events:
        raise _forbidden(f"service {service.name} may not read events: give it reads_events in SERVICES_FILE")


def require_reference(service: Service, reference: str) -> None:
    """Raise HTTPException 403 for a reference that could be another's."""
    if not reference.startswith(service.prefix):
        raise _forbidden(f"entry reference {reference} must begin with {service.prefix}")


def require_id(service: Service, name: str, given: str) -> None:
    """Raise HTTPException 403 for the id of a fact that could be another's."""
    if not given.startswith(service.id_prefix):
        raise _forbidden(f"{name} {given} must begin with {service.id_prefix}")


def _forbidden(why: str) -> HTTPException:
    return HTTPException(403, why)
