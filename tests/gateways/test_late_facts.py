"""The contract: what comes to light after an operation was decided is found by reading it, whatever was said before."""

from typing import Any

import pytest

from gateways.errors import GatewayError, Misconfigured, OutcomeUnknown
from gateways.paypal_objects import Order
from gateways.paypal_orders import SEEN_WITHIN_SECONDS, PayPalOrders
from gateways.paypal_session import PayPalSession
from gateways.port import Declined, OperationKind, OperationRequest, RefusalCode, Refused, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, REFUND, TIMEOUT_SECONDS, VOID, GatewayCase, money, refusal

pytestmark = pytest.mark.simulator

LATER_SECONDS = 120
HOUR = 3600
OPERATIONS = ["authorize", "pay", "capture", "void", "refund"]


async def prepared(case: GatewayCase, operation: str) -> OperationRequest:
    """A request that can be performed."""
    if operation == "pay":
        return await case.created(case.operation(CAPTURE))
    # A part, so that a second refund would go through too.
    return await case.prepared(OperationKind(operation), money("40.00") if operation == "refund" else None)


def succeeds_later(case: GatewayCase, request: OperationRequest, **told: Any) -> None:
    """Let the gateway do the operation only after it has said that it did not."""
    case.simulator.add_fault(
        method="POST", path=case.path_of(request), action="late_success", delay_seconds=LATER_SECONDS, **told
    )


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_success_after_a_no(case: GatewayCase, operation: str) -> None:
    """An operation that was declined or refused, and succeeded all the same, is read as succeeded: no decline hides it."""
    request = await prepared(case, operation)
    succeeds_later(case, request)
    assert isinstance(await case.call(request), Declined | Refused)
    assert not isinstance(await case.gateway.look_up(request), Succeeded)
    assert case.effects(request) == []
    case.simulator.advance_clock(LATER_SECONDS + 1)
    outcome = await case.gateway.look_up(request)
    assert isinstance(outcome, Succeeded)
    assert outcome.amount == request.amount
    assert len(case.effects(request)) == 1
    # Stripe repeats the decline that it has kept under the key; it is not believed a second time.
    assert await case.call(request) == outcome
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("told", [{"told": "status", "stored": False}, {"told": "drop"}])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_success_after_an_unknown_outcome(case: GatewayCase, operation: str, told: dict[str, Any]) -> None:
    """An operation that was given up as unknown, and takes effect long after, is found by reading it."""
    request = await prepared(case, operation)
    succeeds_later(case, request, **told)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    assert await case.gateway.look_up(request) is None
    case.simulator.advance_clock(LATER_SECONDS + 1)
    assert isinstance(await case.gateway.look_up(request), Succeeded)
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_asked_again_before_the_late_success(case: GatewayCase, operation: str) -> None:
    """An operation asked for again before it succeeds by itself has one effect: both are one under the key."""
    request = await prepared(case, operation)
    succeeds_later(case, request, told="drop")
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    case.simulator.advance_clock(LATER_SECONDS + 1)
    assert await case.gateway.look_up(request) == outcome
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
@pytest.mark.parametrize("operation", ["authorize", "pay"])
async def test_fenced_payment_cannot_succeed_late(case: GatewayCase, operation: str) -> None:
    """A payment that is said to have had no effect can have none later: the fence holds against the gateway itself."""
    request = await prepared(case, operation)
    succeeds_later(case, request, told="status", stored=True)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    assert refusal(await case.call(request)) == RefusalCode.NO_EFFECT
    case.simulator.advance_clock(LATER_SECONDS + 1)
    assert refusal(await case.gateway.look_up(request)) == RefusalCode.NO_EFFECT
    assert case.effects(request) == []


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
async def test_late_success_of_what_had_no_effect(case: GatewayCase, operation: str) -> None:
    """A later operation cannot be fenced off; if it takes effect after all, reading it says so."""
    request = await prepared(case, operation)
    succeeds_later(case, request, told="status", stored=True)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    assert refusal(await case.call(request)) == RefusalCode.NO_EFFECT
    case.simulator.advance_clock(LATER_SECONDS + 1)
    assert isinstance(await case.gateway.look_up(request), Succeeded)


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
@pytest.mark.parametrize("operation", ["pay", "capture"])
async def test_payment_that_fails_after_it_succeeded(case: GatewayCase, operation: str) -> None:
    """A capture whose money Stripe takes back is read as what it was, a success, by whoever asks, however often."""
    request = await prepared(case, operation)
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert request.payment_reference is not None
    case.simulator.reverse(request.payment_reference)
    assert await case.gateway.look_up(request) == outcome
    assert await case.call(request) == outcome


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_capture_that_was_reversed(case: GatewayCase) -> None:
    """A capture that PayPal takes back happened all the same, and the reversal is not taken for a refund of ours."""
    request, captured = await case.paid()
    assert request.payment_reference is not None
    case.simulator.reverse(request.payment_reference, 4000)
    assert await case.gateway.look_up(request) == captured
    refund = case.following(REFUND, request, captured)
    assert await case.gateway.look_up(refund) is None
    assert refusal(await case.gateway.refund(refund)) == RefusalCode.REFUND_TOO_LARGE


