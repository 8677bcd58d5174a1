"""PayPal's access token: fetched once for everybody, renewed in time, and never the reason for an unknown outcome."""

import asyncio
from collections.abc import Iterator

import pytest

from gateways import paypal_session
from gateways.errors import GatewayUnreachable, NotExecuted, RateLimited
from gateways.port import Succeeded
from local.simulators import Simulator
from tests.gateways.cases import AUTHORIZE, GatewayCase

pytestmark = [pytest.mark.simulator, pytest.mark.parametrize("case", ["paypal"], indirect=True)]

TOKENS = "/v1/oauth2/token"


def tokens_fetched(simulator: Simulator) -> int:
    """How many times a token was asked for."""
    return sum(request["path"] == TOKENS for request in simulator.truth()["requests"])


@pytest.fixture
def token_faults(case: GatewayCase) -> Iterator[None]:
    """No token is given for a while."""
    case.simulator.add_fault(path=TOKENS, action="status", status=500, times=None)
    yield
    case.simulator.clear_faults()


async def test_one_token_for_many_callers(case: GatewayCase) -> None:
    """Fifty payments at once, and those after them, fetch one token: PayPal limits how many an account may have."""
    requests = [case.operation(AUTHORIZE) for _ in range(50)]
    await asyncio.gather(*(case.created(request) for request in requests))
    assert tokens_fetched(case.simulator) == 1
    await case.created(case.operation(AUTHORIZE))
    assert tokens_fetched(case.simulator) == 1


async def test_token_that_ended_early(case: GatewayCase) -> None:
    """A token that PayPal refuses is renewed once, and the request is sent again: it was refused before any effect."""
    case.simulator.configure(token_seconds=1000)
    request = await case.created(case.operation(AUTHORIZE))
    case.simulator.advance_clock(1001)
    assert isinstance(await case.gateway.authorize(request), Succeeded)
    assert tokens_fetched(case.simulator) == 2
    assert len(case.effects(request)) == 1


async def test_token_near_its_end(case: GatewayCase) -> None:
    """A token is renewed before its end, so that no request is sent with one that ends on the way."""
    case.simulator.configure(token_seconds=int(paypal_session.RENEW_SECONDS_BEFORE_END))
    request = await case.created(case.operation(AUTHORIZE))
    assert isinstance(await case.gateway.authorize(request), Succeeded)
    assert tokens_fetched(case.simulator) == 2


@pytest.mark.usefixtures("token_faults")
async def test_no_token(case: GatewayCase) -> None:
    """Without a token nothing was sent, so nothing is unknown: the same request may be sent again."""
    request = case.operation(AUTHORIZE)
    with pytest.raises(GatewayUnreachable, match="gave no access token"):
        await case.gateway.create_payment(request)
    assert [seen["path"] for seen in case.simulator.truth()["requests"]] == [TOKENS]
    case.simulator.clear_faults()
    await case.created(request)


async def test_too_many_tokens(case: GatewayCase) -> None:
    """Where PayPal gives no more tokens, its wait is passed on."""
    case.simulator.add_fault(path=TOKENS, action="rate_limit", retry_after=9)
    with pytest.raises(RateLimited) as raised:
        await case.gateway.create_payment(case.operation(AUTHORIZE))
    assert raised.value.retry_after_seconds == 9


async def test_failure_is_shared(case: GatewayCase) -> None:
    """Callers that wait for the same token share its failure, and do not queue up to ask for it one by one."""
    case.simulator.add_fault(path=TOKENS, action="html", times=None)
    calls = [case.gateway.create_payment(case.operation(AUTHORIZE)) for _ in range(10)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, NotExecuted) for outcome in outcomes)
    assert tokens_fetched(case.simulator) == 1


async def test_cancelled_caller(case: GatewayCase) -> None:
    """A caller that is cancelled while it waits for the token does not take it away from the others."""
    case.simulator.add_fault(path=TOKENS, action="delay", delay_seconds=0.3)
    first = asyncio.create_task(case.created(case.operation(AUTHORIZE)))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(case.created(case.operation(AUTHORIZE)))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).payment_reference
    assert tokens_fetched(case.simulator) == 1
