"""The contract: a server error that Stripe keeps under a key and repeats is settled by reading, and fenced off where needed.

PayPal keeps no errors, so that a repeat there tells the state as it is: `test_faults` holds that.
"""

import asyncio
from typing import Any

import pytest

from gateways.errors import OutcomeUnknown
from gateways.port import Declined, OperationKind, OperationRequest, RefusalCode, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, REFUND, VOID, GatewayCase, money, refusal

pytestmark = [pytest.mark.simulator, pytest.mark.parametrize("case", ["stripe"], indirect=True)]

KEPT: dict[str, Any] = {"method": "POST", "action": "status", "status": 500, "stored": True}
CANCEL = "/v1/payment_intents/*/cancel"


async def broken_off(case: GatewayCase, request: OperationRequest, when: str) -> None:
    """Send it, and let Stripe keep an error under its key, `before` or `after` the effect."""
    case.simulator.add_fault(path=case.path_of(request), when=when, **KEPT)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)


async def first(case: GatewayCase, kind: OperationKind, **given: Any) -> OperationRequest:
    """A first operation that can be performed: an authorization, or a payment in one step."""
    return await case.created(case.operation(kind, **given))


def keys(case: GatewayCase, path_end: str) -> list[str]:
    """Keys of the requests that went to addresses with this end, each once, in order."""
    requests = case.simulator.truth()["requests"]
    return list(dict.fromkeys(each["idempotency_key"] for each in requests if each["path"].endswith(path_end)))


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE, VOID, REFUND])
async def test_error_after_the_effect(case: GatewayCase, kind: OperationKind) -> None:
    """An operation that took effect before Stripe's error is told as it was, once the error is repeated, and stays one."""
    request = await case.prepared(kind)
    await broken_off(case, request, "after")
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert await case.gateway.look_up(request) == outcome
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_decline_that_was_lost_in_an_error(case: GatewayCase, kind: OperationKind) -> None:
    """A decline whose answer was an error is told as the decline that it was: the payment is not fenced off for nothing."""
    request = await first(case, kind, payment_method="pm_card_visa_chargeDeclinedLostCard")
    await broken_off(case, request, "after")
    outcome = await case.call(request)
    assert isinstance(outcome, Declined)
    assert outcome.code == "lost_card"
    assert keys(case, "/cancel") == []


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_first_operation_without_effect_is_fenced_off(case: GatewayCase, kind: OperationKind) -> None:
    """A payment that ended in an error without effect is known to have had none, for ever: another gateway may be tried."""
    request = await first(case, kind)
    await broken_off(case, request, "before")
    assert refusal(await case.call(request)) == RefusalCode.NO_EFFECT
    assert keys(case, "/cancel") == [f"{request.operation_id}:fence"]
    # However often it is asked and read, also by another worker that knows nothing of the fence.
    assert refusal(await case.gateway.look_up(request)) == RefusalCode.NO_EFFECT
    assert refusal(await case.call(request)) == RefusalCode.NO_EFFECT
    assert await confirmed_behind_our_back(case, request) == 400
    assert [effect["kind"] for effect in case.simulator.truth()["effects"]] == ["cancel"]


async def test_void_is_not_taken_for_a_fence(case: GatewayCase) -> None:
    """A payment that a person abandoned is voided, not without effect: it must not be tried anew elsewhere."""
    request = await first(case, AUTHORIZE, payment_method=case.traits.needs_action)
    await case.call(request)
    void = case.operation(VOID, payment_reference=request.payment_reference, payment_method=None)
    assert isinstance(await case.gateway.void(void), Succeeded)
    assert refusal(await case.gateway.look_up(request)) == RefusalCode.AUTHORIZATION_VOIDED


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_effect_that_overtakes_the_fence(case: GatewayCase, kind: OperationKind) -> None:
    """Where the payment succeeds after all before the fence stands, that is the outcome: the fence never hides money."""
    request = await first(case, kind)
    await broken_off(case, request, "before")
    case.simulator.add_fault(method="POST", path=CANCEL, action="delay", when="before", delay_seconds=0.4)
    fencing = asyncio.create_task(case.call(request))
    await asyncio.sleep(0.2)
    assert await confirmed_behind_our_back(case, request) == 200
    assert isinstance(await fencing, Succeeded)
    assert isinstance(await case.gateway.look_up(request), Succeeded)


