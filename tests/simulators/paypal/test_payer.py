"""The payer's part: an order that needs them, the page on which they approve or cancel, and what follows."""

from typing import Any

import httpx
import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Caller, dollars, wallet
from tests.simulators.paypal.test_authorizations import kinds

CONTEXT = {"return_url": "http://127.0.0.1:9/back?charge=c1", "cancel_url": "http://127.0.0.1:9/away"}
SOURCE: dict[str, Any] = {"paypal": {"vault_id": "wallet_payer_action", "experience_context": CONTEXT}}


async def waiting(caller: Caller, intent: str = "AUTHORIZE") -> str:
    """Id of an order that waits for its payer."""
    order_id = await caller.order(intent)
    assert (await caller.pay(order_id, SOURCE, "c1:1", intent.lower())).status == 422
    return order_id


def payer_link(order: dict[str, Any]) -> str:
    """The address that the payer is sent to."""
    return next(str(link["href"]) for link in order["links"] if link["rel"] == "payer-action")


async def test_payment_that_needs_the_payer(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The payment is refused with a link, and the order says the same when it is read."""
    order_id = await caller.order("AUTHORIZE")
    refused = await caller.pay(order_id, SOURCE, "c1:1", "authorize")
    assert (refused.status, refused.issue) == (422, "PAYER_ACTION_REQUIRED")
    order = (await caller.get(f"/v2/checkout/orders/{order_id}")).body
    assert order["status"] == "PAYER_ACTION_REQUIRED"
    assert payer_link(refused.body) == payer_link(order) == f"{paypal_simulator.url}/checkoutnow?token={order_id}"
    assert kinds(paypal_simulator) == []


@pytest.mark.parametrize("intent", ["AUTHORIZE", "CAPTURE"])
async def test_approval_on_the_page(caller: Caller, paypal_simulator: SimulatorProcess, intent: str) -> None:
    """The payer completes the page and is sent back; then the same request, under the same id, succeeds."""
    order_id = await waiting(caller, intent)
    link = payer_link((await caller.get(f"/v2/checkout/orders/{order_id}")).body)
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(link, follow_redirects=True)
        assert page.headers["content-type"].startswith("text/html")
        assert "100.00 USD" in page.text
        sent = await browser.post(str(page.url), data={"result": "succeed"})
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"http://127.0.0.1:9/back?charge=c1&token={order_id}&PayerID=")
    assert (await caller.get(f"/v2/checkout/orders/{order_id}")).body["status"] == "APPROVED"
    paid = await caller.pay(order_id, SOURCE, "c1:1", intent.lower())
    assert (paid.status, paid.body["status"]) == (201, "COMPLETED")
    assert kinds(paypal_simulator)[0] == ("authorize" if intent == "AUTHORIZE" else "capture", 10000)


async def test_approved_order_needs_no_source(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """An approved order is paid with what its payer approved, without naming it again."""
    order_id = await waiting(caller)
    paypal_simulator.complete_authentication(order_id)
    assert (await caller.post(f"/v2/checkout/orders/{order_id}/authorize")).status == 201


async def test_order_without_a_source_is_approved(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The payer of an order that names no payment method approves it with their own."""
    order_id = await caller.order("CAPTURE")
    paypal_simulator.complete_authentication(order_id)
    paid = await caller.post(f"/v2/checkout/orders/{order_id}/capture")
    assert (paid.status, paid.body["status"]) == (201, "COMPLETED")


async def test_single_step_that_needs_the_payer(caller: Caller) -> None:
    """A single-step order whose payer has to act is made, and not paid."""
    for number, source in enumerate((SOURCE, {"paypal": {"experience_context": CONTEXT}})):
        unit = {"amount": dollars("10.00")}
        body = {"intent": "CAPTURE", "purchase_units": [unit], "payment_source": source}
        made = await caller.post("/v2/checkout/orders", body, f"c{number}")
        assert (made.status, made.body["status"]) == (201, "PAYER_ACTION_REQUIRED")
        assert payer_link(made.body)


@pytest.mark.parametrize(("setting", "status"), [("void", "VOIDED"), ("nothing", "PAYER_ACTION_REQUIRED")])
async def test_cancelled_by_the_payer(
    caller: Caller, paypal_simulator: SimulatorProcess, setting: str, status: str
) -> None:
    """A payer who cancels goes to the other address, and the order cannot be paid with that method."""
    paypal_simulator.configure(payer_cancels=setting)
    order_id = await waiting(caller)
    told = paypal_simulator.complete_authentication(order_id, "fail")
    assert told["return_url"] == f"http://127.0.0.1:9/away?token={order_id}"
    assert (await caller.get(f"/v2/checkout/orders/{order_id}")).body["status"] == status
    assert (await caller.pay(order_id, SOURCE, "c1:1", "authorize")).status == 422
    assert kinds(paypal_simulator) == []


async def test_another_method_than_was_approved(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """An approval is for the method that the payer saw; another one that needs them needs them again."""
    order_id = await caller.order("CAPTURE")
    paypal_simulator.complete_authentication(order_id)
    assert (await caller.pay(order_id, wallet("wallet_payer_action"))).issue == "PAYER_ACTION_REQUIRED"


async def test_nobody_waits(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """There is no page for an order that is paid, expired or unknown."""
    capture = await caller.captured()
    expired = await waiting(caller)
    paypal_simulator.advance_clock(6 * 3600 + 1)
    for order_id in (capture["links"][-1]["href"].rsplit("/", 1)[1], expired, "unknown"):
        page = await caller.client.get("/checkoutnow", params={"token": order_id}, follow_redirects=True)
        assert page.status_code == 404
        with pytest.raises(LocalError):
            paypal_simulator.complete_authentication(order_id)
