"""The contract: what each operation raises when something goes wrong on the way, and that reading settles it.

Whatever happened, the operation has one effect in the end, under one key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateways import adapters
from gateways.errors import GatewayError, KeyInUse, Misconfigured, NotExecuted, OutcomeUnknown, RateLimited
from gateways.port import ActionRequired, Gateway, OperationKind, Refused, Succeeded
from settings import Settings
from tests.gateways.cases import AUTHORIZE, CAPTURE, CASES, REFUND, TIMEOUT_SECONDS, VOID, GatewayCase, money

pytestmark = pytest.mark.simulator

IMPATIENT_SECONDS = 0.3
LATE_SECONDS = 0.6
FAULTS: dict[str, tuple[dict[str, Any], type[GatewayError]]] = {
    "dropped before": ({"action": "drop", "when": "before"}, OutcomeUnknown),
    "dropped after": ({"action": "drop", "when": "after"}, OutcomeUnknown),
    "500 before": ({"action": "status", "status": 500, "when": "before"}, OutcomeUnknown),
    "500 after": ({"action": "status", "status": 500, "when": "after"}, OutcomeUnknown),
    "503 before": ({"action": "status", "status": 503, "when": "before"}, OutcomeUnknown),
    "HTML before": ({"action": "html", "when": "before"}, OutcomeUnknown),
    "HTML after": ({"action": "html", "when": "after"}, OutcomeUnknown),
    "truncated after": ({"action": "truncate", "when": "after"}, OutcomeUnknown),
    "late before": ({"action": "delay", "when": "before", "delay_seconds": LATE_SECONDS}, OutcomeUnknown),
    "late after": ({"action": "delay", "when": "after", "delay_seconds": LATE_SECONDS}, OutcomeUnknown),
    "key in use": ({"action": "conflict", "when": "before"}, KeyInUse),
    "rate limit": ({"action": "rate_limit", "when": "before", "retry_after": 7}, RateLimited),
}
OPERATIONS = {
    "authorize": (AUTHORIZE, None),
    "pay": (CAPTURE, "at once"),
    "capture": (CAPTURE, None),
    "void": (VOID, None),
    "refund": (REFUND, None),
}


@asynccontextmanager
async def adapter(case: GatewayCase, fault: str) -> AsyncIterator[Gateway]:
    """An adapter for one call; where the answer is late, one that does not wait for it."""
    gateway = case.traits.make(case.simulator.url, IMPATIENT_SECONDS if fault.startswith("late") else TIMEOUT_SECONDS)
    yield gateway
    await gateway.close()


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("operation", list(OPERATIONS))
async def test_fault(case: GatewayCase, operation: str, fault: str) -> None:
    """A failed call raises what is known of its effect, and reading, then asking under the same key, settles it once."""
    kind, at_once = OPERATIONS[operation]
    request = await (case.created(case.operation(kind)) if at_once else case.prepared(kind))
    description, expected = FAULTS[fault]
    case.simulator.add_fault(method="POST", path=case.path_of(request), **description)
    async with adapter(case, fault) as gateway:
        with pytest.raises(expected) as raised:
            await getattr(gateway, kind)(request)
    assert type(raised.value) is expected
    assert raised.value.gateway == case.name
    if expected is RateLimited:
        assert raised.value.retry_after_seconds == 7
    if fault.endswith("after"):
        assert isinstance(await case.gateway.look_up(request), Succeeded)
    elif not fault.startswith("late"):
        assert case.effects(request) == []
    outcome = await case.settled(request)
    assert isinstance(outcome, Succeeded)
    if fault.startswith("late"):
        await asyncio.sleep(LATE_SECONDS)
    assert await case.gateway.look_up(request) == outcome
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE])
async def test_fault_after_the_payers_approval(case: GatewayCase, kind: OperationKind, fault: str) -> None:
    """An approved order that goes wrong while it is performed is settled as any other: under one more key, with one effect."""
    request = await case.created(case.operation(kind, payment_method=case.traits.needs_action))
    assert isinstance(await case.call(request), ActionRequired)
    assert request.payment_reference is not None
    case.simulator.complete_authentication(request.payment_reference)
    description, expected = FAULTS[fault]
    case.simulator.add_fault(method="POST", path=case.path_of(request), **description)
    async with adapter(case, fault) as gateway:
        with pytest.raises(expected):
            await getattr(gateway, kind)(request)
    if fault.startswith("late"):
        await asyncio.sleep(LATE_SECONDS)
    assert isinstance(await case.settled(request), Succeeded)
    assert len(case.effects(request)) == 1


@pytest.mark.parametrize("fault", list(FAULTS))
async def test_fault_of_creation(case: GatewayCase, fault: str) -> None:
    """Whatever goes wrong when a payment is created, asking again gives one payment, and no money moves."""
    request = case.operation(AUTHORIZE)
    description, expected = FAULTS[fault]
    case.simulator.add_fault(method="POST", path=case.traits.create_path, **description)
    async with adapter(case, fault) as gateway:
        with pytest.raises(expected):
            await gateway.create_payment(request)
    if fault.startswith("late"):
        await asyncio.sleep(LATE_SECONDS)
    reference = await case.gateway.create_payment(request)
    assert not isinstance(reference, Refused)
    assert await case.gateway.create_payment(request) == reference
    assert case.simulator.truth()["effects"] == []


@pytest.mark.parametrize("kind", [AUTHORIZE, REFUND])
@pytest.mark.parametrize("fault", ["dropped before", "500 before", "HTML before", "rate limit", "late before"])
async def test_reading_that_fails(case: GatewayCase, kind: OperationKind, fault: str) -> None:
    """A reading that fails says so: an operation is never taken for one without effect because nobody could look."""
    request = await case.prepared(kind)
    assert isinstance(await case.call(request), Succeeded)
    description, expected = FAULTS[fault]
    case.simulator.add_fault(method="GET", **description)
    async with adapter(case, fault) as gateway:
        with pytest.raises(expected):
            await gateway.look_up(request)


async def test_same_request_at_once(case: GatewayCase) -> None:
    """The same operation sent twice at the same time takes effect once; the loser is told to wait, or told the outcome."""
    request = await case.prepared(REFUND)
    case.simulator.add_fault(
        method="POST", path=case.path_of(request), action="delay", when="before", delay_seconds=0.2
    )
    answers = await asyncio.gather(case.call(request), case.call(request), return_exceptions=True)
    assert all(isinstance(answer, Succeeded | KeyInUse) for answer in answers), answers
    assert isinstance(await case.settled(request), Succeeded)
    assert len(case.effects(request)) == 1


async def test_unreachable(case: GatewayCase) -> None:
    """A gateway at which nobody answers has done nothing: the same request may be sent again."""
    request = await case.created(case.operation(AUTHORIZE))
    nobody = case.traits.make("http://127.0.0.1:9", IMPATIENT_SECONDS)
    for call in (nobody.create_payment, nobody.authorize, nobody.look_up):
        with pytest.raises(NotExecuted, match=f"^{case.name}: .*127.0.0.1"):
            await call(request)
    await nobody.close()


async def test_wrong_credentials(case: GatewayCase) -> None:
    """Wrong credentials are a setting to correct, named in one line that does not repeat them."""
    stranger = case.traits.wrong_credentials(case.simulator.url)
    with pytest.raises(Misconfigured) as raised:
        await stranger.create_payment(case.operation(AUTHORIZE))
    await stranger.close()
    assert f"check {case.name.upper()}_" in str(raised.value)
    assert "no_key_of_stripe" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_unknown_payment(case: GatewayCase) -> None:
    """A payment that the gateway does not know is a question of whose account it is, not a payment without effect."""
    request = case.operation(AUTHORIZE, payment_reference="pi_UNKNOWN0000000")
    for call in (case.gateway.look_up, case.gateway.authorize):
        with pytest.raises(Misconfigured, match="does not know"):
            await call(request)


async def test_same_key_for_another_request(case: GatewayCase) -> None:
    """One key for two different requests can never work, and is never answered with the other one's outcome."""
    payment, captured = await case.paid()
    request = case.following(REFUND, payment, captured, money("10.00"))
    assert isinstance(await case.gateway.refund(request), Succeeded)
    other = request.model_copy(update={"amount": money("20.00")})
    try:
        outcome = await case.gateway.refund(other)
    except Misconfigured:
        pass
    else:
        assert isinstance(outcome, Succeeded)
        assert outcome.amount == money("10.00")
    assert len(case.effects(request)) == 1


def test_every_gateway_is_in_the_suite() -> None:
    """The suite runs against every adapter that the worker is made with."""
    assert set(adapters.of_settings(Settings())) == set(CASES)