async def test_fence_that_ends_in_an_error_itself(case: GatewayCase) -> None:
    """A fence that Stripe breaks off is put up again under the next key: to cancel twice is to cancel once."""
    request = await first(case, AUTHORIZE)
    await broken_off(case, request, "before")
    case.simulator.add_fault(path=CANCEL, when="before", **KEPT)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    assert refusal(await case.call(request)) == RefusalCode.NO_EFFECT
    assert keys(case, "/cancel") == [f"{request.operation_id}:fence", f"{request.operation_id}:fence:2"]


async def test_fence_that_cannot_be_put_up(case: GatewayCase) -> None:
    """Without a fence the outcome stays unknown, however often it is asked: nothing is assumed of a payment still open."""
    request = await first(case, AUTHORIZE)
    await broken_off(case, request, "before")
    case.simulator.add_fault(path=CANCEL, when="before", times=None, **KEPT)
    for _ in range(8):
        with pytest.raises(OutcomeUnknown):
            await case.call(request)
    case.simulator.clear_faults()
    assert await case.gateway.look_up(request) is None
    assert len(keys(case, "/cancel")) == 5
    assert case.simulator.truth()["effects"] == []


@pytest.mark.parametrize("kind", [CAPTURE, VOID, REFUND])
async def test_later_operation_without_effect(case: GatewayCase, kind: OperationKind) -> None:
    """A capture, a void or a refund that ended in an error without effect had none, and the next number does it, once."""
    request = await case.prepared(kind)
    await broken_off(case, request, "before")
    assert refusal(await case.call(request)) == RefusalCode.NO_EFFECT
    following = request.model_copy(update={"operation_id": f"{request.operation_id}0"})
    assert isinstance(await case.call(following), Succeeded)
    assert [effect["kind"] for effect in case.simulator.truth()["effects"]].count(kind) == 1
    if kind is CAPTURE:  # asked again, the first one sees by which operation the payment was captured
        assert refusal(await case.call(request)) == RefusalCode.ALREADY_CAPTURED
        assert await case.gateway.look_up(request) is None


async def test_refund_among_others(case: GatewayCase) -> None:
    """A refund without effect is not mistaken for another refund of the same payment and amount."""
    payment, captured = await case.paid()
    other, request = (case.following(REFUND, payment, captured, money("20.00")) for _ in range(2))
    assert isinstance(await case.gateway.refund(other), Succeeded)
    await broken_off(case, request, "before")
    assert refusal(await case.gateway.refund(request)) == RefusalCode.NO_EFFECT


@pytest.mark.parametrize("when", ["before", "after"])
async def test_creation_that_ended_in_an_error(case: GatewayCase, when: str) -> None:
    """A payment whose creation ended in an error is created under the next key; of two, only the one kept is ever paid."""
    request = case.operation(AUTHORIZE)
    case.simulator.add_fault(path=case.traits.create_path, when=when, **KEPT)
    with pytest.raises(OutcomeUnknown):
        await case.gateway.create_payment(request)
    created = await case.created(request)
    assert (await case.created(request)).payment_reference == created.payment_reference
    assert keys(case, case.traits.create_path) == [f"{request.operation_id}:create", f"{request.operation_id}:create:2"]
    assert isinstance(await case.call(created), Succeeded)
    assert len(case.simulator.truth()["effects"]) == 1


async def test_creation_that_always_ends_in_an_error(case: GatewayCase) -> None:
    """A gateway that breaks off every creation is left alone after a few keys."""
    request = case.operation(AUTHORIZE)
    for number in range(1, 10):
        key = f"{request.operation_id}:create" + (f":{number}" if number > 1 else "")
        case.simulator.add_fault(path=case.traits.create_path, operation=key, when="after", **KEPT)
    for _ in range(8):
        with pytest.raises(OutcomeUnknown):
            await case.gateway.create_payment(request)
    assert len(keys(case, case.traits.create_path)) == 5


async def confirmed_behind_our_back(case: GatewayCase, request: OperationRequest) -> int:
    """Confirm the payment under a key of Stripe's own, as if it finished by itself what it broke off; the HTTP status."""
    stripe_itself = request.model_copy(update={"operation_id": "stripe_itself"})
    known = len(case.simulator.truth()["requests"])
    await case.call(stripe_itself)
    sent = case.simulator.truth()["requests"][known:]
    return int(next(each["status"] for each in sent if each["path"].endswith("/confirm")))
