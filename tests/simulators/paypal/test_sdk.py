"""PayPal's own SDK drives the simulator: an independent client, with its own idea of every request and answer."""

from typing import Any

import pytest
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown
from paypalserversdk.models.capture_request import CaptureRequest
from paypalserversdk.models.checkout_payment_intent import CheckoutPaymentIntent
from paypalserversdk.models.money import Money
from paypalserversdk.models.order_authorize_request import OrderAuthorizeRequest
from paypalserversdk.models.order_authorize_request_payment_source import OrderAuthorizeRequestPaymentSource
from paypalserversdk.models.order_capture_request import OrderCaptureRequest
from paypalserversdk.models.order_capture_request_payment_source import OrderCaptureRequestPaymentSource
from paypalserversdk.models.order_request import OrderRequest
from paypalserversdk.models.paypal_wallet import PaypalWallet
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest
from paypalserversdk.models.refund_request import RefundRequest
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from local.simulators import SimulatorProcess
from tests.simulators.paypal.test_authorizations import kinds

PREFER = "return=representation"


def order(sdk: PaypalServersdkClient, intent: str) -> str:
    """Id of a new order over 49.99 US dollars."""
    unit = PurchaseUnitRequest(amount=AmountWithBreakdown("USD", "49.99"), custom_id="c1:authorize:1")
    body = OrderRequest(intent=intent, purchase_units=[unit])
    made = sdk.orders.create_order({"body": body, "paypal_request_id": f"c1:{intent}:create", "prefer": PREFER})
    assert made.status_code == 201
    assert made.body.status == "CREATED"
    return str(made.body.id)


def authorized(sdk: PaypalServersdkClient) -> Any:
    """The authorization of a new order."""
    source = OrderAuthorizeRequestPaymentSource(paypal=PaypalWallet(vault_id="wallet_ok"))
    order_id = order(sdk, CheckoutPaymentIntent.AUTHORIZE)
    answer = sdk.orders.authorize_order(
        {"id": order_id, "body": OrderAuthorizeRequest(source), "paypal_request_id": "c1:authorize:1", "prefer": PREFER}
    )
    return answer.body.purchase_units[0].payments.authorizations[0]


def test_authorize_capture_refund(sdk: PaypalServersdkClient, paypal_simulator: SimulatorProcess) -> None:
    """The SDK authorizes, captures in part, refunds in part, and reads what came of it."""
    authorization = authorized(sdk)
    captured = sdk.payments.capture_authorized_payment(
        {
            "authorization_id": authorization.id,
            "body": CaptureRequest(amount=Money("USD", "30.00"), final_capture=True, invoice_id="c1:capture:1"),
            "paypal_request_id": "c1:capture:1",
            "prefer": PREFER,
        }
    ).body
    assert (captured.status, captured.seller_receivable_breakdown.paypal_fee.value) == ("COMPLETED", "1.54")
    refunded = sdk.payments.refund_captured_payment(
        {
            "capture_id": captured.id,
            "body": RefundRequest(amount=Money("USD", "10.00"), invoice_id="c1:refund:1"),
            "paypal_request_id": "c1:refund:1",
            "prefer": PREFER,
        }
    ).body
    assert sdk.payments.get_refund({"refund_id": refunded.id}).body.status == "COMPLETED"
    assert sdk.payments.get_captured_payment({"capture_id": captured.id}).body.status == "PARTIALLY_REFUNDED"
    assert kinds(paypal_simulator) == [("authorize", 4999), ("capture", 3000), ("fee", 154), ("refund", 1000)]


def test_capture_in_one_step(sdk: PaypalServersdkClient, paypal_simulator: SimulatorProcess) -> None:
    """The SDK captures an order and reads it."""
    source = OrderCaptureRequestPaymentSource(paypal=PaypalWallet(vault_id="wallet_ok"))
    order_id = order(sdk, CheckoutPaymentIntent.CAPTURE)
    sdk.orders.capture_order({"id": order_id, "body": OrderCaptureRequest(source), "prefer": PREFER})
    read = sdk.orders.get_order({"id": order_id}).body
    assert read.purchase_units[0].payments.captures[0].status == "COMPLETED"
    assert [kind for kind, _ in kinds(paypal_simulator)] == ["capture", "fee"]


def test_void(sdk: PaypalServersdkClient) -> None:
    """The SDK voids, and its second void is refused with an error that it understands."""
    authorization = authorized(sdk)
    assert sdk.payments.void_payment({"authorization_id": authorization.id, "prefer": PREFER}).body.status == "VOIDED"
    assert sdk.payments.get_authorized_payment({"authorization_id": authorization.id}).body.status == "VOIDED"
    with pytest.raises(ErrorException) as refusal:
        sdk.payments.void_payment({"authorization_id": authorization.id, "prefer": PREFER})
    assert refusal.value.details[0].issue == "PREVIOUSLY_VOIDED"
