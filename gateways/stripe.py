"""Stripe, through its official SDK: a PaymentIntent is created first, and confirmed under the operation id.

Retries are ours, never the SDK's, so that each is seen and each carries the same key. The customer id goes into the
metadata: it is not one of Stripe's customers.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

import stripe
from pydantic import BaseModel
from stripe.params import RefundListParams

from gateways import stripe_objects
from gateways.errors import OutcomeUnknown
from gateways.port import OperationKind, OperationRequest, Outcome, RefusalCode, Refused
from gateways.stripe_amounts import CAPABILITIES, to_stripe
from gateways.stripe_errors import NAME, StripeFault, fault_of
from gateways.stripe_objects import PaymentIntent, Refund, operation_key
from gateways.wire import Wire

API_VERSION: Final = "2026-10-28.endive"
"""Pinned: requests and answers keep their shape whatever the account's default version is."""
WITH_FEE: Final = ["latest_charge.balance_transaction"]
REFUND_PAGE: Final = 100
REFUND_PAGES: Final = 10
MAX_REASON_LENGTH: Final = 500

stripe.enable_telemetry = False  # it would write a file to the home directory and send timings with each request

Shape = TypeVar("Shape", bound=BaseModel)
Told = TypeVar("Told")


class StripeGateway:
    """Stripe as a gateway; all calls belong to the event loop of the first one."""

    name = NAME
    capabilities = CAPABILITIES

    def __init__(self, api_key: str, api_base: str, return_url: str, timeout_seconds: float) -> None:
        self._return_url = return_url
        self._wire = Wire(NAME, timeout_seconds)
        client = stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base},
            http_client=_SdkConnection(self._wire),
            max_network_retries=0,
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds

    async def create_payment(self, request: OperationRequest) -> str | Refused:
        """Create the PaymentIntent, unconfirmed."""
        refusal = self.capabilities.refusal(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        captured_at_once = request.kind is OperationKind.CAPTURE
        call = self._intents.create_async(
            {
                "amount": to_stripe(request.amount),
                "currency": request.amount.currency.lower(),
                "capture_method": "automatic" if captured_at_once else "manual",
                "automatic_payment_methods": {"enabled": True},
                "metadata": _metadata(request),
            },
            {"idempotency_key": f"{request.operation_id}:create"},
        )
        created = await _answer(call, PaymentIntent)
        if isinstance(created, StripeFault):
            return Refused(code=created.most_precise_code, message=created.message)
        return created.id

    async def authorize(self, request: OperationRequest) -> Outcome:
        """Confirm the PaymentIntent with the payment method."""
        return await self._confirm(request)

    async def capture(self, request: OperationRequest) -> Outcome:
        """Capture the authorized PaymentIntent; without a target, confirm one that captures at once."""
        if request.target_reference is None:
            return await self._confirm(request)
        refusal = self.capabilities.unwritable(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        if not request.final:
            message = "stripe releases the rest of an authorization with the first capture"
            return Refused(code=RefusalCode.NOT_FINAL, message=message)
        call = self._intents.capture_async(
            request.target_reference,
            {
                "amount_to_capture": to_stripe(request.amount),
                "metadata": _operation(request),
                "expand": WITH_FEE,
            },
            {"idempotency_key": request.operation_id},
        )
        return await self._settled(request, await _answer(call, PaymentIntent))

    async def void(self, request: OperationRequest) -> Outcome:
        """Cancel the PaymentIntent, authorized or not."""
        reason: Literal["requested_by_customer", "abandoned"] = (
            "requested_by_customer" if request.target_reference else "abandoned"
        )
        call = self._intents.cancel_async(
            _payment(request),
            {"cancellation_reason": reason, "expand": WITH_FEE},
            {"idempotency_key": request.operation_id},
        )
        return await self._settled(request, await _answer(call, PaymentIntent))

    async def refund(self, request: OperationRequest) -> Outcome:
        """Refund some or all of what the PaymentIntent captured."""
        refusal = self.capabilities.unwritable(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        call = self._refunds.create_async(
            {
                "payment_intent": _payment(request),
                "amount": to_stripe(request.amount),
                "metadata": _metadata(request),
                "expand": ["balance_transaction"],
            },
            {"idempotency_key": request.operation_id},
        )
        refunded = await _answer(call, Refund)
        if isinstance(refunded, StripeFault):
            return await self.look_up(request) or stripe_objects.of_refused_refund(refunded)
        return _told(stripe_objects.of_refund, refunded)

    async def look_up(self, request: OperationRequest) -> Outcome | None:
        """Read the PaymentIntent, or its refunds; see the port."""
        if request.payment_reference is None and request.target_reference is None:
            return None
        if request.kind is OperationKind.REFUND:
            refund = await self._find_refund(request)
            return _told(stripe_objects.of_refund, refund) if refund else None
        return _outcome(request, await self._read(request))

    async def close(self) -> None:
        """Release connections."""
        await self._wire.close()

    async def _confirm(self, request: OperationRequest) -> Outcome:
        call = self._intents.confirm_async(
            _payment(request),
            {
                "payment_method": _method(request),
                "return_url": self._return_url,
                "expand": WITH_FEE,
            },
            {"idempotency_key": request.operation_id},
        )
        return await self._settled(request, await _answer(call, PaymentIntent))

    async def _settled(self, request: OperationRequest, answer: PaymentIntent | StripeFault) -> Outcome:
        """The outcome that an answer tells; a refusal is believed only after reading that the operation had no effect.

        The same operation may have taken effect under a key that Stripe has forgotten since.
        """
        if isinstance(answer, StripeFault) and answer.status == 402:
            return stripe_objects.of_decline(answer, request.payment_reference)
        intent = await self._read(request) if isinstance(answer, StripeFault) else answer
        outcome = _outcome(request, intent)
        if outcome is not None:
            return outcome
        if not isinstance(answer, StripeFault):
            raise OutcomeUnknown(NAME, f"{intent.id} shows no effect of {request.operation_id} that was accepted")
        if answer.is_decline:
            return stripe_objects.of_decline(answer, intent.id)
        return stripe_objects.of_refusal(answer, intent)

    async def _read(self, request: OperationRequest) -> PaymentIntent:
        call = self._intents.retrieve_async(_payment(request), {"expand": WITH_FEE})
        intent = await _answer(call, PaymentIntent)
        if isinstance(intent, StripeFault):
            raise OutcomeUnknown(NAME, f"refused to show {request.payment_reference}: {intent.message}")
        return intent

    async def _find_refund(self, request: OperationRequest) -> Refund | None:
        asked: RefundListParams = {
            "payment_intent": _payment(request),
            "limit": REFUND_PAGE,
            "expand": ["data.balance_transaction"],
        }
        for _ in range(REFUND_PAGES):
            page = await _answer(self._refunds.list_async(asked), RefundPage)
            if isinstance(page, StripeFault):
                raise OutcomeUnknown(NAME, f"refused to show the refunds of {_payment(request)}: {page.message}")
            for refund in page.data:
                if (refund.metadata or {}).get("operation_id") == request.operation_id:
                    return refund
            if not page.has_more or not page.data:
                return None
            asked["starting_after"] = page.data[-1].id
        raise OutcomeUnknown(NAME, f"{_payment(request)} has more than {REFUND_PAGE * REFUND_PAGES} refunds")


class RefundPage(BaseModel):
    """One page of the refunds of a PaymentIntent."""

    data: list[Refund]
    has_more: bool


class _SdkConnection(stripe.HTTPClient):
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


async def _answer(call: Awaitable[stripe.StripeObject], shape: type[Shape]) -> Shape | StripeFault:
    try:
        return shape.model_validate((await call).to_dict())
    except stripe.StripeError as error:
        return fault_of(error)
    except (ValueError, TypeError, AttributeError, KeyError):
        # `from None`: what could not be read may hold anything.
        raise OutcomeUnknown(NAME, f"gave an answer that is no {shape.__name__}") from None


def _outcome(request: OperationRequest, intent: PaymentIntent) -> Outcome | None:
    match request.kind:
        case OperationKind.AUTHORIZE:
            return _told(stripe_objects.of_authorization, intent)
        case OperationKind.CAPTURE if request.target_reference is None:
            return _told(stripe_objects.of_payment, intent)
        case OperationKind.CAPTURE:
            return _told(lambda found: stripe_objects.of_capture(found, request.operation_id), intent)
        case OperationKind.VOID:
            return _told(stripe_objects.of_void, intent)
        case OperationKind.REFUND:
            raise AssertionError("the outcome of a refund is in the refund, not in the PaymentIntent")


def _told(tell: Callable[[Shape], Told], found: Shape) -> Told:
    try:
        return tell(found)
    except ValueError as error:
        raise OutcomeUnknown(NAME, f"cannot be understood: {error}") from error


def _operation(request: OperationRequest) -> dict[str, str]:
    return {"operation_id": request.operation_id, operation_key(request.kind): request.operation_id}


def _metadata(request: OperationRequest) -> dict[str, str]:
    metadata = {**_operation(request), "charge_id": request.charge_id, "customer": request.customer}
    return metadata | ({"reason": request.reason[:MAX_REASON_LENGTH]} if request.reason else {})


def _payment(request: OperationRequest) -> str:
    reference = request.payment_reference or request.target_reference
    if reference is None:
        raise AssertionError(f"{request.operation_id} has no payment: call create_payment first")
    return reference


def _method(request: OperationRequest) -> str:
    if request.payment_method is None:
        raise AssertionError(f"{request.operation_id} needs a payment method")
    return request.payment_method


def _not_taken(refusal: str) -> Refused:
    return Refused(code=RefusalCode.AMOUNT_NOT_TAKEN, message=f"{NAME} {refusal}")
