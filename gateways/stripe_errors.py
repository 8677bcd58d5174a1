"""What an error of Stripe's means: an answer about this payment (`StripeFault`), or one of `gateways.errors`.

Decided from the HTTP status and the body only: the SDK makes a plain APIError of 409, drops the code of 409 and 429,
and calls every 402 a CardError whatever its type. Messages of ours never repeat Stripe's text on credentials.
"""

from collections.abc import Mapping
from typing import Final

import stripe
from pydantic import BaseModel, ValidationError

from gateways.errors import KeyInUse, Misconfigured, OutcomeUnknown, RateLimited
from gateways.wire import retry_after_seconds

NAME: Final = "stripe"
ANSWERS: Final = frozenset({400, 402, 404})
UNKNOWN_METHOD_PARAMETERS: Final = frozenset({"payment_method"})


class PaymentIntentNamed(BaseModel):
    """The PaymentIntent that an error speaks of."""

    id: str


class StripeFault(BaseModel):
    """The `error` of a body: why Stripe did not do what was asked, with nothing done."""

    status: int = 0
    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    message: str = ""
    advice_code: str | None = None
    network_decline_code: str | None = None
    payment_intent: PaymentIntentNamed | None = None

    @property
    def most_precise_code(self) -> str:
        """The decline code where there is one, else the error's code, else its type."""
        return self.decline_code or self.code or self.type

    @property
    def is_decline(self) -> bool:
        """Whether the issuer said no, or the payment method cannot be used at all."""
        return self.status == 402 or self.param in UNKNOWN_METHOD_PARAMETERS


def fault_of(error: stripe.StripeError) -> StripeFault:
    """Return the fault if the error is an answer; raises the GatewayError that it stands for otherwise.

    Raised `from None`: the SDK's error holds the headers and the body, which are not ours to pass on.
    """
    status = error.http_status
    fault = _read(error)
    code = fault.code if fault else None
    if status == 429 or code in {"rate_limit", "lock_timeout"}:
        wait = retry_after_seconds(_headers(error))
        raise RateLimited(NAME, f"asks for fewer requests ({code or status})", retry_after_seconds=wait) from None
    if status == 409:
        raise KeyInUse(NAME, "a request under this idempotency key is still under way") from None
    if status in {401, 403}:
        raise Misconfigured(NAME, f"refused our credentials (HTTP status {status}): check STRIPE_API_KEY") from None
    if fault is None or status not in ANSWERS:
        raise OutcomeUnknown(NAME, f"answered with HTTP status {status}") from None
    if fault.type == "idempotency_error":
        raise Misconfigured(NAME, "this idempotency key was used for a different request before") from None
    if status == 404 and not fault.is_decline:
        raise Misconfigured(NAME, "does not know this object: is STRIPE_API_KEY of the account that made it?") from None
    return fault


def _read(error: stripe.StripeError) -> StripeFault | None:
    body = error.json_body
    try:
        fault = StripeFault.model_validate(body["error"] if isinstance(body, dict) else None)
    except (KeyError, ValidationError):
        return None
    return fault.model_copy(update={"status": error.http_status or 0})


def _headers(error: stripe.StripeError) -> dict[str, str]:
    # Of an answer that it cannot parse, the SDK keeps the headers in the place of the body.
    kept = error.headers or error.json_body
    return {str(name).lower(): str(value) for name, value in kept.items()} if isinstance(kept, Mapping) else {}
