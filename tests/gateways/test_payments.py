"""The contract: authorizing, capturing and voiding, when nothing goes wrong on the way."""

from datetime import timedelta

import pytest

from gateways.port import ActionRequired, OperationKind, RefusalCode, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, VOID, GatewayCase, money, refusal

pytestmark = pytest.mark.simulator


async def test_authorization(case: GatewayCase) -> None:
    """An authorization tells its reference, its amount and when it lapses, and takes no money."""
    request, outcome = await case.authorized(money("49.99"))
    assert outcome.amount == money("49.99")
    assert outcome.capture_before is not None
    assert outcome.capture_before - outcome.occurred_at > timedelta(days=4)
    assert (outcome.fee, outcome.fee_pending) == (None, False)
    assert await case.gateway.look_up(request) == outcome
    assert [effect["kind"] for effect in case.simulator.truth()["effects"]] == ["authorize"]


async def test_create_moves_no_money(case: GatewayCase) -> None:
    """A payment that was only created shows no effect, so that its operation may be asked for."""
    request = await case.created(case.operation(AUTHORIZE))
    assert await case.gateway.look_up(request) is None
    assert case.simulator.truth()["effects"] == []


async def test_unaddressed_operation_has_no_effect(case: GatewayCase) -> None:
    """An operation whose payment was never created is read without asking the gateway: it can have no effect."""
    assert await case.gateway.look_up(case.operation(AUTHORIZE)) is None
    assert case.simulator.truth()["requests"] == []


async def test_payment_in_one_step(case: GatewayCase) -> None:
    """A capture without an authorization takes the money, and tells the gateway's own fee."""
    request, outcome = await case.paid(money("20.00"))
    effects = {effect["kind"]: effect for effect in case.simulator.truth()["effects"]}
    assert set(effects) == {"capture", "fee"}
    assert outcome.amount == money("20.00")
    assert outcome.fee is not None
    assert outcome.fee.amount_minor == effects["fee"]["amount_minor"] > 0
    assert outcome.fee.currency == effects["fee"]["currency"]
    assert await case.gateway.look_up(request) == outcome


@pytest.mark.parametrize("taken", ["100.00", "40.00"])
async def test_capture_of_an_authorization(case: GatewayCase, taken: str) -> None:
    """An authorization is captured in full or in part, once, with the fee in the same answer."""
    request = await case.prepared(CAPTURE, money(taken), held=money("100.00"))
    assert await case.gateway.look_up(request) is None
    outcome = await case.gateway.capture(request)
    assert isinstance(outcome, Succeeded)
    assert outcome.amount == money(taken)
    assert outcome.fee is not None
    assert await case.gateway.look_up(request) == outcome
    (effect,) = case.effects(request)
    assert effect["amount_minor"] == money(taken).amount_minor


async def test_second_capture(case: GatewayCase) -> None:
    """A second capture by another operation is refused as such, and takes nothing."""
    authorization, authorized = await case.authorized()
    first = case.following(CAPTURE, authorization, authorized, money("40.00"))
    second = case.following(CAPTURE, authorization, authorized, money("40.00"))
    assert isinstance(await case.gateway.capture(first), Succeeded)
    assert refusal(await case.gateway.capture(second)) == RefusalCode.ALREADY_CAPTURED
    assert await case.gateway.look_up(second) is None
    assert case.effects(second) == []


async def test_void(case: GatewayCase) -> None:
    """A void releases the authorization, which can then not be captured; the authorization stays a fact."""
    authorization, authorized = await case.authorized()
    void = case.following(VOID, authorization, authorized)
    assert await case.gateway.look_up(void) is None
    outcome = await case.gateway.void(void)
    assert isinstance(outcome, Succeeded)
    assert outcome.amount == authorization.amount
    assert await case.gateway.look_up(void) == outcome
    capture = case.following(CAPTURE, authorization, authorized)
    assert refusal(await case.gateway.capture(capture)) == RefusalCode.AUTHORIZATION_VOIDED
    assert await case.gateway.look_up(authorization) == authorized


