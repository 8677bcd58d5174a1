"""Setup tokens: a payer approves on PayPal's page that a wallet is kept, and the token is exchanged once."""

from typing import Any

import httpx

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Answer, Caller, wallet

TOKENS = "/v3/vault/setup-tokens"
KEPT = "/v3/vault/payment-tokens"
CONTEXT = {"return_url": "http://127.0.0.1:9/back", "cancel_url": "http://127.0.0.1:9/away"}
ASKED: dict[str, Any] = {"payment_source": {"paypal": {"usage_type": "MERCHANT", "experience_context": CONTEXT}}}


async def _approved(caller: Caller, simulator: SimulatorProcess, given: str) -> str:
    token = str((await caller.post(TOKENS, ASKED, "s1")).body["id"])
    assert simulator.complete_setup(token, given) == CONTEXT["return_url"]
    return token


async def _exchanged(caller: Caller, token: str, request_id: str = "s1:vault") -> Answer:
    return await caller.post(KEPT, {"payment_source": {"token": {"id": token, "type": "SETUP_TOKEN"}}}, request_id)


async def test_payer_approves_on_the_page(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The approve link shows the page; approved, the token is exchanged for one that pays."""
    made = await caller.post(TOKENS, ASKED, "s1")
    assert (made.status, made.body["status"]) == (201, "PAYER_ACTION_REQUIRED")
    link = next(link["href"] for link in made.body["links"] if link["rel"] == "approve")
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(link, follow_redirects=True)
        assert "A wallet that pays" in page.text
        sent = await browser.post(str(page.url), data={"given": "wallet_ok"})
    assert (sent.status_code, sent.headers["location"]) == (303, CONTEXT["return_url"])
    assert (await caller.get(f"{TOKENS}/{made.body['id']}")).body["status"] == "APPROVED"
    kept = await _exchanged(caller, made.body["id"])
    assert kept.status == 201
    assert (await caller.get(f"{KEPT}/{kept.body['id']}")).body["id"] == kept.body["id"]
    paid = await caller.pay(await caller.order(), wallet(kept.body["id"]), "c1:1", "capture")
    assert (paid.status, paid.body["status"]) == (201, "COMPLETED")


async def test_exchanged_once(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The same request finds the same token; another one is refused."""
    token = await _approved(caller, paypal_simulator, "wallet_ok")
    first, again = await _exchanged(caller, token), await _exchanged(caller, token)
    assert (first.status, again.status) == (201, 200)
    assert first.body["id"] == again.body["id"]
    assert (await _exchanged(caller, token, "s1:other")).issue == "TOKEN_ALREADY_USED"


async def test_not_approved(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Without the payer nothing is kept, also after they went back."""
    token = str((await caller.post(TOKENS, ASKED, "s1")).body["id"])
    assert (await _exchanged(caller, token)).issue == "SETUP_TOKEN_NOT_APPROVED"
    assert paypal_simulator.complete_setup(token) == CONTEXT["cancel_url"]
    assert (await _exchanged(caller, token)).issue == "SETUP_TOKEN_NOT_APPROVED"


async def test_declining_wallet(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A wallet that is kept may decline all the same."""
    token = await _approved(caller, paypal_simulator, "wallet_instrument_declined")
    kept = await _exchanged(caller, token)
    refused = await caller.pay(await caller.order(), wallet(kept.body["id"]), "c1:1", "capture")
    assert refused.issue == "INSTRUMENT_DECLINED"


async def test_what_paypal_refuses(caller: Caller) -> None:
    """No source, no addresses, a field that PayPal does not know: refused."""
    empty: tuple[dict[str, Any], ...] = ({}, {"payment_source": {}}, {"payment_source": {"paypal": {}}})
    for body in empty:
        assert (await caller.post(TOKENS, body, "s1")).issue == "MISSING_REQUIRED_PARAMETER"
    odd = {"payment_source": {"paypal": {**ASKED["payment_source"]["paypal"], "vault": True}}}
    assert (await caller.post(TOKENS, odd, "s1")).issue == "INVALID_PARAMETER_SYNTAX"
