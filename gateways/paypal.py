"""PayPal, over its REST API: an order is created first, without a payment source, and authorized or captured with one.

A capture of an authorization and a refund are found again by their invoice id, which is the operation id.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from gateways import paypal_objects, paypal_past_events, paypal_vault
from gateways.cards import CardFacts
from gateways.errors import OutcomeUnknown
from gateways.paypal_amounts import CAPABILITIES, to_paypal
from gateways.paypal_cards import with_card
from gateways.paypal_errors import ACTIONS, NAME, PayPalFault
from gateways.paypal_objects import REFUSALS, SAID_NO, Movement, Order
from gateways.paypal_orders import ORDERS, PayPalOrders, order_path
from gateways.paypal_session import PayPalSession
from gateways.paypal_session import identity_in_path as _id
from gateways.paypal_setups import PayPalSetups
from gateways.paypal_sources import payment_source
from gateways.paypal_withdrawal_reader import PayPalWithdrawals
from gateways.port import (
    Declined,
    OperationKind,
    OperationRequest,
    Outcome,
    RefusalCode,
    Refused,
    Succeeded,
    Withdrawal,
)
from gateways.setups import SetupFailed, SetupOutcome, SetupRequest, SetupStarted
from gateways.webhooks.past_events import EventPage
from ledger.money import Money

AUTHORIZATIONS: Final = "/v2/payments/authorizations"
COLLECTIONS: Final = {
    OperationKind.AUTHORIZE: AUTHORIZATIONS,
    OperationKind.CAPTURE: "/v2/payments/captures",
    OperationKind.REFUND: "/v2/payments/refunds",
}
READERS: Final = {
    OperationKind.AUTHORIZE: paypal_objects.of_authorization,
    OperationKind.CAPTURE: paypal_objects.of_capture,
    OperationKind.REFUND: paypal_objects.of_refund,
}
EXPIRED: Final = frozenset({"ORDER_EXPIRED"})
"""Issues of an order whose payer's time is over."""

Shape = TypeVar("Shape")
Told = TypeVar("Told")


