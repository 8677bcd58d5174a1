"""What an endpoint answers: an object, a list of objects, or an error that has an effect (a decline)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.store import Document
from simulators.stripe.context import Context
from simulators.stripe.errors import InvalidParameter
from simulators.stripe.forms import Kind, integer, moments, text, texts

LIST_PARAMETERS: Mapping[str, Kind] = {
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "created": moments,
    "expand": texts,
}


@dataclass(frozen=True)
class Reply:
    """A status and a body, still without the expansions that were asked for."""

    body: Document
    status: int = 200


def listed(
    context: Context,
    kind: str,
    url: str,
    values: Mapping[str, Any],
    links: Mapping[str, str | Collection[str] | None],
) -> Reply:
    """A page of objects, newest first, with all of these links."""
    limit = values.get("limit", 10)
    if not 1 <= limit <= 100:
        raise InvalidParameter(
            f"Invalid limit: {limit}, it must be from 1 to 100", code="parameter_invalid_integer", param="limit"
        )
    if "starting_after" in values and "ending_before" in values:
        raise InvalidParameter("You can only use one of starting_after and ending_before.", param="starting_after")
    for name in ("starting_after", "ending_before"):
        if name in values and context.transaction.get(kind, values[name]) is None:
            raise InvalidParameter(f"No such {kind}: '{values[name]}'", code="resource_missing", param=name)
    page = context.transaction.listing(
        kind,
        limit=limit,
        links={name: value for name, value in links.items() if value is not None},
        created=values.get("created"),
        after=values.get("starting_after"),
        before=values.get("ending_before"),
    )
    data = [context.rendered(document) for document in page.documents]
    return Reply({"object": "list", "data": data, "has_more": page.has_more, "url": url})
