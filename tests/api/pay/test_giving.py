"""A customer gives another payment method by a link, on the page of a gateway, and it pays."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing import try_books
from billing.dunning.decision import Purpose
from gateways.port import OperationKind, OperationRequest, Succeeded
from ledger.charges import ChargeRequest
from local.simulators import SimulatorProcess
from tests.api.pay.visitor import Browser, Debt, House, forms
from tests.gateways.cases import CASES

pytestmark = pytest.mark.simulator

GOOD = {"stripe": "pm_card_visa", "paypal": "wallet_ok"}
STARTS = {"stripe": "/v1/checkout/sessions", "paypal": "/v3/vault/setup-tokens"}
GATEWAYS = list(GOOD)


@pytest.fixture
def simulators(stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess) -> dict[str, SimulatorProcess]:
    """Both, by name."""
    return {"stripe": stripe_simulator, "paypal": paypal_simulator}


async def collected(house: House, debt: Debt, method_id: str, simulator: SimulatorProcess) -> Any:
    """What the process does then: it tries the new method at once, without the customer."""
    now = datetime.now(UTC)
    asked = await house.step(
        lambda books: try_books.begin_try(
            books,
            debt.invoice_id,
            method_id=method_id,
            purpose=Purpose.NEW_METHOD,
            now=now,
        )
    )
    assert isinstance(asked, ChargeRequest), asked
    [method] = asked.payment_methods
    request = OperationRequest(
        operation_id=f"{asked.charge_id}:capture:1",
        charge_id=asked.charge_id,
        kind=OperationKind.CAPTURE,
        gateway=method.gateway,
        amount=asked.amount,
        customer=asked.customer,
        payment_method=method.token,
        gateway_customer=method.gateway_customer,
        mandate=method.mandate,
        customer_present=asked.customer_present,
    )
    gateway = CASES[method.gateway].make(simulator.url, 5.0)
    reference = await gateway.create_payment(request)
    outcome = await gateway.capture(request.model_copy(update={"payment_reference": reference}))
    await gateway.close()
    return outcome


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_given_method_pays(
    house: House, browser: Browser, simulators: dict[str, SimulatorProcess], gateway: str
) -> None:
    """From the link to the gateway's page and back: the method is kept first in order, wakes the process, and pays."""
    debt = await house.debt()
    old = await house.method(debt)
    await browser.open(debt.address)
    house.wakes(debt)
    page = await browser.begins(debt, gateway)
    assert page.startswith(simulators[gateway].url)
    assert house.link(debt)["used_at"] is None
    back = await browser.gives(page, GOOD[gateway])
    assert (back.status_code, back.headers["location"]) == (303, debt.address)
    given, before = await house.methods(debt)
    assert (given.gateway, given.added_by, before.method_id) == (gateway, "customer", old)
    assert given.gateway_customer
    if gateway == "stripe":
        assert (given.brand, given.country, str(given.expires_on)) == ("visa", "US", "2034-12-31")
    assert house.wakes(debt) >= 1
    link = house.link(debt)
    assert (link["used_for"], link["method_id"]) == ("method", given.method_id)
    assert "Your payment is being made" in (await browser.open(debt.address)).text
    outcome = await collected(house, debt, given.method_id, simulators[gateway])
    assert isinstance(outcome, Succeeded), outcome


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_abandoned_setup_leaves_the_link(house: House, browser: Browser, gateway: str) -> None:
    """Whoever goes back without giving anything may do it again by the same link, on the same page."""
    debt = await house.debt()
    page = await browser.begins(debt, gateway)
    back = await browser.open(f"{debt.address}/back")
    assert back.status_code == 200
    assert "No payment method was given" in back.text
    assert "method" in forms(back.text)
    assert await browser.begins(debt, gateway) == page
    assert (await browser.gives(page, GOOD[gateway])).status_code == 303
    assert len(await house.methods(debt)) == 1


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_setup_left_for_days(
    house: House, browser: Browser, simulators: dict[str, SimulatorProcess], gateway: str
) -> None:
    """A gateway's page that has lapsed is followed by a new one, under a key of its own."""
    debt = await house.debt()
    page = await browser.begins(debt, gateway)
    simulators[gateway].advance_clock(4 * 24 * 3600)
    fresh = await browser.begins(debt, gateway)
    assert fresh != page
    assert (await browser.gives(fresh, GOOD[gateway])).status_code == 303
    rows = house.rows("SELECT number, failed_because FROM pay_setups WHERE link_id = %s ORDER BY 1", debt.link.link_id)
    assert rows == [{"number": 1, "failed_because": "expired"}, {"number": 2, "failed_because": None}]


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_double_click_begins_one_setup(
    house: House, browser: Browser, simulators: dict[str, SimulatorProcess], gateway: str
) -> None:
    """Many posts at once lead to one page, and one method comes of it, however often the customer comes back."""
    debt = await house.debt()
    answers = await asyncio.gather(
        *(browser.post(f"{debt.address}/method", gateway=gateway) for _ in range(6)), return_exceptions=False
    )
    pages = {answer.headers["location"] for answer in answers if answer.status_code == 303}
    assert len(pages) == 1
    # While one of them is being answered the gateway may refuse the others, which changes nothing.
    assert {answer.status_code for answer in answers} <= {303, 503}
    [page] = pages
    setup = page.rpartition("/")[2].rpartition("=")[2]
    simulators[gateway].complete_setup(setup, GOOD[gateway])
    backs = await asyncio.gather(*(browser.open(f"{debt.address}/back") for _ in range(4)))
    assert {back.status_code for back in backs} <= {303, 200, 503}
    assert (await browser.open(f"{debt.address}/back")).status_code == 200
    assert len(await house.methods(debt)) == 1
    assert house.link(debt)["used_for"] == "method"