class PayPalGateway:
    """PayPal as a gateway; all calls belong to the event loop of the first one."""

    name = NAME
    capabilities = CAPABILITIES

    def __init__(
        self, client_id: str, client_secret: str, api_base: str, return_url: str, timeout_seconds: float
    ) -> None:
        self._return_url = return_url
        self._session = PayPalSession(client_id, client_secret, api_base, timeout_seconds)
        self._orders = PayPalOrders(self._session)
        self._withdrawals = PayPalWithdrawals(self._session)
        self._setups = PayPalSetups(self._session)

    async def create_payment(self, request: OperationRequest) -> str | Refused:
        """Create the order, without a payment source."""
        refusal = self.capabilities.refusal(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        unit = {
            "reference_id": request.charge_id,
            "custom_id": request.operation_id,
            "amount": _amount(request.amount),
        }
        intent = "CAPTURE" if request.kind is OperationKind.CAPTURE else "AUTHORIZE"
        created = await self._session.post(
            ORDERS,
            Order,
            request_id=f"{request.operation_id}:create",
            body={"intent": intent, "purchase_units": [unit]},
        )
        if isinstance(created, PayPalFault):
            return paypal_objects.of_refusal(created, None)
        self._orders.note(created)
        return created.id

    async def authorize(self, request: OperationRequest) -> Outcome:
        """Authorize the order with the payment method."""
        return await self._perform_order(request, "authorize")

    async def capture(self, request: OperationRequest) -> Outcome:
        """Capture the authorization; without a target, authorize and capture the order at once."""
        if request.target_reference is None:
            return await self._perform_order(request, "capture")
        refusal = self.capabilities.unwritable(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        captured = await self._session.post(
            f"{AUTHORIZATIONS}/{_id(request.target_reference)}/capture",
            Movement,
            request_id=request.operation_id,
            body={
                "amount": _amount(request.amount),
                "final_capture": request.final,
                "invoice_id": request.operation_id,
            },
        )
        if isinstance(captured, PayPalFault):
            return await self.look_up(request) or await self._refused_capture(request, captured)
        return _told(paypal_objects.of_capture, captured)

    async def void(self, request: OperationRequest) -> Outcome:
        """Void the authorization; an order that was not authorized moves no money without us, and needs nothing."""
        if request.target_reference is None:
            return await self._abandon(request)
        path = f"{AUTHORIZATIONS}/{_id(request.target_reference)}"
        answer = await self._session.post_or_empty(f"{path}/void", Movement, request_id=request.operation_id)
        voided = answer if isinstance(answer, Movement) else await self._session.get(path, Movement)
        outcome = _told(paypal_objects.of_void, voided)
        if outcome is not None:
            return outcome
        if not isinstance(answer, PayPalFault):
            raise OutcomeUnknown(NAME, f"accepted to void {voided.id}, which is {voided.status}")
        return paypal_objects.of_refusal(answer, voided.id)

    async def refund(self, request: OperationRequest) -> Outcome:
        """Refund some or all of the capture."""
        refusal = self.capabilities.unwritable(request.amount)
        if refusal is not None:
            return _not_taken(refusal)
        refunded = await self._session.post(
            f"{COLLECTIONS[OperationKind.CAPTURE]}/{_id(_target(request))}/refund",
            Movement,
            request_id=request.operation_id,
            body={"amount": _amount(request.amount), "invoice_id": request.operation_id},
        )
        if isinstance(refunded, PayPalFault):
            return await self.look_up(request) or paypal_objects.of_refusal(refunded, None)
        return _told(paypal_objects.of_refund, refunded)

    async def look_up(self, request: OperationRequest) -> Outcome | None:
        """Read what the order says that this operation made; see the port.

        None for an order that its payer has approved: it waits to be performed.
        """
        if request.kind is OperationKind.VOID and request.target_reference is not None:
            path = f"{AUTHORIZATIONS}/{_id(request.target_reference)}"
            return _told(paypal_objects.of_void, await self._session.get(path, Movement))
        if request.payment_reference is None:
            return None
        order = await self._order(request)
        match request.kind:
            case OperationKind.REFUND:
                made = _by_invoice(order.movements.refunds, request)
            case OperationKind.CAPTURE if request.target_reference is not None:
                made = _by_invoice(order.movements.captures, request)
            case OperationKind.VOID:
                return None if order.movements.authorizations else _abandoned(order, request)
            case _:
                return await self._of_order(order, request)
        return await self._read(request.kind, made) if made else None

    async def withdrawals(self, request: OperationRequest) -> tuple[Withdrawal, ...]:
        """Read the refunds of the capture that are none of ours, and its disputes; see the port."""
        order = await self._order(request)
        captures = order.movements.captures
        capture = _by_invoice(captures, request) if request.target_reference else order.movement(OperationKind.CAPTURE)
        if capture is None:
            return ()
        return await self._withdrawals.of_capture(capture, order.movements.refunds)

    async def read_method(self, token: str, gateway_customer: str | None) -> CardFacts | None:  # noqa: ARG002 # PayPal's token says whose
        """Read a token of the vault; see `gateways.saved_methods`."""
        return await paypal_vault.read(self._session, token)

    async def list_events(self, since: datetime, until: datetime, page: str | None, limit: int) -> EventPage:
        """Read past events; see `gateways.webhooks.past_events`."""
        return await paypal_past_events.list_events(self._session, since, until, page, limit)

    async def start_setup(self, request: SetupRequest) -> SetupStarted | SetupFailed:
        """Start a page for a wallet; see `gateways.setups`."""
        return await self._setups.start(request)

    async def finish_setup(self, reference: str) -> SetupOutcome:
        """Read what the customer gave; see `gateways.setups`."""
        return await self._setups.finish(reference)

    async def close(self) -> None:
        """Release connections."""
        await self._session.close()

    async def _perform_order(self, request: OperationRequest, verb: str) -> Outcome:
        source = {"payment_source": payment_source(request, self._return_url)}
        answer = await self._post_order(request, verb, request.operation_id, source)
        if _asks_for_payer(answer):
            order = await self._order(request)
            if not request.customer_present:
                return await self._of_order(order, request) or paypal_objects.of_absent_payer(order)
            if order.status != "APPROVED":
                return await self._of_order(order, request) or _told(paypal_objects.action, order)
            # The payer has approved, so the order is performed with what they chose there. Under a key of its own,
            # still this operation's: the first answer may be kept under the operation id. An order can be performed
            # once, so two keys cannot take money twice.
            answer = await self._post_order(request, verb, f"{request.operation_id}:approved", {})
        return await self._of_performed(request, answer)

    async def _post_order(
        self, request: OperationRequest, verb: str, request_id: str, body: dict[str, Any]
    ) -> Order | PayPalFault:
        path = f"{order_path(_order_id(request))}/{verb}"
        return await self._session.post(path, Order, request_id=request_id, body=body)

    async def _of_performed(self, request: OperationRequest, answer: Order | PayPalFault) -> Outcome:
        """The outcome that an answer tells; a refusal is believed only after reading that the order made nothing.

        PayPal may refuse a repeated request although the first one took effect.
        """
        if isinstance(answer, Order) and (movement := answer.movement(request.kind)) is not None:
            return with_card(_told(READERS[request.kind], movement), answer.payment_source)
        has_expired = isinstance(answer, PayPalFault) and answer.issue in EXPIRED
        order = await self._order(request, has_expired=has_expired)
        outcome = await self._of_order(order, request)
        if outcome is not None:
            return outcome
        if not isinstance(answer, PayPalFault):
            raise OutcomeUnknown(NAME, f"accepted to perform order {order.id}, which is {order.status}")
        return _no(answer, order.id)

    async def _of_order(self, order: Order, request: OperationRequest) -> Outcome | None:
        movement = order.movement(request.kind)
        if movement is not None:
            return with_card(await self._read(request.kind, movement), order.payment_source)
        match order.status:
            case "CREATED" | "SAVED" | "APPROVED":
                return None
            case paypal_objects.PAYER_ACTION_REQUIRED if not request.customer_present:
                return paypal_objects.of_absent_payer(order)
            case paypal_objects.PAYER_ACTION_REQUIRED:
                return _told(paypal_objects.action, order)
            case "VOIDED":
                return Declined(reference=order.id, code="ORDER_VOIDED", message="the payer did not approve the order")
            case paypal_objects.GONE:
                message = "PayPal deleted the order, which was left unpaid for too long"
                return Refused(code=RefusalCode.NO_EFFECT, message=message, reference=order.id)
            case _:
                raise OutcomeUnknown(NAME, f"shows order {order.id} as {order.status} without a payment")

    async def _refused_capture(self, request: OperationRequest, fault: PayPalFault) -> Outcome:
        if REFUSALS.get(fault.issue) is RefusalCode.AUTHORIZATION_VOIDED:
            path = f"{AUTHORIZATIONS}/{_id(_target(request))}"
            if paypal_objects.has_lapsed(await self._session.get(path, Movement)):
                code = RefusalCode.AUTHORIZATION_EXPIRED
                return Refused(code=code, message=fault.words, reference=request.target_reference)
        return _no(fault, request.target_reference)

    async def _abandon(self, request: OperationRequest) -> Outcome:
        order = await self._order(request)
        held = order.movements.authorizations
        if held and held[0].status != "VOIDED":
            return await self.void(request.model_copy(update={"target_reference": held[0].id}))
        return _abandoned(order, request)

    async def _order(self, request: OperationRequest, *, has_expired: bool = False) -> Order:
        was_paid = request.target_reference is not None
        return await self._orders.read(_order_id(request), was_paid=was_paid, has_expired=has_expired)

    async def _read(self, kind: OperationKind, shown: Movement) -> Outcome:
        """Read an authorization, capture or refund itself: it is more recent and more complete than `shown` in its order.

        But for what the processor said of an authorization, which only the order has.
        """
        found = await self._session.get(f"{COLLECTIONS[kind]}/{_id(shown.id)}", Movement)
        if found.processor_response is None:
            found = found.model_copy(update={"processor_response": shown.processor_response})
        return _told(READERS[kind], found)


def _asks_for_payer(answer: Order | PayPalFault) -> bool:
    if isinstance(answer, PayPalFault):
        return answer.issue in ACTIONS
    return answer.status == paypal_objects.PAYER_ACTION_REQUIRED


def _abandoned(order: Order, request: OperationRequest) -> Outcome:
    """An order that was not performed moves no money without us; it lapses by itself."""
    if any(capture.status not in SAID_NO for capture in order.movements.captures):
        message = f"order {order.id} is captured already"
        return Refused(code=RefusalCode.ALREADY_CAPTURED, message=message, reference=order.id)
    return Succeeded(reference=order.id, amount=request.amount, occurred_at=datetime.now(UTC))


def _by_invoice(movements: list[Movement], request: OperationRequest) -> Movement | None:
    made = [movement for movement in movements if movement.invoice_id == request.operation_id]
    return max(made, key=paypal_objects.standing, default=None)


def _no(fault: PayPalFault, reference: str | None) -> Outcome:
    said_no = paypal_objects.of_decline if fault.is_decline else paypal_objects.of_refusal
    return said_no(fault, reference)


def _told(tell: Callable[[Shape], Told], found: Shape) -> Told:
    try:
        return tell(found)
    except ValueError as error:
        raise OutcomeUnknown(NAME, f"cannot be understood: {error}") from error


def _amount(money: Money) -> dict[str, str]:
    return {"currency_code": money.currency, "value": to_paypal(money)}


def _order_id(request: OperationRequest) -> str:
    if request.payment_reference is None:
        raise AssertionError(f"{request.operation_id} has no order: call create_payment first")
    return request.payment_reference


def _target(request: OperationRequest) -> str:
    if request.target_reference is None:
        raise AssertionError(f"{request.operation_id} names nothing to act on")
    return request.target_reference


def _not_taken(refusal: str) -> Refused:
    return Refused(code=RefusalCode.AMOUNT_NOT_TAKEN, message=f"{NAME} {refusal}")
