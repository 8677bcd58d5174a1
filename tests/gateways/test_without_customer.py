"""The contract: payments that the merchant initiates, one of a series, with nobody there to act."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateways.errors import OutcomeUnknown
from gateways.port import ActionRequired, Declined, OperationKind, OperationRequest, Outcome, Succeeded
from gateways.wire import Answer, Wire
from tests.gateways.cases import AUTHORIZE, CAPTURE, GatewayCase, refusal

pytestmark = pytest.mark.simulator

STRIPE = pytest.mark.parametrize("case", ["stripe"], indirect=True)
ATTEMPTS = pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])


async def absent(case: GatewayCase, kind: OperationKind = CAPTURE, **given: Any) -> OperationRequest:
    """An attempt whose customer is not there, with its payment created."""
    return await case.created(case.operation(kind, customer_present=False, **given))


def declined(outcome: Outcome | None) -> Declined:
    assert isinstance(outcome, Declined), outcome
    return outcome


@ATTEMPTS
async def test_it_is_paid(case: GatewayCase, kind: OperationKind) -> None:
    """A renewal is collected once, although nobody clicks anything."""
    request = await absent(case, kind, payment_method=case.traits.card)
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert await case.gateway.look_up(request) == outcome
    assert len(case.effects(request)) == 1


@ATTEMPTS
async def test_what_needs_the_customer_is_declined(case: GatewayCase, kind: OperationKind) -> None:
    """A wait for somebody who is not there would hold a renewal up until its deadline: it is a no, now and when read."""
    request = await absent(case, kind, payment_method=case.traits.needs_action)
    outcome = declined(await case.call(request))
    assert outcome.code == case.traits.absent_customer_code
    assert outcome.message
    assert await case.gateway.look_up(request) == outcome
    assert case.simulator.truth()["effects"] == []


async def test_a_decline_whose_answer_was_lost_is_read(case: GatewayCase) -> None:
    """The code that asks for the customer is what a retry is decided by, so it is not lost with the answer."""
    request = await absent(case, payment_method=case.traits.needs_action)
    case.simulator.add_fault(path=case.path_of(request), when="after", action="drop", times=1)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    assert declined(await case.settled(request)).code == case.traits.absent_customer_code


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_an_issuer_that_wants_authentication(case: GatewayCase) -> None:
    """A card in PayPal's vault is declined with the processor's code for it."""
    outcome = declined(await case.call(await absent(case, payment_method="card/card_5650")))
    assert (outcome.code, outcome.reached_issuer) == ("5650", True)


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_an_order_that_nobody_approved_is_not_waited_for(
    case: GatewayCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PayPal has two ways of asking for its payer, and links to a page either way; nobody is sent there."""
    request = await absent(case, payment_method="wallet_ok")
    exchange = Wire.exchange

    async def not_approved(wire: Wire, method: str, url: str, *more: Any) -> Answer:
        if not url.endswith("/capture"):
            return await exchange(wire, method, url, *more)
        issue = {"issue": "ORDER_NOT_APPROVED", "description": "Payer has not yet approved the order."}
        return Answer(status=422, headers=httpx.Headers(), body=json.dumps({"name": "X", "details": [issue]}).encode())

    monkeypatch.setattr(Wire, "exchange", not_approved)
    assert declined(await case.call(request)).code == "PAYER_ACTION_REQUIRED"


@STRIPE
async def test_a_payment_that_waits_all_the_same_is_fenced_off(case: GatewayCase) -> None:
    """Whoever finds the page later cannot pay what was given up: the payment is canceled before it is called declined."""
    case.simulator.configure(asks_without_customer=True)
    request = await absent(case, payment_method=case.traits.needs_action)
    outcome = declined(await case.call(request))
    assert outcome.code == "authentication_required"
    assert not isinstance(await case.gateway.look_up(request), ActionRequired | Succeeded)
    with pytest.raises(Exception, match="does not wait for an authentication"):
        case.simulator.complete_authentication(request.payment_reference or "")
    assert case.effects(request) == []


@STRIPE
async def test_a_payment_that_waits_all_the_same_is_fenced_off_after_a_lost_answer(case: GatewayCase) -> None:
    """The customer's page is no way round it either when the answer was lost: it is asked again, and fenced off then."""
    case.simulator.configure(asks_without_customer=True)
    request = await absent(case, payment_method=case.traits.needs_action)
    case.simulator.add_fault(path=case.path_of(request), when="after", action="drop", times=1)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    assert await case.gateway.look_up(request) is None
    assert declined(await case.settled(request)).code == "authentication_required"


@STRIPE
async def test_a_saved_method_is_charged_again_and_again(case: GatewayCase) -> None:
    """A token that Stripe keeps with its own customer is good for every period, named with that customer."""
    case.simulator.make_card("pm_saved", customer="cus_saved")
    for _ in range(2):
        request = await absent(case, payment_method="pm_saved", gateway_customer="cus_saved")
        assert isinstance(await case.call(request), Succeeded)


@STRIPE
async def test_a_saved_method_needs_its_customer(case: GatewayCase) -> None:
    """Without the customer, or with another, Stripe knows no such method: a decline that says so, not a defect of ours."""
    case.simulator.make_card("pm_saved", customer="cus_saved")
    case.simulator.make_card("pm_other", customer="cus_other")
    others: list[dict[str, Any]] = [{}, {"gateway_customer": "cus_other"}]
    for given in others:
        outcome = declined(await case.call(await absent(case, payment_method="pm_saved", **given)))
        assert (outcome.code, outcome.reached_issuer) == ("resource_missing", False)
    unknown = case.operation(CAPTURE, customer_present=False, gateway_customer="cus_nobody")
    created = await case.gateway.create_payment(unknown)
    assert not isinstance(created, str)
    assert refusal(created) == "resource_missing"


@STRIPE
@pytest.mark.parametrize(
    ("mandate", "status", "code"),
    [
        ("mandate_1", "active", None),
        ("mandate_1", "inactive", "payment_intent_mandate_invalid"),
        ("mandate_2", "active", "resource_missing"),
    ],
)
async def test_a_mandate_is_sent_and_must_stand(case: GatewayCase, mandate: str, status: str, code: str | None) -> None:
    """What the customer revoked, or never agreed to, takes no money, and is a decline that nobody repeats blindly."""
    case.simulator.make_card("pm_debit", customer="cus_1", mandate="mandate_1", mandate_status=status)
    request = await absent(case, payment_method="pm_debit", gateway_customer="cus_1", mandate=mandate)
    outcome = await case.call(request)
    assert (outcome.code if isinstance(outcome, Declined) else None) == code
    assert len(case.effects(request)) == (code is None)


async def test_a_card_without_funds_pays_once_they_are_there(case: GatewayCase) -> None:
    """What recovery is made of: the same method, by another operation, after the payday."""
    payday = datetime.fromtimestamp(case.simulator.now(), UTC) + timedelta(days=3)
    broke = {"stripe": "insufficient_funds", "paypal": "5120"}[case.name]
    kept: dict[str, Any] = {"customer": "cus_broke"} if case.name == "stripe" else {}
    case.simulator.make_card("pm_broke", answers=[{"answer": broke, "until": payday.isoformat()}], **kept)
    method = {"stripe": "pm_broke", "paypal": "card/pm_broke"}[case.name]
    given: dict[str, Any] = {"gateway_customer": "cus_broke"} if case.name == "stripe" else {}
    assert declined(await case.call(await absent(case, payment_method=method, **given))).code == broke
    case.simulator.advance_clock(3 * 86_400)
    assert isinstance(await case.call(await absent(case, payment_method=method, **given)), Succeeded)