async def test_paying_and_giving_at_once(house: House, browser: Browser, stripe_simulator: SimulatorProcess) -> None:
    """Of two acts by one link the first counts: what is given after a payment was begun is not kept, and that is told."""
    debt = await house.debt()
    method_id = await house.method(debt)
    page = await browser.begins(debt, "stripe")
    assert (await browser.post(f"{debt.address}/pay", method=method_id)).status_code == 303
    stripe_simulator.complete_setup(page.rpartition("/")[2], "pm_card_visa")
    back = await browser.open(f"{debt.address}/back")
    assert back.status_code == 410
    assert [method.method_id for method in await house.methods(debt)] == [method_id]


async def test_declined_on_the_page(house: House, browser: Browser, stripe_simulator: SimulatorProcess) -> None:
    """A card that the gateway's page refuses is none; another one on the same page is."""
    debt = await house.debt()
    page = await browser.begins(debt, "stripe")
    assert stripe_simulator.complete_setup(page.rpartition("/")[2], "pm_card_visa_chargeDeclined") is None
    assert "No payment method was given" in (await browser.open(f"{debt.address}/back")).text
    assert (await browser.gives(page, "pm_card_visa")).status_code == 303
    assert len(await house.methods(debt)) == 1


async def test_declined_method_is_offered_again(
    house: House, browser: Browser, new_browser: Callable[[], Browser]
) -> None:
    """Where the given method declines, the customer reads that and may give another by the link that follows."""
    debt = await house.debt()
    await browser.open(debt.address)
    await browser.gives(await browser.begins(debt, "paypal"), "wallet_instrument_declined")
    [given] = await house.methods(debt)
    house.tries(debt, given.method_id, 1, "declined")
    page = await browser.open(debt.address)
    assert "did not go through" in page.text
    following = (await browser.post(f"{debt.address}/again")).headers["location"]
    answer = await browser.post(f"{following}/method", gateway="paypal")
    await browser.gives(answer.headers["location"], "wallet_ok")
    assert len(await house.methods(debt)) == 2
    assert "used already" not in (await new_browser().open(following)).text


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("fault", [{"action": "status", "status": 500}, {"action": "drop", "when": "before"}])
async def test_gateway_away(
    house: House,
    browser: Browser,
    simulators: dict[str, SimulatorProcess],
    gateway: str,
    fault: dict[str, Any],
) -> None:
    """Where the gateway cannot answer, the customer reads so, the link stays good, and later it works."""
    debt = await house.debt()
    simulators[gateway].add_fault(method="POST", path=STARTS[gateway], **fault)
    answer = await browser.post(f"{debt.address}/method", gateway=gateway)
    assert answer.status_code == 503
    assert "your link stays good" in answer.text
    assert answer.headers["retry-after"] == "60"
    assert house.link(debt)["used_at"] is None
    assert (await browser.gives(await browser.begins(debt, gateway), GOOD[gateway])).status_code == 303


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_answer_of_the_start_is_lost(
    house: House, browser: Browser, simulators: dict[str, SimulatorProcess], gateway: str
) -> None:
    """A setup whose answer was lost is found again, and no second one is made."""
    debt = await house.debt()
    simulators[gateway].add_fault(method="POST", path=STARTS[gateway], action="drop", when="after")
    assert (await browser.post(f"{debt.address}/method", gateway=gateway)).status_code == 503
    await browser.begins(debt, gateway)
    assert len(house.rows("SELECT 1 FROM pay_setups WHERE link_id = %s", debt.link.link_id)) == 1


async def test_gateway_away_on_the_way_back(house: House, browser: Browser, stripe_simulator: SimulatorProcess) -> None:
    """What the customer gave is not lost where the gateway cannot be read at that moment: the next look keeps it."""
    debt = await house.debt()
    page = await browser.begins(debt, "stripe")
    stripe_simulator.add_fault(method="GET", path="/v1/checkout/sessions/*", action="status", status=500)
    assert (await browser.gives(page, "pm_card_visa")).status_code == 503
    assert await house.methods(debt) == []
    assert (await browser.open(f"{debt.address}/back")).status_code == 303
    assert len(await house.methods(debt)) == 1


async def test_given_at_the_last_minute(house: House, browser: Browser) -> None:
    """A page that was opened in the link's life may be filled in a little after it."""
    debt = await house.debt(life=timedelta(seconds=3))
    page = await browser.begins(debt, "stripe")
    await asyncio.sleep(3)
    assert (await browser.post(f"{debt.address}/method", gateway="stripe")).status_code == 410
    assert (await browser.gives(page, "pm_card_visa")).status_code == 303
    assert len(await house.methods(debt)) == 1


async def test_method_for_later(house: House, browser: Browser) -> None:
    """Where nobody collects the invoice, the method is kept, and the customer reads what happens with it."""
    debt = await house.debt(is_recovered=False)
    await browser.gives(await browser.begins(debt, "paypal"), "wallet_ok")
    page = await browser.open(debt.address)
    assert "Your payment method is kept" in page.text
    assert "refresh" not in page.text


async def test_unknown_gateway(house: House, browser: Browser) -> None:
    """A form that names a gateway that is none changes nothing."""
    debt = await house.debt()
    assert (await browser.post(f"{debt.address}/method", gateway="till")).status_code == 409
    assert (await browser.post(f"{debt.address}/method")).status_code == 409
    assert house.link(debt)["used_at"] is None
