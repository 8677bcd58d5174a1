"""The authentication step: when it is asked for, the page, and what follows."""

import httpx
import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller

RETURN_URL = "https://shop.example/back?order=7"


async def _waiting(caller: Caller, card: str = "pm_card_authenticationRequired", **form: str) -> dict[str, str]:
    created = await caller.payment_intent(card, capture_method="manual")
    path = f"/v1/payment_intents/{created['id']}"
    answer = await caller.post(f"{path}/confirm", "c1:authorize:1", return_url=RETURN_URL, **form)
    assert answer.body["status"] == "requires_action"
    assert answer.body["next_action"]["redirect_to_url"]["return_url"] == RETURN_URL
    return {"id": created["id"], "path": path, "page": answer.body["next_action"]["redirect_to_url"]["url"]}


async def test_customer_completes_the_step(caller: Caller, http: httpx.AsyncClient) -> None:
    """The page's button completes the step and leads back to the shop; the money is reserved by then."""
    waiting = await _waiting(caller)
    page = await http.get(waiting["page"])
    assert page.status_code == 200
    assert "$20.00" in page.text
    done = await http.post(waiting["page"], data={"result": "succeed"})
    assert done.status_code == 303
    assert done.headers["location"] == f"{RETURN_URL}&payment_intent={waiting['id']}&redirect_status=succeeded"
    authorized = (await caller.get(waiting["path"], expand=["latest_charge"])).body
    assert (authorized["status"], authorized["next_action"]) == ("requires_capture", None)
    assert authorized["latest_charge"]["payment_method_details"]["card"]["three_d_secure"]["result"] == "authenticated"
    assert (await http.get(waiting["page"])).status_code == 404


async def test_effect_belongs_to_the_confirmation(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """What the customer's step caused is logged under the key of the confirmation that asked for it."""
    waiting = await _waiting(caller)
    assert stripe_simulator.truth()["effects"] == []
    stripe_simulator.complete_authentication(waiting["id"])
    (effect,) = stripe_simulator.truth()["effects"]
    assert (effect["kind"], effect["idempotency_key"]) == ("authorize", "c1:authorize:1")


async def test_customer_fails_the_step(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A failed step takes nothing and leaves the PaymentIntent open."""
    waiting = await _waiting(caller)
    stripe_simulator.complete_authentication(waiting["id"], "fail")
    left = (await caller.get(waiting["path"])).body
    assert left["status"] == "requires_payment_method"
    assert left["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert stripe_simulator.truth()["effects"] == []
    with pytest.raises(LocalError, match="does not wait"):
        stripe_simulator.complete_authentication(waiting["id"])


async def test_decline_after_the_step(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """The issuer may still say no after the customer passed."""
    waiting = await _waiting(caller, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    stripe_simulator.complete_authentication(waiting["id"])
    left = (await caller.get(waiting["path"])).body
    assert left["status"] == "requires_payment_method"
    assert left["last_payment_error"]["decline_code"] == "insufficient_funds"


async def test_capture_while_waiting_is_refused(caller: Caller) -> None:
    """Nothing is captured before the customer acted."""
    waiting = await _waiting(caller)
    refused = await caller.post(f"{waiting['path']}/capture")
    assert refused.error["code"] == "payment_intent_unexpected_state"


async def test_cancel_while_waiting(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A payment that waits for its customer can be given up, and the step is gone."""
    waiting = await _waiting(caller)
    assert (await caller.post(f"{waiting['path']}/cancel")).body["status"] == "canceled"
    with pytest.raises(LocalError, match="does not wait"):
        stripe_simulator.complete_authentication(waiting["id"])


async def test_customer_is_away(caller: Caller) -> None:
    """Off session nobody can be asked: a decline that says so."""
    created = await caller.payment_intent("pm_card_authenticationRequired")
    answer = await caller.post(f"/v1/payment_intents/{created['id']}/confirm", off_session=True)
    assert answer.status == 402
    assert (answer.error["code"], answer.error["decline_code"]) == ("authentication_required",) * 2
    assert "charge" in answer.error


async def test_error_on_requires_action(caller: Caller) -> None:
    """Who wants no step gets a decline instead, without a charge."""
    created = await caller.payment_intent("pm_card_authenticationRequired")
    answer = await caller.post(f"/v1/payment_intents/{created['id']}/confirm", error_on_requires_action=True)
    assert answer.status == 402
    assert answer.error["code"] == "authentication_required"
    assert answer.error["decline_code"] == "authentication_not_handled"
    assert "charge" not in answer.error


async def test_without_return_url(caller: Caller) -> None:
    """Without a return_url the step is left to Stripe's own JavaScript."""
    created = await caller.payment_intent("pm_card_authenticationRequired")
    answer = await caller.post(f"/v1/payment_intents/{created['id']}/confirm")
    assert answer.body["next_action"]["type"] == "use_stripe_sdk"


async def test_card_that_was_set_up(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A card that was set up with a customer pays off session without a step; before that it cannot."""
    token = "pm_card_authenticationRequiredOnSetup"
    customer = (await caller.post("/v1/customers", name="Ann")).body["id"]
    first = await caller.payment_intent(token, customer=customer, setup_future_usage="off_session")
    asked = await caller.post(f"/v1/payment_intents/{first['id']}/confirm")
    assert asked.body["status"] == "requires_action"
    stripe_simulator.complete_authentication(first["id"])
    kept = (await caller.get(f"/v1/payment_intents/{first['id']}")).body["payment_method"]
    second = await caller.payment_intent(kept, customer=customer, capture_method="automatic")
    paid = await caller.post(f"/v1/payment_intents/{second['id']}/confirm", off_session=True)
    assert paid.body["status"] == "succeeded"


async def test_default_return_page(http: httpx.AsyncClient) -> None:
    """There is a page to come back to."""
    page = await http.get("/_control/returned")
    assert page.status_code == 200
    assert "close this window" in page.text
