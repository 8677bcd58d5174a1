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
UNKNOWN_METHOD_PARAMETERS: Final = frozenset({"payment_method", "customer", "mandate"})
"""Parameters of what belongs to the customer: one that Stripe does not take says no to this payment method."""

MANDATE_INVALID: Final = "payment_intent_mandate_invalid"


class PaymentIntentNamed(BaseModel):
    """The PaymentIntent that an error speaks of."""

    id: str


class CardNetworks(BaseModel):
    """The networks that a card can be taken over."""

    preferred: str | None = None


class ReportedCard(BaseModel):
    """What Stripe says of a card, of a PaymentMethod as of a charge."""

    brand: str | None = None
    country: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    funding: str | None = None
    network: str | None = None
    """Of a charge: the network that it went over."""
    networks: CardNetworks | None = None
    capture_before: int | None = None


class PaymentMethodNamed(BaseModel):
    """The PaymentMethod that an error speaks of."""

    card: ReportedCard | None = None


class StripeFault(BaseModel):
    """The `error` of a body: why Stripe did not do what was asked, with nothing done unless `ended_in_failure`."""

    status: int = 0
    replayed: bool = False
    """Whether Stripe gave this answer before, under the same key: it says what was, not what is."""
    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    message: str = ""
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None
    charge: str | None = None
    """The failed charge; without one no issuer was asked."""
    payment_intent: PaymentIntentNamed | None = None
    payment_method: PaymentMethodNamed | None = None

    @property
    def most_precise_code(self) -> str:
        """The decline code where there is one, else the error's code, else its type."""
        return self.decline_code or self.code or self.type

    @property
    def is_decline(self) -> bool:
        """Whether the issuer said no, or the payment method cannot be used at all."""
        return self.status == 402 or self.param in UNKNOWN_METHOD_PARAMETERS or self.code == MANDATE_INVALID

    @property
    def ended_in_failure(self) -> bool:
        """Whether the request under this key has ended in a server error, which Stripe will repeat for as long as it keeps the key.

        Asking again is of no use then; what the request did, if anything, can be read.
        """
        return self.replayed and self.status >= 500


def fault_of(error: stripe.StripeError) -> StripeFault:
    """Return the fault if the error is an answer; raises the GatewayError that it stands for otherwise.

    Raised `from None`: the SDK's error holds the headers and the body, which are not ours to pass on.
    """
    status = error.http_status or 0
    fault = _read(error)
    code = fault.code if fault else None
    wait = retry_after_seconds(_headers(error))
    if status == 429 or code in {"rate_limit", "lock_timeout"}:
        raise RateLimited(NAME, f"asks for fewer requests ({code or status})", retry_after_seconds=wait) from None
    if status == 409:
        message = "a request under this idempotency key is still under way"
        raise KeyInUse(NAME, message, retry_after_seconds=wait) from None
    if status in {401, 403}:
        raise Misconfigured(NAME, f"refused our credentials (HTTP status {status}): check STRIPE_API_KEY") from None
    if status >= 500 and _is_replayed(error):
        return StripeFault(status=status, replayed=True, type="api_error", message=f"ended with HTTP status {status}")
    if fault is None or status not in ANSWERS:
        raise OutcomeUnknown(NAME, f"answered with HTTP status {status}", retry_after_seconds=wait) from None
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
    # What the body says of these two is not its business.
    return fault.model_copy(update={"status": error.http_status or 0, "replayed": _is_replayed(error)})


def _is_replayed(error: stripe.StripeError) -> bool:
    return _headers(error).get("idempotent-replayed", "").lower() == "true"


def _headers(error: stripe.StripeError) -> dict[str, str]:
    # Of an answer that it cannot parse, the SDK keeps the headers in the place of the body.
    kept = error.headers or error.json_body
    return {str(name).lower(): str(value) for name, value in kept.items()} if isinstance(kept, Mapping) else {}
