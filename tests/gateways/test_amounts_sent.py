"""The contract: amounts that a gateway takes arrive as meant, and those that it cannot take are refused."""

import pytest

from gateways.port import RefusalCode, Refused, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, REFUND, GatewayCase, money, refusal

pytestmark = pytest.mark.simulator


async def test_currency_that_is_not_taken(case: GatewayCase) -> None:
    """A currency that the gateway cannot take is refused before anything is sent."""
    amount = money("10", case.traits.untaken_currency)
    refused = await case.gateway.create_payment(case.operation(AUTHORIZE, amount))
    assert isinstance(refused, Refused)
    assert refused.code == RefusalCode.AMOUNT_NOT_TAKEN
    assert case.traits.untaken_currency in refused.message
    assert case.simulator.truth()["requests"] == []


async def test_too_precise_amounts(case: GatewayCase) -> None:
    """An amount with more decimals than the gateway takes is refused, as a charge and as a part of one."""
    amount = case.traits.unwritable
    refused = await case.gateway.create_payment(case.operation(AUTHORIZE, amount))
    assert isinstance(refused, Refused)
    for kind in (CAPTURE, REFUND):
        request = case.operation(kind, amount, payment_reference="P", target_reference="T")
        assert refusal(await case.call(request)) == RefusalCode.AMOUNT_NOT_TAKEN


async def test_exponents(case: GatewayCase) -> None:
    """Amounts arrive as meant in currencies of zero, two and three decimals, at authorization, capture and refund."""
    for amount in case.traits.amounts:
        authorization, authorized = await case.authorized(amount)
        capture = case.following(CAPTURE, authorization, authorized)
        captured = await case.gateway.capture(capture)
        assert isinstance(captured, Succeeded)
        refund = case.following(REFUND, authorization, captured)
        refunded = await case.gateway.refund(refund)
        assert isinstance(refunded, Succeeded)
        assert authorized.amount == captured.amount == refunded.amount == amount
        told = [case.effects(request)[0] for request in (authorization, capture, refund)]
        assert {(effect["amount_minor"], effect["currency"]) for effect in told} == {
            (amount.amount_minor, amount.currency)
        }


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_charge_under_the_smallest(case: GatewayCase) -> None:
    """A charge under the smallest that Stripe documents is refused before it is sent, with what the least is."""
    refused = await case.gateway.create_payment(case.operation(AUTHORIZE, money("0.10")))
    assert isinstance(refused, Refused)
    assert "0.50 USD" in refused.message
