"""Of an event only this is read: which objects and operations it names, and what it says became of them."""

import json
from typing import Any

import pytest

from gateways.port import OperationKind
from gateways.webhooks.events import MAX_NAMES, TAKEN_BACK, Claim
from gateways.webhooks.reading import read_event
from gateways.webhooks.stripe_events import CREATED, FEE_KNOWN
from tests.gateways.webhooks.sender import paypal_body, stripe_body

CAPTURE, REFUND = frozenset({OperationKind.CAPTURE}), frozenset({OperationKind.REFUND})


def stripe_event(event_type: str, thing: Any, key: Any = None, previous: Any = None) -> bytes:
    """An event of Stripe's about any object."""
    data = {"object": thing} | ({"previous_attributes": previous} if previous else {})
    return json.dumps({"id": "evt_1", "type": event_type, "data": data, "request": {"idempotency_key": key}}).encode()


def test_stripe_names_an_operation_by_the_key_of_its_request() -> None:
    """An event that comes before the answer finds its operation although no object of it is known yet."""
    for key in ("ch_1:capture:1", "ch_1:capture:1:create", "ch_1:capture:1:fence"):
        event = read_event("stripe", stripe_event("payment_intent.created", {"object": "payment_intent"}, key))
        assert event.operation_ids == ("ch_1:capture:1",)
    for wrong in (None, 7, "something", "ch_1:capture:0", "ch 1:capture:1", "ch_1:capture:1:Create", "ch_1:steal:1"):
        event = read_event("stripe", stripe_event("payment_intent.created", {"object": "payment_intent"}, wrong))
        assert event.operation_ids == ()


def test_stripe_names_operations_by_what_we_left_on_the_object() -> None:
    """A refund that fails days later, in no request of ours, is still known by its metadata."""
    body = stripe_body(metadata={"operation_id": "ch_1:capture:1", "capture_operation_id": "ch_1:capture:1", "x": 7})
    assert read_event("stripe", body).operation_ids == ("ch_1:capture:1",)


def test_stripe_names_the_objects_of_the_payment() -> None:
    """An event about a charge or a refund leads to the PaymentIntent, whether that is an id or is written out."""
    for intent in ("pi_1", {"id": "pi_1", "object": "payment_intent"}):
        thing = {"id": "re_1", "object": "refund", "charge": "ch_9", "payment_intent": intent, "status": "failed"}
        event = read_event("stripe", stripe_event("refund.failed", thing))
        assert event.references == ("re_1", "pi_1", "ch_9")
        assert event.claim == Claim(REFUND, "failed")


def test_paypal_names_operations_and_objects() -> None:
    """Each way in which PayPal leads from a resource to the payment is followed."""
    resource: dict[str, Any] = {
        "id": "REFUND1",
        "invoice_id": "ch_1:refund:1",
        "custom_id": "ch_1:capture:1",
        "supplementary_data": {"related_ids": {"order_id": "ORDER1", "authorization_id": "AUTH1"}},
        "links": [{"rel": "self", "href": "https://x/REFUND1"}, {"rel": "up", "href": "https://x/captures/CAPTURE1"}],
    }
    event = read_event("paypal", paypal_body(event_type="PAYMENT.CAPTURE.REFUNDED", **resource))
    assert event.operation_ids == ("ch_1:refund:1", "ch_1:capture:1")
    assert event.references == ("REFUND1", "ORDER1", "AUTH1", "CAPTURE1")
    assert event.claim == Claim(REFUND, "succeeded")


@pytest.mark.parametrize("news", ["created", "updated", "funds_withdrawn", "funds_reinstated", "closed"])
def test_a_dispute_at_stripe_leads_to_its_payment(news: str) -> None:
    """A dispute carries nothing of ours; its payment and charge do lead to the capture, of which it claims something."""
    thing = {"id": "dp_1", "object": "dispute", "charge": "ch_9", "payment_intent": "pi_1", "metadata": {}}
    event = read_event("stripe", stripe_event(f"charge.dispute.{news}", thing))
    assert event.references == ("dp_1", "pi_1", "ch_9")
    assert (event.operation_ids, event.claim) == ((), Claim(CAPTURE, TAKEN_BACK))


@pytest.mark.parametrize("news", ["CREATED", "UPDATED", "RESOLVED"])
def test_a_dispute_at_paypal_leads_to_its_capture(news: str) -> None:
    """PayPal names the capture among the disputed transactions, and it is the capture that the event is about."""
    resource = {"dispute_id": "PP-D-1", "disputed_transactions": [{"seller_transaction_id": "CAPTURE1", "custom": "x"}]}
    body = json.dumps({"id": "WH-1", "event_type": f"CUSTOMER.DISPUTE.{news}", "resource": resource}).encode()
    event = read_event("paypal", body)
    assert event.references == ("PP-D-1", "CAPTURE1")
    assert event.claim == Claim(CAPTURE, TAKEN_BACK)


def test_a_reversal_at_paypal_leads_to_its_capture() -> None:
    """A reversal looks like a refund that nobody asked for; the capture that it takes back is what it is about."""
    links = [{"rel": "up", "href": "https://x/captures/CAPTURE1"}]
    body = paypal_body(event_type="PAYMENT.CAPTURE.REVERSED", id="REVERSAL1", links=links)
    event = read_event("paypal", body)
    assert event.references == ("REVERSAL1", "CAPTURE1")
    assert event.claim == Claim(CAPTURE, TAKEN_BACK)


