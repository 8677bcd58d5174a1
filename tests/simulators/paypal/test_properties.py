"""Whatever is asked in whatever order: the simulated money adds up, and PayPal's search tells what really happened."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.gateway import Call
from simulators.paypal.gateway import PayPal

AUTHORIZED = 10_000
METHODS = (
    "wallet_ok",
    "wallet_pending_review",
    "wallet_pending_denied",
    "wallet_refund_pending",
    "wallet_refund_fails",
)
STEPS = st.tuples(
    st.sampled_from(("capture", "capture", "refund", "refund", "void", "wait")),
    st.sampled_from((6_000, 4_500, 2_500, 10_000, 11_500, 13_000, 1)),
    st.sampled_from(("k1", "k2", "k3", "k4", "k5")),
    st.sampled_from((False, False, True)),
)


class Desk:
    """Sends requests straight to a simulated PayPal, without HTTP."""

    def __init__(self, state: Path) -> None:
        self.paypal = PayPal(state, base_url="http://127.0.0.1:1", webhook_url=None, webhook_id="W")

    def restart(self) -> None:
        """Forget everything, and take a new token."""
        self.paypal.simulator.reset()
        client = base64.b64encode(b"client:secret").decode()
        self._authorization = f"Basic {client}"
        token = self._send("POST", "/v1/oauth2/token", b"grant_type=client_credentials", None)["access_token"]
        self._authorization = f"Bearer {token}"

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
        """POST under a request id."""
        return self._send("POST", path, json.dumps(body).encode(), key)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET with a query."""
        return self._send("GET", path, b"", None, urlencode(query))

    def wait(self, seconds: int) -> None:
        """Let time pass, and all that is due happen."""
        self.paypal.simulator.clock.advance(seconds)
        self.paypal.simulator.agenda.run_due(self.paypal.simulator.clock.now())

    def _send(self, method: str, path: str, body: bytes, key: str | None, query: str = "") -> dict[str, Any]:
        headers = {
            "authorization": self._authorization,
            "content-type": "application/json",
            "prefer": "return=representation",
        }
        with self.paypal.simulator.transaction() as transaction:
            answer = self.paypal.answer(transaction, Call(method, path, query, headers, body, key))
        answered: dict[str, Any] = json.loads(answer.body)
        return answered


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A simulated PayPal within this process."""
    return Desk(tmp_path_factory.mktemp("paypal") / "state")


def dollars(cents: int) -> dict[str, str]:
    """An amount."""
    return {"currency_code": "USD", "value": f"{cents // 100}.{cents % 100:02d}"}


def perform(desk: Desk, vault_id: str, steps: list[tuple[str, int, str, bool]]) -> None:
    """Authorize 100.00, then do the steps; refunds are of the capture that was made last."""
    unit = {"amount": dollars(AUTHORIZED)}
    order = desk.post("/v2/checkout/orders", {"intent": "AUTHORIZE", "purchase_units": [unit]})
    source = {"payment_source": {"paypal": {"vault_id": vault_id}}}
    paid = desk.post(f"/v2/checkout/orders/{order['id']}/authorize", source)
    authorization = paid["purchase_units"][0]["payments"]["authorizations"][0]["id"]
    capture = "none"
    for kind, cents, key, final in steps:
        match kind:
            case "capture":
                body = {"amount": dollars(cents), "final_capture": final}
                answer = desk.post(f"/v2/payments/authorizations/{authorization}/capture", body, key)
                capture = answer.get("id", capture)
            case "refund":
                desk.post(f"/v2/payments/captures/{capture}/refund", {"amount": dollars(cents)}, key)
            case "void":
                desk.post(f"/v2/payments/authorizations/{authorization}/void", {}, key)
            case _:
                desk.wait(45)


def searched(desk: Desk) -> Counter[str]:
    """Sums of what the search tells, by event code, in cents."""
    now = desk.paypal.simulator.clock.now()
    start, end = (datetime.fromtimestamp(now + days * 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (-1, 1))
    page = desk.get("/v1/reporting/transactions", start_date=start, end_date=end, page_size="500")
    sums: Counter[str] = Counter()
    for detail in page["transaction_details"]:
        record = detail["transaction_info"]
        sums[record["transaction_event_code"]] += _cents(record["transaction_amount"])
        if "fee_amount" in record:
            sums["fee"] += _cents(record["fee_amount"])
    return sums


def _cents(amount: dict[str, str]) -> int:
    return int(amount["value"].replace(".", ""))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(vault_id=st.sampled_from(METHODS), steps=st.lists(STEPS, max_size=16))
def test_money_adds_up(desk: Desk, vault_id: str, steps: list[tuple[str, int, str, bool]]) -> None:
    """Never more is captured than may be, refunded than was captured, or done twice under one request id."""
    desk.restart()
    perform(desk, vault_id, steps)
    effects = desk.paypal.simulator.truth.read()["effects"]
    sums: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    for effect in effects:
        sums[effect["kind"]] += effect["amount_minor"]
    for effect in effects:
        if effect["kind"] in {"refund", "refund_failed"}:
            sign = 1 if effect["kind"] == "refund" else -1
            capture = desk.get(f"/v2/payments/refunds/{effect['object_id']}")["links"][1]["href"].rsplit("/", 1)[1]
            refunded[capture] += sign * effect["amount_minor"]
    assert sums["capture"] <= AUTHORIZED * 115 // 100
    for capture, cents in refunded.items():
        assert cents <= _cents(desk.get(f"/v2/payments/captures/{capture}")["amount"])
    once = Counter((effect["kind"], effect["idempotency_key"]) for effect in effects if effect["kind"] == "capture")
    assert all(count == 1 for count in once.values())
    assert searched(desk)["T0006"] == sums["capture"]
    assert searched(desk)["T1107"] == -(sums["refund"] - sums["refund_failed"])
    assert searched(desk)["fee"] == -sums["fee"]
