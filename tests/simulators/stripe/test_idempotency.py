"""The idempotency layer: what is kept, for how long, and what is refused."""

import asyncio

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import CARD_ONLY, Caller

CREATE = {"amount": 2000, "currency": "usd", **CARD_ONLY}
KEY = "c1:capture:1"


async def test_repeat_gets_the_first_answer(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """The same request under the same key gets the same bytes and has one effect."""
    created = await caller.payment_intent(capture_method="automatic")
    path = f"/v1/payment_intents/{created['id']}/confirm"
    first = await caller.post(path, KEY, off_session=True)
    await caller.post("/v1/refunds", payment_intent=created["id"])
    again = await caller.post(path, KEY, off_session=True)
    assert again.raw == first.raw
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"] == first.headers["original-request"]
    assert again.headers["request-id"] != first.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    told = stripe_simulator.truth()
    assert [effect["kind"] for effect in told["effects"]] == ["capture", "fee", "refund"]
    confirmations = [request for request in told["requests"] if request["path"] == path]
    assert [(request["replayed"], request["effect"]) for request in confirmations] == [(False, True), (True, False)]


async def test_order_of_parameters_does_not_matter(caller: Caller) -> None:
    """The same parameters in another order are the same request."""
    first = await caller.post("/v1/payment_intents", KEY, amount=2000, currency="usd", **CARD_ONLY)
    again = await caller.post("/v1/payment_intents", KEY, currency="usd", **CARD_ONLY, amount=2000)
    assert again.body["id"] == first.body["id"]


async def test_other_parameters_under_the_key(caller: Caller) -> None:
    """Other parameters, or another endpoint, under a used key are refused and change nothing."""
    await caller.post("/v1/payment_intents", KEY, **CREATE)
    for refused in (
        await caller.post("/v1/payment_intents", KEY, **{**CREATE, "amount": 2001}),
        await caller.post("/v1/customers", KEY),
    ):
        assert (refused.status, refused.error["type"]) == (400, "idempotency_error")
        assert not {"code", "param"} & set(refused.error)
        assert f"other than '{KEY}'" in refused.error["message"]
    assert len((await caller.get("/v1/payment_intents")).body["data"]) == 1


async def test_decline_is_kept(caller: Caller) -> None:
    """A decline is given again under its key, even after the payment went through under another."""
    created = await caller.payment_intent("pm_card_visa_chargeDeclined", capture_method="automatic")
    path = f"/v1/payment_intents/{created['id']}/confirm"
    first = await caller.post(path, KEY)
    assert (await caller.post(path, "c1:capture:2", payment_method="pm_card_visa")).status == 200
    again = await caller.post(path, KEY)
    assert (again.status, again.raw) == (402, first.raw)


async def test_refusal_of_an_execution_is_kept(caller: Caller) -> None:
    """A state error came out of the execution, so it is given again after the state has changed."""
    created = await caller.payment_intent(capture_method="manual")
    capture = f"/v1/payment_intents/{created['id']}/capture"
    first = await caller.post(capture, KEY)
    await caller.post(f"/v1/payment_intents/{created['id']}/confirm")
    again = await caller.post(capture, KEY)
    assert (first.status, again.status, again.raw) == (400, 400, first.raw)


@pytest.mark.parametrize("wrong", [{"amount": 10}, {"amount": "ten"}, {"flavour": "mint"}])
async def test_wrong_parameters_are_not_kept(caller: Caller, wrong: dict[str, object]) -> None:
    """A key that was only used with wrong parameters is still free."""
    assert (await caller.post("/v1/payment_intents", KEY, **{**CREATE, **wrong})).status == 400
    assert (await caller.post("/v1/payment_intents", KEY, **CREATE)).status == 200


async def test_parameter_refused_late(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A parameter that turns out wrong during the execution undoes it whole, and leaves the key free."""
    refused = await caller.post("/v1/payment_intents", KEY, **CREATE, payment_method="pm_card_visa", expand=["flavour"])
    assert refused.status == 400
    assert (await caller.get("/v1/payment_intents")).body["data"] == []
    assert (await caller.get("/v1/events")).body["data"] == []
    created = await caller.post("/v1/payment_intents", KEY, **CREATE, payment_method="pm_card_visa")
    confirm = f"/v1/payment_intents/{created.body['id']}/confirm"
    assert (await caller.post(confirm, "c1:confirm", expand=["latest_charge.flavour"])).status == 400
    told = stripe_simulator.truth()
    assert (told["effects"], told["requests"][-1]["effect"]) == ([], False)
    assert (await caller.post(confirm, "c1:confirm")).body["status"] == "succeeded"


async def test_key_is_forgotten_after_a_day(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """After 24 hours of the simulator's clock the same key executes again."""
    first = await caller.post("/v1/payment_intents", KEY, **CREATE)
    stripe_simulator.advance_clock(24 * 3600 - 30)
    assert (await caller.post("/v1/payment_intents", KEY, **CREATE)).body["id"] == first.body["id"]
    stripe_simulator.advance_clock(30)
    again = await caller.post("/v1/payment_intents", KEY, **CREATE)
    assert again.body["id"] != first.body["id"]
    assert "idempotent-replayed" not in again.headers


async def test_key_in_use(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """While a request is under way, a second one with its key is a conflict and others go on."""
    stripe_simulator.add_fault(path="/v1/payment_intents", when="before", action="delay", delay_seconds=0.5)
    slow = asyncio.create_task(caller.post("/v1/payment_intents", KEY, **CREATE))
    await asyncio.sleep(0.2)
    conflict = await caller.post("/v1/payment_intents", KEY, **CREATE)
    other = await caller.post("/v1/payment_intents", "other", **CREATE)
    assert not slow.done()
    assert other.status == 200
    assert (conflict.status, conflict.error["code"]) == (409, "idempotency_key_in_use")
    assert KEY in conflict.error["message"]
    done = await slow
    assert done.status == 200
    assert (await caller.post("/v1/payment_intents", KEY, **CREATE)).body["id"] == done.body["id"]


async def test_confirmations_at_once(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Many confirmations of one PaymentIntent under different keys take the money once."""
    created = await caller.payment_intent(capture_method="automatic")
    path = f"/v1/payment_intents/{created['id']}/confirm"
    answers = await asyncio.gather(*(caller.post(path, f"key-{n}") for n in range(10)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 9
    assert [effect["kind"] for effect in stripe_simulator.truth()["effects"]] == ["capture", "fee"]


async def test_too_long_key(caller: Caller) -> None:
    """A key has at most 255 characters."""
    assert (await caller.post("/v1/payment_intents", "k" * 255, **CREATE)).status == 200
    assert (await caller.post("/v1/payment_intents", "k" * 256, **CREATE)).status == 400
