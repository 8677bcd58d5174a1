"""The contract: giving money back, and refunds that are decided, or fail, later."""

import pytest

from gateways.port import Declined, Pending, RefusalCode, Succeeded
from tests.gateways.cases import REFUND, GatewayCase, money, refusal

pytestmark = pytest.mark.simulator


@pytest.mark.parametrize("parts", [["100.00"], ["30.00", "70.00"]])
async def test_refunds(case: GatewayCase, parts: list[str]) -> None:
    """A capture is given back in full or in parts, each under its own reference; no fee comes back with them."""
    payment, captured = await case.paid()
    references = set()
    for part in parts:
        request = case.following(REFUND, payment, captured, money(part))
        assert await case.gateway.look_up(request) is None
        outcome = await case.gateway.refund(request)
        assert isinstance(outcome, Succeeded)
        assert (outcome.amount, outcome.fee, outcome.fee_pending) == (money(part), None, False)
        assert await case.gateway.look_up(request) == outcome
        references.add(outcome.reference)
    assert len(references) == len(parts)


async def test_refund_of_more_than_is_left(case: GatewayCase) -> None:
    """A refund of more than what is left is refused, before and after everything was given back."""
    payment, captured = await case.paid()
    assert isinstance(await case.gateway.refund(case.following(REFUND, payment, captured, money("60.00"))), Succeeded)
    over = case.following(REFUND, payment, captured, money("60.00"))
    assert refusal(await case.gateway.refund(over)) == RefusalCode.REFUND_TOO_LARGE
    assert isinstance(await case.gateway.refund(case.following(REFUND, payment, captured, money("40.00"))), Succeeded)
    again = case.following(REFUND, payment, captured, money("0.01"))
    assert refusal(await case.gateway.refund(again)) == RefusalCode.REFUND_TOO_LARGE
    assert await case.gateway.look_up(over) is None
    assert case.effects(over) == case.effects(again) == []


async def test_pending_refund(case: GatewayCase) -> None:
    """A refund that is not decided is pending; reading it later tells its success."""
    payment, captured = await case.paid(method=case.traits.refund_pends)
    request = case.following(REFUND, payment, captured)
    assert isinstance(await case.gateway.refund(request), Pending)
    assert isinstance(await case.gateway.look_up(request), Pending)
    case.simulator.advance_clock(30 * 24 * 3600)
    assert isinstance(await case.gateway.look_up(request), Succeeded)


async def test_refund_that_fails_later(case: GatewayCase) -> None:
    """A refund that succeeded and then failed is read as declined, with the gateway's reason, so the books can follow."""
    payment, captured = await case.paid(method=case.traits.refund_fails)
    request = case.following(REFUND, payment, captured)
    assert isinstance(await case.gateway.refund(request), Succeeded)
    case.simulator.advance_clock(30 * 24 * 3600)
    outcome = await case.gateway.look_up(request)
    assert isinstance(outcome, Declined)
    assert outcome.code
