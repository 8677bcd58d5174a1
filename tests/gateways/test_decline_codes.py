"""The contract: a decline carries every code by who gave it, whether the issuer was asked, and what is known of the card."""

import pytest

from gateways.cards import CardFacts
from gateways.errors import OutcomeUnknown
from gateways.port import Declined, OperationKind, OperationRequest, Succeeded
from tests.gateways.cases import AUTHORIZE, CAPTURE, GatewayCase

pytestmark = pytest.mark.simulator

STRIPE = pytest.mark.parametrize("case", ["stripe"], indirect=True)
PAYPAL = pytest.mark.parametrize("case", ["paypal"], indirect=True)
ATTEMPTS = pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])


async def attempt(case: GatewayCase, method: str, kind: OperationKind = CAPTURE) -> OperationRequest:
    return await case.created(case.operation(kind, payment_method=method))


async def declined(case: GatewayCase, method: str, kind: OperationKind = CAPTURE) -> Declined:
    """The decline of a payment, which reads the same as it was answered."""
    request = await attempt(case, method, kind)
    outcome = await case.call(request)
    assert isinstance(outcome, Declined), outcome
    assert await case.gateway.look_up(request) == outcome
    return outcome


@STRIPE
@ATTEMPTS
async def test_stripe_tells_the_networks_codes_and_its_own(case: GatewayCase, kind: OperationKind) -> None:
    """Each code is told for itself: what a network forbids counts before what the gateway advises."""
    case.simulator.make_card(
        "pm_codes",
        brand="mastercard",
        country="DE",
        funding="debit",
        expires="2030-02",
        fingerprint="print1",
        answers=[{"answer": "generic_decline", "network_code": "43", "network_advice": "03"}],
    )
    outcome = await declined(case, "pm_codes", kind)
    assert (outcome.code, outcome.gateway_code, outcome.advice) == (
        "generic_decline",
        "card_declined",
        "try_again_later",
    )
    assert (outcome.network, outcome.network_code, outcome.network_advice) == ("mastercard", "43", "03")
    assert outcome.reached_issuer is True
    assert outcome.card == CardFacts(
        fingerprint="print1", brand="mastercard", country="DE", funding="debit", expires="2030-02"
    )


@STRIPE
async def test_a_code_that_is_both_is_told_once(case: GatewayCase) -> None:
    """`expired_card` is Stripe's code and its decline code."""
    assert (await declined(case, "pm_card_chargeDeclinedExpiredCard")).gateway_code is None


@STRIPE
async def test_what_stripe_stopped_itself_did_not_reach_the_issuer(case: GatewayCase) -> None:
    """A network counts what it was asked: an attempt that Stripe blocked uses nothing up."""
    outcome = await declined(case, "pm_card_chargeDeclinedFraudulent")
    assert (outcome.reached_issuer, outcome.network_code) == (False, None)


@STRIPE
async def test_a_decline_is_told_although_its_charge_cannot_be_read(case: GatewayCase) -> None:
    """The no is certain; whether the issuer was asked is then not known, and nothing else changes."""
    request = await attempt(case, "pm_card_chargeDeclinedFraudulent")
    case.simulator.add_fault(method="GET", path="/v1/payment_intents/*", when="before", action="status", status=503)
    outcome = await case.call(request)
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.reached_issuer) == ("fraudulent", None)


@STRIPE
async def test_a_token_that_nobody_knows_reaches_nobody(case: GatewayCase) -> None:
    """Nothing is known of a card, and no network was asked."""
    outcome = await declined_without_trace(case, "pm_unknown")
    assert (outcome.reached_issuer, outcome.network, outcome.card) == (False, None, None)


@PAYPAL
@ATTEMPTS
async def test_paypal_tells_the_processors_code_and_the_networks_advice(case: GatewayCase, kind: OperationKind) -> None:
    """PayPal's response code is its own and no network's; the advice is the network's, and so is told as both."""
    case.simulator.make_card(
        "codes",
        brand="mastercard",
        country="DE",
        funding="debit",
        expires="2030-02",
        answers=[{"answer": "5180", "advice": "21"}],
    )
    outcome = await declined(case, "card/codes", kind)
    assert (outcome.code, outcome.advice, outcome.network_advice) == ("5180", "21", "21")
    assert (outcome.network, outcome.network_code, outcome.gateway_code) == ("mastercard", None, None)
    assert outcome.reached_issuer is True
    assert outcome.card == CardFacts(brand="mastercard", country="DE", funding="debit", expires="2030-02")


@PAYPAL
@ATTEMPTS
async def test_the_processors_answer_is_not_lost_with_paypals(case: GatewayCase, kind: OperationKind) -> None:
    """An authorization that is read by itself does not say why it was denied; its order does."""
    request = await attempt(case, "card/card_5180", kind)
    case.simulator.add_fault(path=case.path_of(request), when="after", action="drop", times=1)
    with pytest.raises(OutcomeUnknown):
        await case.call(request)
    outcome = await case.settled(request)
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.advice, outcome.reached_issuer) == ("5180", "21", True)


@PAYPAL
async def test_a_wallet_tells_of_no_card(case: GatewayCase) -> None:
    """PayPal does not say what a wallet is filled from, nor whether anybody was asked."""
    outcome = await declined_without_trace(case, "wallet_instrument_declined")
    assert (outcome.reached_issuer, outcome.network, outcome.network_code, outcome.card) == (None, None, None, None)


@ATTEMPTS
async def test_the_card_that_paid_is_told(case: GatewayCase, kind: OperationKind) -> None:
    """Who bills next month knows from the payment when the card expires."""
    request = await attempt(case, case.traits.card, kind)
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    assert outcome.card is not None
    assert (outcome.card.brand, outcome.card.funding, outcome.card.country) == ("visa", "credit", "US")
    assert outcome.card.expires == {"stripe": "2034-12", "paypal": "2030-12"}[case.name]
    assert await case.gateway.look_up(request) == outcome


async def declined_without_trace(case: GatewayCase, method: str) -> Declined:
    """A decline that the payment itself does not remember."""
    outcome = await case.call(await attempt(case, method))
    assert isinstance(outcome, Declined), outcome
    return outcome
