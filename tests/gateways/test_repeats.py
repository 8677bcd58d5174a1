"""The contract: an operation that is asked for again gives the same outcome and has no second effect."""

from typing import Any

import pytest

from gateways.paypal_session import PayPalSession
from gateways.port import ActionRequired, Declined, OperationKind, Outcome, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, REFUND, GatewayCase, money

pytestmark = pytest.mark.simulator

DAY = 24 * 3600


@pytest.mark.parametrize("operation", ["authorize", "pay", "capture", "void", "refund"])
async def test_same_operation_twice(case: GatewayCase, operation: str) -> None:
    """The same request sent twice gives the same outcome and one effect, under one key and known by the operation's id."""
    request = await (
        case.created(case.operation(CAPTURE)) if operation == "pay" else case.prepared(OperationKind(operation))
    )
    first = await case.call(request)
    assert isinstance(first, Succeeded)
    assert await case.call(request) == first
    assert await case.gateway.look_up(request) == first
    (effect,) = case.effects(request)
    assert effect["idempotency_key"] == request.operation_id
    if operation != "void":  # neither gateway has a place for an id in a void
        assert effect["operation_id"] == request.operation_id


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_same_decline_twice(case: GatewayCase, kind: OperationKind) -> None:
    """A decline asked for again is the same decline."""
    request = await case.created(case.operation(kind, payment_method=next(iter(case.traits.declines))))
    first = await case.call(request)
    again = await case.call(request)
    assert isinstance(first, Declined)
    assert isinstance(again, Declined)
    assert (again.code, again.reference) == (first.code, first.reference)
    assert case.simulator.truth()["effects"] == []


async def test_refunds_of_the_same_amount(case: GatewayCase) -> None:
    """Two refunds of the same amount are two refunds: only the operation id makes them the same."""
    payment, captured = await case.paid()
    requests = [case.following(REFUND, payment, captured, money("20.00")) for _ in range(2)]
    outcomes = [await case.gateway.refund(request) for request in requests]
    assert [await case.gateway.look_up(request) for request in requests] == outcomes
    assert len({_reference(outcome) for outcome in outcomes}) == 2


@pytest.mark.parametrize("operation", ["authorize", "pay", "void", "refund"])
async def test_key_that_the_gateway_has_forgotten(case: GatewayCase, operation: str) -> None:
    """An operation asked for again after its key's life is answered with what it did, and does nothing again."""
    _keep_no_keys(case)
    request = await (
        case.created(case.operation(CAPTURE)) if operation == "pay" else case.prepared(OperationKind(operation))
    )
    first = await case.call(request)
    assert isinstance(first, Succeeded)
    case.simulator.advance_clock(DAY + 1)
    again = await case.call(request)
    assert isinstance(again, Succeeded)
    assert (again.reference, again.amount) == (first.reference, first.amount)
    assert len(case.effects(request)) == 1


async def test_capture_whose_key_the_gateway_has_forgotten(case: GatewayCase) -> None:
    """A capture in part, asked for again after its key's life, is found by the id that it left, not made again."""
    _keep_no_keys(case)
    request = await case.prepared(CAPTURE, money("40.00"))
    first = await case.gateway.capture(request)
    assert isinstance(first, Succeeded)
    case.simulator.advance_clock(DAY + 1)
    again = await case.gateway.capture(request)
    assert isinstance(again, Succeeded)
    assert (again.reference, again.amount) == (first.reference, first.amount)
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_approved_order_with_a_kept_answer(case: GatewayCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PayPal keeps the first answer under the key, an order that its payer approved is performed all the same."""
    kept: dict[str, Any] = {}
    post = PayPalSession.post

    async def post_keeping_answers(session: PayPalSession, path: str, *given: Any, **named: Any) -> Any:
        if named["request_id"] not in kept:
            kept[named["request_id"]] = await post(session, path, *given, **named)
        return kept[named["request_id"]]

    monkeypatch.setattr(PayPalSession, "post", post_keeping_answers)
    request = await case.created(case.operation(AUTHORIZE, payment_method=case.traits.needs_action))
    assert isinstance(await case.call(request), ActionRequired)
    assert isinstance(await case.call(request), ActionRequired)
    assert request.payment_reference is not None
    case.simulator.complete_authentication(request.payment_reference)
    assert await case.gateway.look_up(request) is None
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert await case.call(request) == outcome
    (effect,) = case.effects(request)
    assert effect["idempotency_key"] == f"{request.operation_id}:approved"


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_repeat_that_is_refused_though_the_first_took_effect(case: GatewayCase) -> None:
    """A refused repeat is not believed: PayPal's sandbox was seen to refuse the repeat of what had succeeded."""
    _keep_no_keys(case)
    request = await case.prepared(AUTHORIZE)
    first = await case.call(request)
    declined_now = request.model_copy(update={"payment_method": "wallet_refused"})
    assert await case.call(declined_now) == first
    assert len(case.effects(request)) == 1


def _keep_no_keys(case: GatewayCase) -> None:
    """Let PayPal keep its keys for less than the 45 days in which an authorization would lapse; Stripe's live a day."""
    if case.name == "paypal":
        case.simulator.configure(order_request_id_seconds=0, payment_request_id_seconds=0)


def _reference(outcome: Outcome) -> str:
    assert isinstance(outcome, Succeeded)
    return outcome.reference
