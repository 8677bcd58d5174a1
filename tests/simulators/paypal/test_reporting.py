"""The transaction search: what an independent check of the books reads."""

from datetime import UTC, datetime
from typing import Any

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Answer, Caller, card, dollars, wallet
from tests.simulators.paypal.test_authorizations import DAY, advance


def moment(unix: float) -> str:
    """A time as the search takes it."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def search(caller: Caller, simulator: SimulatorProcess, days: float = 1, **query: Any) -> Answer:
    """Search the last days."""
    now = simulator.now()
    dates = {"start_date": moment(now - days * DAY), "end_date": moment(now)}
    return await caller.get("/v1/reporting/transactions", **{**dates, **query})


def found(answer: Answer) -> list[tuple[str, str, str]]:
    """Event code, amount and status of each record."""
    records = [detail["transaction_info"] for detail in answer.body["transaction_details"]]
    return [
        (record["transaction_event_code"], record["transaction_amount"]["value"], record["transaction_status"])
        for record in records
    ]


async def test_balance_affecting_records(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """By default the search tells captures with their fees and refunds, by the ids that the caller gave them."""
    authorization = await caller.authorized(custom_id="c1:authorize:1")
    captured = await caller.capture(authorization["id"], value="60.00", invoice_id="c1:capture:1")
    refunded = await caller.refund(captured.body["id"], value="20.00", invoice_id="c1:refund:1")
    await caller.captured(card("card_5120"))
    answer = await search(caller, paypal_simulator)
    assert found(answer) == [("T0006", "60.00", "S"), ("T1107", "-20.00", "S")]
    capture, refund = (detail["transaction_info"] for detail in answer.body["transaction_details"])
    assert (capture["transaction_id"], capture["paypal_reference_id"]) == (captured.body["id"], authorization["id"])
    assert (capture["invoice_id"], capture["custom_field"]) == ("c1:capture:1", "c1:authorize:1")
    assert capture["fee_amount"] == dollars("-2.58")
    assert (refund["transaction_id"], refund["paypal_reference_id"]) == (refunded.body["id"], captured.body["id"])
    assert refund["invoice_id"] == "c1:refund:1"
    assert "fee_amount" not in refund


async def test_all_records(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """On request the search also tells authorizations and what is pending, denied or voided."""
    voided = await caller.authorized()
    await caller.post(f"/v2/payments/authorizations/{voided['id']}/void")
    await caller.authorized(card("card_5120"))
    await caller.authorized()
    await caller.captured(wallet("wallet_pending_review"))
    await caller.captured(card("card_5120"))
    await caller.refund((await caller.captured(wallet("wallet_refund_pending")))["id"])
    answer = await search(caller, paypal_simulator, balance_affecting_records_only="N")
    assert found(answer) == [
        ("T1300", "100.00", "V"),
        ("T1300", "100.00", "D"),
        ("T1300", "100.00", "S"),
        ("T0006", "100.00", "P"),
        ("T0006", "100.00", "D"),
        ("T0006", "100.00", "S"),
        ("T1107", "-100.00", "P"),
    ]
    assert found(await search(caller, paypal_simulator)) == [("T0006", "100.00", "S")]


async def test_pages(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Pages follow each other without gaps or repetitions, and say how many there are."""
    for value in range(1, 6):
        await caller.captured(value=f"{value}.00")
    pages = [await search(caller, paypal_simulator, page=page, page_size=2) for page in (1, 2, 3)]
    assert [amount for page in pages for _, amount, _ in found(page)] == ["1.00", "2.00", "3.00", "4.00", "5.00"]
    assert {(page.body["total_items"], page.body["total_pages"]) for page in pages} == {(5, 3)}


async def test_filters(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The search can be narrowed to an id, an event code, a status, a currency."""
    capture = await caller.captured()
    await caller.captured(currency="EUR")
    await caller.refund(capture["id"])
    by_id = await search(caller, paypal_simulator, transaction_id=capture["id"])
    assert found(by_id) == [("T0006", "100.00", "S")]
    assert found(await search(caller, paypal_simulator, transaction_type="T1107")) == [("T1107", "-100.00", "S")]
    assert found(await search(caller, paypal_simulator, transaction_currency="EUR")) == [("T0006", "100.00", "S")]
    denied = await search(caller, paypal_simulator, balance_affecting_records_only="N", transaction_status="D")
    assert (found(denied), denied.body["total_items"]) == ([], 0)


async def test_lag(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A transaction may take hours to appear."""
    paypal_simulator.configure(search_lag_seconds=3 * 3600)
    await caller.captured()
    assert (await search(caller, paypal_simulator)).body["total_items"] == 0
    await advance(caller, paypal_simulator, 3 * 3600 + 1)
    assert (await search(caller, paypal_simulator)).body["total_items"] == 1


async def test_outside_the_dates(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The search tells what began between its dates, and 31 days are the most that it spans."""
    await caller.captured()
    await advance(caller, paypal_simulator, 20 * DAY)
    await caller.captured(value="2.00")
    assert found(await search(caller, paypal_simulator)) == [("T0006", "2.00", "S")]
    assert len(found(await search(caller, paypal_simulator, days=31))) == 2
    refused = await search(caller, paypal_simulator, days=31.1)
    assert (refused.status, refused.issue) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "query",
    [
        {"page_size": 501},
        {"page_size": 0},
        {"page": 0},
        {"end_date": "yesterday"},
        {"balance_affecting_records_only": "maybe"},
        {"invoice_id": "c1"},
    ],
)
async def test_refused_search(caller: Caller, paypal_simulator: SimulatorProcess, query: dict[str, Any]) -> None:
    """A search that PayPal cannot do is refused, not done differently."""
    assert (await search(caller, paypal_simulator, **query)).status == 400


async def test_too_many_results(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A search that finds more than the limit is refused; the caller has to narrow its dates."""
    paypal_simulator.configure(search_limit=1)
    await caller.captured()
    assert (await search(caller, paypal_simulator)).status == 200
    await caller.captured()
    dates = {"start_date": moment(paypal_simulator.now() - DAY), "end_date": moment(paypal_simulator.now())}
    refused = await caller.client.get("/v1/reporting/transactions", params=dates)
    assert (refused.status_code, refused.json()["name"]) == (400, "RESULTSET_TOO_LARGE")