async def test_void_of_what_is_captured(case: GatewayCase) -> None:
    """A captured payment cannot be voided: the refusal says that it is captured."""
    authorization, authorized = await case.authorized()
    assert isinstance(await case.gateway.capture(case.following(CAPTURE, authorization, authorized)), Succeeded)
    void = case.following(VOID, authorization, authorized)
    assert refusal(await case.gateway.void(void)) == RefusalCode.ALREADY_CAPTURED
    assert await case.gateway.look_up(void) is None


async def test_void_after_another_void(case: GatewayCase) -> None:
    """A void of what is released already succeeds: the money is free, whoever released it."""
    authorization, authorized = await case.authorized()
    assert isinstance(await case.gateway.void(case.following(VOID, authorization, authorized)), Succeeded)
    assert isinstance(await case.gateway.void(case.following(VOID, authorization, authorized)), Succeeded)
    assert [effect["kind"] for effect in case.simulator.truth()["effects"]].count("authorize") == 1


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_abandoned_payment(case: GatewayCase, kind: OperationKind) -> None:
    """A payment that waits for the customer is abandoned by a void without a target, and takes nothing."""
    request = await case.created(case.operation(kind, payment_method=case.traits.needs_action))
    assert isinstance(await case.call(request), ActionRequired)
    void = case.operation(VOID, payment_reference=request.payment_reference, payment_method=None)
    assert isinstance(await case.gateway.void(void), Succeeded)
    assert isinstance(await case.gateway.look_up(void), Succeeded)


async def test_abandoning_releases_an_authorization(case: GatewayCase) -> None:
    """A void without a target releases the authorization that an unknown outcome turned out to have made."""
    authorization, _ = await case.authorized()
    void = case.operation(VOID, payment_reference=authorization.payment_reference, payment_method=None)
    assert await case.gateway.look_up(void) is None
    assert isinstance(await case.gateway.void(void), Succeeded)
    assert "void" in {effect["kind"] for effect in case.simulator.truth()["effects"]}


async def test_abandoning_what_is_captured(case: GatewayCase) -> None:
    """A void without a target is refused where the money was taken after all."""
    payment, _ = await case.paid()
    void = case.operation(VOID, payment_reference=payment.payment_reference, payment_method=None)
    assert refusal(await case.gateway.void(void)) == RefusalCode.ALREADY_CAPTURED


async def test_expired_authorization(case: GatewayCase) -> None:
    """A capture after the authorization lapsed is refused under the same code at every gateway; so is a void."""
    authorization, authorized = await case.authorized()
    assert authorized.capture_before is not None
    case.simulator.advance_clock(authorized.capture_before.timestamp() - case.simulator.now() + 60)
    capture = case.following(CAPTURE, authorization, authorized)
    assert refusal(await case.gateway.capture(capture)) == RefusalCode.AUTHORIZATION_EXPIRED
    void = case.following(VOID, authorization, authorized)
    assert refusal(await case.gateway.void(void)) == RefusalCode.AUTHORIZATION_EXPIRED
    assert refusal(await case.gateway.look_up(void)) == RefusalCode.AUTHORIZATION_EXPIRED
    assert await case.gateway.look_up(capture) is None


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_capture_that_keeps_the_rest(case: GatewayCase) -> None:
    """Stripe releases the rest with a capture, so one that must not be final is refused before it is sent."""
    request = await case.prepared(CAPTURE, money("40.00"))
    assert refusal(await case.gateway.capture(request.model_copy(update={"final": False}))) == RefusalCode.NOT_FINAL
    assert case.effects(request) == []


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_captures_that_keep_the_rest(case: GatewayCase) -> None:
    """PayPal captures an authorization in several parts where they are not final, each found again by its own id."""
    authorization, authorized = await case.authorized()
    parts = [
        case.following(CAPTURE, authorization, authorized, money(part)).model_copy(update={"final": False})
        for part in ("30.00", "50.00")
    ]
    outcomes = [await case.gateway.capture(part) for part in parts]
    assert [await case.gateway.look_up(part) for part in parts] == outcomes
    assert len({outcome.reference for outcome in outcomes}) == 2
