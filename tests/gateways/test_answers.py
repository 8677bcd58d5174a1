"""The contract: declines, the customer's part, what is pending, and fees that come later."""

import pytest

from gateways.port import ActionRequired, Declined, OperationKind, Pending, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, CASES, GatewayCase

pytestmark = pytest.mark.simulator

DECLINES = [
    pytest.param(name, method, *told, id=f"{name}-{method}")
    for name, traits in CASES.items()
    for method, told in traits.declines.items()
]


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
@pytest.mark.parametrize(("case", "method", "code", "advice"), DECLINES, indirect=["case"])
async def test_decline(case: GatewayCase, kind: OperationKind, method: str, code: str, advice: str | None) -> None:
    """A decline is an answer with the gateway's most precise code and advice, and takes nothing."""
    request = await case.created(case.operation(kind, payment_method=method))
    outcome = await case.call(request)
    assert isinstance(outcome, Declined), outcome
    assert (outcome.code, outcome.advice) == (code, advice)
    assert outcome.message
    assert case.simulator.truth()["effects"] == []


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_declined_capture_of_an_authorization(case: GatewayCase) -> None:
    """A capture that PayPal answers with 201 and DECLINED is a decline, now and when it is read."""
    authorization, authorized = await case.authorized(method="card/card_authorize_ok_capture_declined")
    request = case.following(CAPTURE, authorization, authorized)
    outcome = await case.gateway.capture(request)
    assert isinstance(outcome, Declined)
    assert outcome.code == "5120"
    assert await case.gateway.look_up(request) == outcome


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_action_completed(case: GatewayCase, kind: OperationKind) -> None:
    """A payment that needs its customer says where they act; polled until they did, then asked again if it waits for us."""
    request = await case.created(case.operation(kind, payment_method=case.traits.needs_action))
    outcome = await case.call(request)
    assert isinstance(outcome, ActionRequired)
    assert outcome.action_url.startswith(case.simulator.url)
    assert await case.gateway.look_up(request) == outcome
    assert request.payment_reference is not None
    case.simulator.complete_authentication(request.payment_reference)
    seen = await case.gateway.look_up(request)
    outcome = seen if seen is not None else await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert await case.gateway.look_up(request) == outcome
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_authentication_that_is_asked_for(case: GatewayCase, kind: OperationKind) -> None:
    """A card that would be taken as it is needs its holder where an attempt asks for that, and is charged once they passed."""
    request = await case.created(case.operation(kind, payment_method=case.traits.card, authenticate=True))
    assert isinstance(await case.call(request), ActionRequired)
    assert case.effects(request) == []
    assert request.payment_reference is not None
    case.simulator.complete_authentication(request.payment_reference)
    seen = await case.gateway.look_up(request)
    outcome = seen if seen is not None else await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_action_failed(case: GatewayCase, kind: OperationKind) -> None:
    """A customer who fails to authenticate, or turns away, declines the payment."""
    request = await case.created(case.operation(kind, payment_method=case.traits.needs_action))
    assert isinstance(await case.call(request), ActionRequired)
    assert request.payment_reference is not None
    case.simulator.complete_authentication(request.payment_reference, "fail")
    outcome = await case.gateway.look_up(request)
    assert isinstance(outcome, Declined)
    assert outcome.code == case.traits.failed_action_code
    assert case.effects(request) == []


@pytest.mark.parametrize(
    ("case", "method", "reason", "seconds"),
    [
        ("paypal", "wallet_pending_review", "PENDING_REVIEW", 61),
        ("paypal", "wallet_echeck", "ECHECK", 6 * 24 * 3600),
    ],
    indirect=["case"],
)
async def test_pending_capture_completes(case: GatewayCase, method: str, reason: str, seconds: int) -> None:
    """A capture that is still in review is pending, not paid; reading it later tells the success and its fee."""
    request = await case.created(case.operation(CAPTURE, payment_method=method))
    outcome = await case.gateway.capture(request)
    assert isinstance(outcome, Pending)
    assert outcome.reason == reason
    assert await case.gateway.look_up(request) == outcome
    case.simulator.advance_clock(seconds)
    settled = await case.gateway.look_up(request)
    assert isinstance(settled, Succeeded)
    assert settled.reference == outcome.reference
    assert settled.fee is not None


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_pending_capture_is_denied(case: GatewayCase) -> None:
    """A capture that ends its review badly is declined when it is read."""
    request = await case.created(case.operation(CAPTURE, payment_method="wallet_pending_denied"))
    assert isinstance(await case.gateway.capture(request), Pending)
    case.simulator.advance_clock(61)
    assert isinstance(await case.gateway.look_up(request), Declined)


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_fee_that_comes_later(case: GatewayCase) -> None:
    """A capture whose fee Stripe does not know yet says so; reading it later tells the fee."""
    case.simulator.configure(balance_transaction_delay_seconds=30)
    request, outcome = await case.paid()
    assert (outcome.fee, outcome.fee_pending) == (None, True)
    case.simulator.advance_clock(31)
    settled = await case.gateway.look_up(request)
    assert isinstance(settled, Succeeded)
    assert settled.fee is not None
    assert not settled.fee_pending


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_fee_in_another_currency(case: GatewayCase) -> None:
    """The fee is told in the currency that the gateway settles in, never converted by us."""
    case.simulator.configure(settlement="eur")
    _, outcome = await case.paid()
    assert outcome.amount.currency == "USD"
    assert outcome.fee is not None
    assert outcome.fee.currency == "EUR"
