"""Refusals in Stripe's shape, `{"error": {...}}`, in which absent fields are left out and not null.

Refusal
`-- InvalidParameter   a parameter is wrong: nothing was executed, so nothing is kept under the idempotency key
"""

import json
from typing import Any

from simulators.store import Document

INVALID_REQUEST = "invalid_request_error"


class Refusal(Exception):
    """An answer other than 200 that leaves everything as it was."""

    stored = True
    """Whether the idempotency layer keeps the answer: it does as soon as the execution has begun."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = INVALID_REQUEST,
        code: str | None = None,
        param: str | None = None,
        payment_intent: Document | None = None,
        stored: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        if stored is not None:
            self.stored = stored
        self.error = error(
            kind,
            message,
            code=code,
            param=param,
            payment_intent=payment_intent,
        )


class InvalidParameter(Refusal):
    """A parameter that is missing, unknown, or cannot have this value."""

    stored = False


def error(kind: str, message: str, *, code: str | None = None, **details: Any) -> Document:
    """The inside of an error's body."""
    fields = {"code": code, "message": message, "type": kind, **details}
    if code is not None:
        fields["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
    return {name: value for name, value in sorted(fields.items()) if value is not None}


def body(inside: Document) -> bytes:
    """The bytes of an error's body."""
    return json.dumps({"error": inside}, indent=2).encode()


def missing(what: str, identity: str, *, param: str = "id") -> Refusal:
    """No object has this id: 404 for the object that is acted on, 400 for one that a parameter names."""
    status = 404 if param in ("id", "intent", "charge") else 400
    return Refusal(f"No such {what}: '{identity}'", status=status, code="resource_missing", param=param)


def missing_parameter(name: str) -> InvalidParameter:
    """A required parameter was not sent."""
    return InvalidParameter(f"Missing required param: {name}.", code="parameter_missing", param=name)


def too_small_integer(name: str) -> InvalidParameter:
    """An amount below one."""
    return InvalidParameter(
        "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param=name
    )


def unexpected_state(message: str, payment_intent: Document) -> Refusal:
    """The PaymentIntent's status does not allow this."""
    return Refusal(message, code="payment_intent_unexpected_state", payment_intent=payment_intent)