class TestOrderLeftUnpaid:
    """PayPal deletes an order that stays unpaid, and says 404 then, as it does to whoever never had the order."""

    pytestmark = pytest.mark.parametrize("case", ["paypal"], indirect=True)

    @pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
    @pytest.mark.parametrize("begun", [False, True])
    async def test_seen_before(self, case: GatewayCase, kind: OperationKind, *, begun: bool) -> None:
        """An order that this account had, unpaid, and that is gone, had no effect and never will: another may be tried."""
        request = await case.created(case.operation(kind, payment_method=case.traits.needs_action))
        if begun:
            await case.call(request)
        case.simulator.advance_clock(7 * HOUR)
        assert refusal(await case.gateway.look_up(request)) == RefusalCode.NO_EFFECT
        void = case.operation(VOID, payment_reference=request.payment_reference, payment_method=None)
        assert isinstance(await case.gateway.look_up(void), Succeeded)
        assert isinstance(await case.gateway.void(void), Succeeded)

    async def test_never_seen(self, case: GatewayCase) -> None:
        """A 404 proves nothing to an account that never saw the order: it may be another's, and paid."""
        request = await case.created(case.operation(AUTHORIZE))
        case.simulator.advance_clock(7 * HOUR)
        stranger = case.traits.make(case.simulator.url, TIMEOUT_SECONDS)
        with pytest.raises(Misconfigured):
            await stranger.look_up(request)
        await stranger.close()

    async def test_expired_in_paypals_own_words(self, case: GatewayCase) -> None:
        """An order that PayPal calls expired is this account's and unpaid, also for a worker that never saw it."""
        request = await case.created(case.operation(AUTHORIZE))
        case.simulator.advance_clock(7 * HOUR)
        restarted = case.traits.make(case.simulator.url, TIMEOUT_SECONDS)
        assert refusal(await restarted.authorize(request)) == RefusalCode.NO_EFFECT
        await restarted.close()
        case.simulator.configure(expired_orders="kept")
        assert refusal(await case.gateway.authorize(request)) == RefusalCode.NO_EFFECT

    async def test_paid(self, case: GatewayCase) -> None:
        """An order that was paid is no unpaid one, however long ago it was seen without a payment."""
        request, paid = await case.paid()
        case.simulator.advance_clock(7 * HOUR)
        assert await case.gateway.look_up(request) == paid


async def test_order_that_was_paid_and_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 404 is believed for an order last seen unpaid, a short while ago, and for no other."""
    now = 0.0

    async def get(*_: Any) -> Order:
        raise Misconfigured("paypal", "does not know this object")

    async def find(*_: Any) -> None:
        return None

    monkeypatch.setattr(PayPalSession, "get", get)
    monkeypatch.setattr(PayPalSession, "find", find)
    orders = PayPalOrders(PayPalSession("id", "secret", "http://127.0.0.1:9", 1), clock=lambda: now)
    unpaid = Order(id="O1", status="CREATED")
    orders.note(unpaid)
    assert (await orders.read("O1")).status == "GONE"
    with pytest.raises(GatewayError):
        await orders.read("O1", was_paid=True)
    now = SEEN_WITHIN_SECONDS
    with pytest.raises(GatewayError):
        await orders.read("O1")
    orders.note(unpaid)
    orders.note(Order(id="O1", status="COMPLETED"))
    with pytest.raises(GatewayError):
        await orders.read("O1")