def test_paypal_orders_name_what_was_made_of_them() -> None:
    """An order's event leads to its operation and to its authorizations and captures."""
    unit = {"custom_id": "ch_1:capture:1", "payments": {"captures": [{"id": "C1"}], "authorizations": [{"id": "A1"}]}}
    body = paypal_body(event_type="CHECKOUT.ORDER.COMPLETED", id="ORDER1", purchase_units=[unit, 7])
    event = read_event("paypal", body)
    assert event.operation_ids == ("ch_1:capture:1",)
    assert event.references == ("ORDER1", "C1", "A1")


@pytest.mark.parametrize(
    ("gateway", "body"),
    [
        (
            "stripe",
            stripe_event("payout.paid", {"id": "po_1", "object": "payout", "metadata": {"a": "ch_1:capture:1"}}),
        ),
        ("stripe", stripe_event("customer.created", {"id": "cus_1", "object": "customer"})),
        ("stripe", stripe_event("x", None)),
        ("paypal", paypal_body(event_type="BILLING.SUBSCRIPTION.CREATED")),
    ],
)
def test_what_concerns_no_payment_names_nothing(gateway: str, body: bytes) -> None:
    """Events about other things are recognised as such, and never look like a lost payment."""
    assert read_event(gateway, body).names == frozenset()


@pytest.mark.parametrize("change", ["automatically_updated", "updated", "detached"])
def test_stripe_names_the_payment_method_that_changed(change: str) -> None:
    """It is known by its token; nothing else of the event is taken, least of all the card that it shows."""
    thing = {"id": "pm_1", "object": "payment_method", "metadata": {"a": "ch_1:capture:1"}, "card": {"exp_year": 2099}}
    event = read_event("stripe", stripe_event(f"payment_method.{change}", thing))
    assert (event.tokens, event.names, event.claim) == (("pm_1",), frozenset(), None)
    assert event.concerns_us


@pytest.mark.parametrize("change", ["DELETED", "DELETION-INITIATED"])
def test_paypal_names_the_payment_method_that_is_gone(change: str) -> None:
    """A wallet is known by the vault's id, a card by ours, which says that it is one."""
    event = read_event("paypal", paypal_body(event_type=f"VAULT.PAYMENT-TOKEN.{change}", id="8kk8451t"))
    assert (event.tokens, event.names) == (("8kk8451t", "card/8kk8451t"), frozenset())


@pytest.mark.parametrize("event_type", ["payment_method.attached", "customer.updated"])
def test_other_news_of_stripes_customers_is_none_to_us(event_type: str) -> None:
    """Of what a customer does at Stripe only what becomes of a method that is kept can matter."""
    event = read_event("stripe", stripe_event(event_type, {"id": "pm_1", "object": "payment_method"}))
    assert not event.concerns_us


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
@pytest.mark.parametrize(
    "value", [None, 7, "x", [], [1], {}, {"id": 7}, {"id": "\x00"}, {"id": "a b"}, {"id": "x" * 999}]
)
def test_any_shape_can_be_read(gateway: str, value: Any) -> None:
    """A gateway that changes a field breaks nothing here, and no name goes to the database that it cannot hold."""
    thing = {
        "object": "charge",
        "id": value,
        "payment_intent": value,
        "metadata": value,
        "purchase_units": value,
        "supplementary_data": value,
        "links": value,
        "custom_id": value,
    }
    event = {"id": "e", "type": "t", "event_type": "PAYMENT.X", "data": value, "request": value, "resource": value}
    kept = {"type": "payment_method.updated", "event_type": "VAULT.PAYMENT-TOKEN.DELETED"}
    for body in (event, {**event, "data": {"object": thing}, "resource": thing}):
        assert read_event(gateway, json.dumps(body).encode()).names <= {"x"}
        assert set(read_event(gateway, json.dumps(body | kept).encode()).tokens) <= {"x", "card/x"}


def test_names_are_bounded() -> None:
    """An event with ten thousand names costs no more than one with fifty."""
    metadata = {str(number): f"ch_{number}:capture:1" for number in range(10_000)}
    assert len(read_event("stripe", stripe_body(metadata=metadata)).operation_ids) == MAX_NAMES


def test_what_stripe_says_of_its_objects() -> None:
    """What an event claims is in the words of the books; what only reading can tell is no claim."""
    refund = {"object": "refund", "id": "re_1"}
    claims = {
        stripe_body(event_type="payment_intent.succeeded"): Claim(CAPTURE, "succeeded"),
        stripe_body(event_type="payment_intent.created"): Claim(
            frozenset({OperationKind.AUTHORIZE, OperationKind.CAPTURE}), CREATED
        ),
        stripe_event("refund.updated", {**refund, "status": "pending"}): Claim(REFUND, "pending"),
        stripe_event("refund.updated", {**refund, "status": "strange"}): None,
        stripe_event("charge.updated", {"object": "charge"}, previous={"balance_transaction": None}): Claim(
            CAPTURE, FEE_KNOWN
        ),
        stripe_event("charge.updated", {"object": "charge"}, previous={"balance_transaction": None, "x": 1}): None,
        stripe_event("charge.updated", {"object": "charge"}): None,
        stripe_event("charge.dispute.created", {"object": "dispute", "charge": "ch_1"}): Claim(CAPTURE, TAKEN_BACK),
    }
    for body, claim in claims.items():
        assert read_event("stripe", body).claim == claim
