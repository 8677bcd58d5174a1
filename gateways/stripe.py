"""Stripe, through its official SDK: a PaymentIntent is created first, and confirmed under the operation id.

Retries are ours, never the SDK's, so that each is seen and each carries the same key. The customer id goes into the
metadata: it is not one of Stripe's customers.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Literal, TypeVar

import stripe
from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams

from gateways import stripe_declines, stripe_methods, stripe_objects, stripe_past_events, stripe_withdrawals
from gateways.cards import CardFacts
from gateways.errors import GatewayError, OutcomeUnknown
from gateways.port import OperationKind, OperationRequest, Outcome, RefusalCode, Refused, Withdrawal
from gateways.setups import SetupFailed, SetupOutcome, SetupRequest, SetupStarted
from gateways.stripe_amounts import CAPABILITIES, to_stripe
from gateways.stripe_charges import Charge
from gateways.stripe_errors import NAME, StripeFault
from gateways.stripe_lists import StripeLists
from gateways.stripe_objects import PaymentIntent, Refund, operation_key
from gateways.stripe_sdk import SdkConnection, answer_of
from gateways.stripe_setups import StripeSetups
from gateways.webhooks.past_events import EventPage
from gateways.wire import Wire

API_VERSION: Final = "2026-10-28.endive"
"""Pinned: requests and answers keep their shape whatever the account's default version is."""
WITH_FEE: Final = ["latest_charge.balance_transaction"]
WITH_FAILURE: Final = [*WITH_FEE, "latest_charge.failure_balance_transaction"]
MAX_REASON_LENGTH: Final = 500
KEYS_PER_PURPOSE: Final = 5
"""Then a person has to look: Stripe has more than a passing fault."""

