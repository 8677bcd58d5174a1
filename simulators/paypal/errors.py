"""PayPal's errors: what the simulator raises, and the body in which PayPal would say it.

Problem                  a request that PayPal refuses for an issue; nothing of it took effect
NotAuthenticated         401: no token, or one that is unknown or expired
"""

from typing import Any

from simulators.paypal import issues
from simulators.paypal.issues import Area

NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: (
        "AUTHENTICATION_FAILURE",
        "Authentication failed due to missing authorization header, or invalid authentication credentials.",
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    405: ("METHOD_NOT_SUPPORTED", "The server does not implement the requested HTTP method."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
    422: (
        "UNPROCESSABLE_ENTITY",
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable."),
}

Body = dict[str, Any]


class Problem(Exception):
    """A request that is refused for an issue.

    `field` is a JSON pointer into the body, unless `location` says `path` or `query`; a header has no location.
    """

    def __init__(
        self,
        issue: str,
        field: str | None = None,
        value: str | None = None,
        *,
        location: str | None = "body",
        links: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{issue} at {field}" if field else issue)
        self.issue = issue
        self.field = field
        self.value = value
        self.location = location
        self.links = links or []

    def body(self, area: Area, debug_id: str) -> tuple[int, Body]:
        """Status and body of the answer, in the words of an endpoint of this area."""
        issue = issues.in_area(self.issue, area)
        detail: Body = {"issue": issue, "description": issues.sentence(issue, area)}
        if self.field is not None:
            place = {"field": self.field, "value": self.value, "location": self.location}
            detail = {**{name: value for name, value in place.items() if value is not None}, **detail}
        status = issues.status(issue)
        return status, {**plain(status, debug_id), "details": [detail], "links": self.links}


class NotAuthenticated(Exception):
    """A call without a token that is valid now."""


def plain(status: int, debug_id: str) -> Body:
    """The body of an error that has no issue."""
    name, message = NAMES.get(status) or NAMES[500 if status >= 500 else 400]
    return {"name": name, "message": message, "debug_id": debug_id, "links": []}


def too_many_results(debug_id: str) -> Body:
    """The body of the 400 for a transaction search that finds more than it may."""
    return {
        **plain(400, debug_id),
        "name": "RESULTSET_TOO_LARGE",
        "message": "Result set size is greater than the maximum limit. Change the filter criteria and try again.",
    }
