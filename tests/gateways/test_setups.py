"""The contract: a customer gives a payment method on the gateway's own page, and it pays without them afterwards."""

from typing import Any, Final

import pytest

from gateways.errors import GatewayError, GatewayUnreachable, OutcomeUnknown
from gateways.port import Declined, Succeeded
from gateways.setups import SetupDone, SetupFailed, SetupOpen, SetupRequest, SetupStarted
from tests.gateways.cases import CAPTURE, RETURN_URL, GatewayCase, money

pytestmark = pytest.mark.simulator

GOOD: Final = {"stripe": "pm_card_visa", "paypal": "wallet_ok"}
BAD: Final = {"stripe": "pm_card_chargeCustomerFail", "paypal": "wallet_instrument_declined"}
STARTS: Final = {"stripe": "/v1/checkout/sessions", "paypal": "/v3/vault/setup-tokens"}
DAY_SECONDS: Final = 24 * 3600


def request(**given: Any) -> SetupRequest:
    """One setup of one customer."""
    fields = {"setup_id": "lnk_1.1", "customer": "cus_ada", "currency": "USD", "return_url": RETURN_URL}
    return SetupRequest(**(fields | given))


def setups_of(case: GatewayCase) -> Any:
    """The adapter, which offers setups."""
    return case.gateway


async def started(case: GatewayCase, **given: Any) -> SetupStarted:
    """A setup whose page waits."""
    found = await setups_of(case).start_setup(request(**given))
    assert isinstance(found, SetupStarted), found
    assert found.url.startswith(case.simulator.url)
    return found


async def given(case: GatewayCase, token: str) -> SetupDone:
    """What the customer gave on the page."""
    setup = await started(case)
    assert case.simulator.complete_setup(setup.reference, token) == RETURN_URL
    done = await setups_of(case).finish_setup(setup.reference)
    assert isinstance(done, SetupDone), done
    return done


async def paid_with(case: GatewayCase, done: SetupDone) -> Any:
    """A payment without the customer, with what they gave."""
    asked = case.operation(
        CAPTURE,
        money("19.00"),
        payment_method=done.token,
        gateway_customer=done.gateway_customer,
        mandate=done.mandate,
        customer_present=False,
    )
    return await case.call(await case.created(asked))


async def test_what_was_given_pays_without_the_customer(case: GatewayCase) -> None:
    """A method that the customer gave on the page is charged later, without them."""
    done = await given(case, GOOD[case.name])
    outcome = await paid_with(case, done)
    assert isinstance(outcome, Succeeded), outcome
    assert outcome.amount == money("19.00")


async def test_a_declining_method_is_kept(case: GatewayCase) -> None:
    """What can be kept and cannot pay is given, and declines when it is charged."""
    assert isinstance(await paid_with(case, await given(case, BAD[case.name])), Declined)


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_card_that_was_given_is_described(case: GatewayCase) -> None:
    """Brand, expiry and fingerprint come with the card, so that it is known again under another token."""
    done = await given(case, "pm_card_visa")
    assert done.card is not None
    assert (done.card.brand, done.card.country, done.card.expires) == ("visa", "US", "2034-12")
    assert done.card.fingerprint
    assert done.gateway_customer is not None


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_card_declined_on_the_page_leaves_it_open(case: GatewayCase) -> None:
    """A card that the issuer refuses at once is not given; the customer is asked again on the same page."""
    setup = await started(case)
    assert case.simulator.complete_setup(setup.reference, "pm_card_visa_chargeDeclined") is None
    assert await setups_of(case).finish_setup(setup.reference) == SetupOpen()
    case.simulator.complete_setup(setup.reference, "pm_card_visa")
    assert isinstance(await setups_of(case).finish_setup(setup.reference), SetupDone)


async def test_repeated_start_is_one_setup(case: GatewayCase) -> None:
    """The same request, sent twice, leads to the same page: a double click makes no second one."""
    assert await started(case) == await started(case)
    assert (await started(case, setup_id="lnk_1.2")).reference != (await started(case)).reference


async def test_repeated_finish_is_one_method(case: GatewayCase) -> None:
    """Read twice, what was given is the same token."""
    setup = await started(case)
    case.simulator.complete_setup(setup.reference, GOOD[case.name])
    assert await setups_of(case).finish_setup(setup.reference) == await setups_of(case).finish_setup(setup.reference)


async def test_known_customer_is_kept(case: GatewayCase) -> None:
    """A second method of a customer that the gateway knows is kept with the same one."""
    first = await given(case, GOOD[case.name])
    setup = await started(case, setup_id="lnk_2.1", gateway_customer=first.gateway_customer)
    case.simulator.complete_setup(setup.reference, GOOD[case.name])
    second = await setups_of(case).finish_setup(setup.reference)
    assert isinstance(second, SetupDone)
    assert second.gateway_customer == first.gateway_customer
    assert second.token != first.token


async def test_nothing_given(case: GatewayCase) -> None:
    """A page that its customer left, or goes back from, stays open, and nothing is kept."""
    setup = await started(case)
    assert await setups_of(case).finish_setup(setup.reference) == SetupOpen()
    assert case.simulator.complete_setup(setup.reference) == RETURN_URL
    assert await setups_of(case).finish_setup(setup.reference) == SetupOpen()


async def test_abandoned_for_days(case: GatewayCase) -> None:
    """A page that was left for days is over, and says so."""
    setup = await started(case)
    case.simulator.advance_clock(4 * DAY_SECONDS)
    assert await setups_of(case).finish_setup(setup.reference) == SetupFailed(reason="expired")


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_unknown_customer_of_the_gateway(case: GatewayCase) -> None:
    """A customer whom the gateway does not know any more can be given no page, and that is said, not raised."""
    found = await setups_of(case).start_setup(request(gateway_customer="cus_gone"))
    assert found == SetupFailed(reason="resource_missing")


async def test_answer_lost_on_the_way(case: GatewayCase) -> None:
    """Where the answer is lost, the same request finds the setup that was made."""
    case.simulator.add_fault(method="POST", path=STARTS[case.name], action="drop", when="after")
    with pytest.raises(OutcomeUnknown):
        await setups_of(case).start_setup(request())
    assert await started(case) == await started(case)


async def test_gateway_out_of_reach(case: GatewayCase) -> None:
    """Where the gateway cannot be reached, nothing was done, and it says so."""
    away = case.traits.make("http://127.0.0.1:9", 2.0)
    with pytest.raises(GatewayUnreachable):
        await away.start_setup(request())  # type: ignore[attr-defined]
    await away.close()


async def test_server_error(case: GatewayCase) -> None:
    """A server error is told as a GatewayError, never as a setup."""
    case.simulator.add_fault(method="POST", path=STARTS[case.name], action="status", status=500)
    with pytest.raises(GatewayError):
        await setups_of(case).start_setup(request())


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_error_kept_under_the_key(case: GatewayCase) -> None:
    """An error that Stripe keeps under the key ends this setup, so that another one is started under its own."""
    case.simulator.add_fault(method="POST", path=STARTS["stripe"], action="status", status=500, when="after")
    with pytest.raises(OutcomeUnknown):
        await setups_of(case).start_setup(request())
    assert isinstance(await setups_of(case).start_setup(request()), SetupFailed)
    await started(case, setup_id="lnk_1.2")