Shape = TypeVar("Shape")
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
            http_client=SdkConnection(self._wire),
            max_network_retries=0,
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._lists = StripeLists(client.v1)
        self._events = client.v1.events
        self._methods = client.v1.payment_methods
        self._setups = StripeSetups(client.v1)

    async def create_payment(self, request: OperationRequest) -> str | Refused:
        """Create the PaymentIntent, unconfirmed."""
        refusal = self.capabilities.refusal(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        captured_at_once = request.kind is OperationKind.CAPTURE
        payment: PaymentIntentCreateParams = {
            "amount": to_stripe(request.amount),
            "currency": request.amount.currency.lower(),
            "capture_method": "automatic" if captured_at_once else "manual",
            "automatic_payment_methods": {"enabled": True},
            "metadata": _metadata(request),
        }
        if request.gateway_customer is not None:
            payment["customer"] = request.gateway_customer
        for key in _keys(request, "create"):
            created = await answer_of(self._intents.create_async(payment, {"idempotency_key": key}), PaymentIntent)
            if not isinstance(created, StripeFault):
                return created.id
            if not created.ended_in_failure:
                return Refused(code=created.most_precise_code, message=created.message)
        raise OutcomeUnknown(NAME, f"had an error whenever the payment of {request.operation_id} was created")

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
        return await self._settled(request, await answer_of(call, PaymentIntent))

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
        return await self._settled(request, await answer_of(call, PaymentIntent))

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
        refunded = await answer_of(call, Refund)
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

    async def withdrawals(self, request: OperationRequest) -> tuple[Withdrawal, ...]:
        """Read the payment's failure, its refunds that are none of ours, and its disputes; see the port."""
        intent = await self._read(request, WITH_FAILURE)
        refunds, disputes = await self._lists.refunds(intent.id), await self._lists.disputes(intent.id)
        failed = _told(stripe_withdrawals.of_failed_payment, intent)
        refunded = [_told(stripe_withdrawals.of_foreign_refund, each) for each in refunds]
        disputed = [_told(stripe_withdrawals.of_dispute, each) for each in disputes]
        found = filter(None, (failed, *refunded, *disputed))
        return tuple(sorted(found, key=lambda each: (each.withdrawn_at, each.reference)))

    async def read_method(self, token: str, gateway_customer: str | None) -> CardFacts | None:
        """Read a PaymentMethod; see `gateways.saved_methods`."""
        return await stripe_methods.read(self._methods, token, gateway_customer)

    async def list_events(self, since: datetime, until: datetime, page: str | None, limit: int) -> EventPage:
        """Read past events; see `gateways.webhooks.past_events`."""
        return await stripe_past_events.list_events(self._events, since, until, page, limit)

    async def start_setup(self, request: SetupRequest) -> SetupStarted | SetupFailed:
        """Start a hosted page for a card; see `gateways.setups`."""
        return await self._setups.start(request)

    async def finish_setup(self, reference: str) -> SetupOutcome:
        """Read what the customer gave; see `gateways.setups`."""
        return await self._setups.finish(reference)

    async def close(self) -> None:
        """Release connections."""
        await self._wire.close()

    async def _confirm(self, request: OperationRequest) -> Outcome:
        confirmation: PaymentIntentConfirmParams = {"payment_method": _method(request), "expand": WITH_FEE}
        if request.customer_present:
            confirmation["return_url"] = self._return_url
        else:
            confirmation["off_session"] = True
        if request.mandate is not None:
            confirmation["mandate"] = request.mandate
        if request.authenticate:
            confirmation["payment_method_options"] = {"card": {"request_three_d_secure": "any"}}
        call = self._intents.confirm_async(_payment(request), confirmation, {"idempotency_key": request.operation_id})
        return await self._settled(request, await answer_of(call, PaymentIntent))

    async def _settled(self, request: OperationRequest, answer: PaymentIntent | StripeFault) -> Outcome:
        """The outcome that an answer tells; a refusal is believed only after reading that the operation had no effect.

        The same operation may have taken effect under a key that Stripe has forgotten since, or after a decline that
        Stripe repeats.
        """
        if isinstance(answer, StripeFault) and answer.status == 402 and not answer.replayed:
            charge = None if stripe_declines.tells_all(answer) else await self._failed_charge(request)
            return stripe_declines.of_decline(answer, request.payment_reference, charge)
        intent = await self._read(request) if isinstance(answer, StripeFault) else answer
        outcome = _outcome(request, intent)
        if outcome is not None:
            return outcome
        if _asks_for_absent(request, intent):
            return await self._unauthenticated(request, intent)
        if not isinstance(answer, StripeFault):
            raise OutcomeUnknown(NAME, f"{intent.id} shows no effect of {request.operation_id} that was accepted")
        if answer.ended_in_failure:
            return await self._ended(request, intent)
        if answer.is_decline:
            return stripe_declines.of_decline(answer, intent.id)
        return stripe_objects.of_refusal(answer, intent)

    async def _ended(self, request: OperationRequest, intent: PaymentIntent) -> Outcome:
        """What an operation did that ended in a server error and shows no effect.

        A first operation may be tried again at another gateway, where nothing keeps both from succeeding. Stripe may
        still finish by itself what it broke off, so the PaymentIntent is fenced off first: canceled, it stays so.
        """
        if request.kind is OperationKind.VOID or request.target_reference is not None:
            return _told(lambda found: stripe_objects.of_failure(found, request.kind), intent)
        return await self._fenced(request, intent)

    async def _unauthenticated(self, request: OperationRequest, intent: PaymentIntent) -> Outcome:
        """Decline what asks for a customer who is not there, with the code that Stripe itself has for that.

        Stripe declines such a payment by itself. One that waits all the same could still be approved by whoever finds its
        address, after the charge has gone on: it is fenced off first.
        """
        outcome = await self._fenced(request, intent)
        if isinstance(outcome, Refused) and outcome.code == RefusalCode.NO_EFFECT:
            return stripe_declines.of_absent_customer(intent.id)
        return outcome

    async def _fenced(self, request: OperationRequest, intent: PaymentIntent) -> Outcome:
        """Cancel a payment that shows no effect, and say what it shows then."""
        for key in _keys(request, "fence"):
            call = self._intents.cancel_async(intent.id, {"expand": WITH_FEE}, {"idempotency_key": key})
            canceled = await answer_of(call, PaymentIntent)
            outcome = _outcome(request, await self._read(request))
            if outcome is not None:
                return outcome
            if not isinstance(canceled, StripeFault) or not canceled.ended_in_failure:
                break
        raise OutcomeUnknown(
            NAME, f"neither shows an effect of {request.operation_id} nor lets {intent.id} be canceled"
        )

    async def _read(self, request: OperationRequest, expand: list[str] = WITH_FEE) -> PaymentIntent:
        call = self._intents.retrieve_async(_payment(request), {"expand": expand})
        intent = await answer_of(call, PaymentIntent)
        if isinstance(intent, StripeFault):
            raise OutcomeUnknown(NAME, f"refused to show {request.payment_reference}: {intent.message}")
        return intent

    async def _failed_charge(self, request: OperationRequest) -> Charge | None:
        """The charge of a decline that is known already: where it cannot be read, the decline is told without it."""
        try:
            return (await self._read(request)).latest_charge
        except GatewayError:
            return None

    async def _find_refund(self, request: OperationRequest) -> Refund | None:
        refunds = await self._lists.refunds(_payment(request))
        made = [found for found in refunds if (found.metadata or {}).get("operation_id") == request.operation_id]
        return max(made, key=stripe_objects.standing, default=None)


def _outcome(request: OperationRequest, intent: PaymentIntent) -> Outcome | None:
    if _asks_for_absent(request, intent):
        return None
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


def _asks_for_absent(request: OperationRequest, intent: PaymentIntent) -> bool:
    return intent.status == "requires_action" and not request.customer_present


def _told(tell: Callable[[Shape], Told], found: Shape) -> Told:
    try:
        return tell(found)
    except ValueError as error:
        raise OutcomeUnknown(NAME, f"cannot be understood: {error}") from error


def _keys(request: OperationRequest, purpose: str) -> Iterator[str]:
    """Keys for what moves no money and may be done twice: one after another, each when Stripe keeps an error under the last.

    A PaymentIntent that was created and not confirmed takes nothing, and only the one that is remembered is ever
    confirmed; one that was canceled is not canceled again. What moves money has one key, the operation id, for ever.
    """
    yield f"{request.operation_id}:{purpose}"
    for number in range(2, KEYS_PER_PURPOSE + 1):
        yield f"{request.operation_id}:{purpose}:{number}"


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
