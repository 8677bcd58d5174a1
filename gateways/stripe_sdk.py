"""How Stripe's official SDK is used: it writes requests and reads answers, and our wire sends them."""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import stripe
from pydantic import BaseModel

from gateways.errors import OutcomeUnknown
from gateways.stripe_errors import NAME, StripeFault, fault_of
from gateways.wire import Wire

stripe.enable_telemetry = False  # it would write a file to the home directory and send timings with each request

Shape = TypeVar("Shape", bound=BaseModel)


class SdkConnection(stripe.HTTPClient):
    """Lets the SDK send through our wire, which bounds time and size and tells what was not sent."""

    name = "httpx"

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        answer = await self._wire.exchange(method, url, headers, post_data)
        return answer.body, answer.status, answer.headers


async def answer_of(call: Awaitable[stripe.StripeObject], shape: type[Shape]) -> Shape | StripeFault:
    """Wait for an answer and read it; raises GatewayError where it is none."""
    try:
        return shape.model_validate((await call).to_dict())
    except stripe.StripeError as error:
        return fault_of(error)
    except (ValueError, TypeError, AttributeError, KeyError):
        # `from None`: what could not be read may hold anything.
        raise OutcomeUnknown(NAME, f"gave an answer that is no {shape.__name__}") from None
