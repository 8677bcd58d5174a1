"""The contract: a gateway shows the payment methods that it keeps, or says why it cannot; what it does not show is not gone."""

from typing import Any

import pytest

from gateways.cards import CardFacts
from gateways.errors import GatewayError, Misconfigured
from gateways.port import Gateway
from gateways.saved_methods import SavedMethods
from tests.gateways.cases import GatewayCase

pytestmark = pytest.mark.simulator
KEPT = {"stripe": "pm_own", "paypal": "own"}
"""A card as its gateway's simulator calls it."""
OURS = {"stripe": "pm_own", "paypal": "card/own"}
CUSTOMER = "cus_own"
PATHS = {"stripe": "/v1/payment_methods/*", "paypal": "/v3/vault/payment-tokens/*"}


def showing(gateway: Gateway) -> SavedMethods:
    """The adapter as what shows methods."""
    assert isinstance(gateway, SavedMethods)
    return gateway


def keep(case: GatewayCase, **card: Any) -> None:
    """Let the gateway keep a card for the customer, or change it."""
    more = {"customer": CUSTOMER} if case.name == "stripe" else {}
    case.simulator.make_card(KEPT[case.name], **more, **card)


async def read(case: GatewayCase, customer: str | None = CUSTOMER) -> CardFacts | None:
    """Read the card."""
    return await showing(case.gateway).read_method(OURS[case.name], customer)


async def test_a_card_is_told_as_it_is_now(case: GatewayCase) -> None:
    """Before and after its network has renewed it, in the same words at every gateway; None for what is not told."""
    keep(case, brand="mastercard", country="DE", funding="debit", expires="2027-03", fingerprint="old")
    before = await read(case)
    keep(case, brand="mastercard", country="DE", funding="debit", expires="2031-03", fingerprint="new")
    after = await read(case)
    assert before is not None
    assert (before.brand, before.expires) == ("mastercard", "2027-03")
    told = {"fingerprint": "new", "country": "DE", "funding": "debit"} if case.name == "stripe" else {}
    assert after == CardFacts(brand="mastercard", expires="2031-03", **told)


async def test_a_method_that_was_taken_away_is_gone(case: GatewayCase) -> None:
    """Whoever paid with it took it away at the gateway: there is nothing to be charged any more, at once and for good."""
    keep(case)
    case.simulator.remove_card(KEPT[case.name])
    assert await read(case) is None
    if case.name == "paypal":
        case.simulator.configure(deleted_tokens="empty")
        assert await read(case) is None


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_of_a_wallet_nothing_is_told_but_that_it_is_there(case: GatewayCase) -> None:
    """It has no card that could be renewed."""
    assert await showing(case.gateway).read_method("wallet_ok", None) == CardFacts()


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_what_stripe_keeps_for_another_customer_is_not_this_ones(case: GatewayCase) -> None:
    """It can be charged with its own customer only; one that was never kept with any is shown to whoever asks."""
    keep(case)
    assert await read(case, "cus_another") is None
    assert await read(case, None) is not None


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_what_stripe_never_had_is_no_method_that_is_gone(case: GatewayCase) -> None:
    """Stripe goes on showing what was detached: under another account's key, no customer loses a payment method."""
    with pytest.raises(Misconfigured, match="STRIPE_API_KEY"):
        await read(case)


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop"},
        {"action": "status", "status": 503},
        {"action": "rate_limit", "retry_after": 7},
        {"action": "html"},
        {"action": "truncate"},
    ],
    ids=lambda fault: str(fault["action"]),
)
async def test_what_cannot_be_read_is_an_error_and_never_gone(case: GatewayCase, fault: dict[str, Any]) -> None:
    """No customer loses a payment method because a gateway is away."""
    keep(case)
    case.simulator.add_fault(method="GET", path=PATHS[case.name], **fault)
    with pytest.raises(GatewayError) as raised:
        await read(case)
    if fault["action"] == "rate_limit":
        assert raised.value.retry_after_seconds == 7


async def test_wrong_credentials_say_so(case: GatewayCase) -> None:
    """A person has to change a setting, and meanwhile nothing is gone."""
    keep(case)
    gateway = case.traits.wrong_credentials(case.simulator.url)
    try:
        with pytest.raises(GatewayError):
            await showing(gateway).read_method(OURS[case.name], CUSTOMER)
    finally:
        await gateway.close()
