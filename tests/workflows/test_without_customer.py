"""A charge that the merchant initiates: it ends with the codes that recovery is decided by, and waits for nobody."""

import pytest

from ledger.charges import ChargeStatus
from ledger.payment_methods import PaymentMethod
from tests.workflows.conftest import Processes

NEEDS_CUSTOMER = {"stripe": "pm_card_threeDSecure2Required", "paypal": "wallet_payer_action"}
CODES = {"stripe": "authentication_required", "paypal": "PAYER_ACTION_REQUIRED"}


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
async def test_what_needs_the_customer_ends_at_once(processes: Processes, gateway: str) -> None:
    """A renewal that the customer would have to approve is declined, not open for days; nobody was asked twice."""
    view = await processes.charge(processes.request(gateway, NEEDS_CUSTOMER[gateway], customer_present=False))
    assert (view.status, view.decline_code, view.action_url) == (ChargeStatus.DECLINED, CODES[gateway], None)
    (attempt,) = await processes.operations(view.charge_id)
    assert (attempt.outcome, attempt.decline_code, attempt.customer_present) == ("declined", CODES[gateway], False)
    assert processes.effects(gateway, "capture") == []


async def test_the_answer_is_kept_with_the_charge_and_with_its_operation(processes: Processes) -> None:
    """Whoever decides when to try again reads each code, and by whom it was given, where the charge ended."""
    request = processes.request("stripe", "pm_card_chargeDeclinedInsufficientFunds", customer_present=False)
    view = await processes.charge(request)
    assert (view.status, view.decline_code) == (ChargeStatus.DECLINED, "insufficient_funds")
    assert view.answer is not None
    assert (view.answer.network, view.answer.network_code, view.answer.gateway_code) == ("visa", "51", "card_declined")
    assert (view.answer.advice, view.answer.reached_issuer) == ("try_again_later", True)
    (attempt,) = await processes.operations(view.charge_id)
    assert attempt.answer == view.answer


async def test_a_saved_method_is_charged_with_its_references(processes: Processes) -> None:
    """The gateway's own customer and the mandate reach it through every layer, and the card that paid is known."""
    processes.simulators["stripe"].make_card("pm_kept", customer="cus_kept", mandate="mandate_1", expires="2031-05")
    method = PaymentMethod(gateway="stripe", token="pm_kept", gateway_customer="cus_kept", mandate="mandate_1")
    view = await processes.charge(processes.request("stripe", payment_methods=(method,), customer_present=False))
    assert view.status is ChargeStatus.CAPTURED
    assert view.answer is not None
    assert view.answer.card is not None
    assert view.answer.card.expires == "2031-05"
    (attempt,) = await processes.operations(view.charge_id)
    assert (attempt.gateway_customer, attempt.mandate) == ("cus_kept", "mandate_1")
