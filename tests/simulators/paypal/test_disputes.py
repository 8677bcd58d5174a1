"""Disputes and refunds at PayPal's site: what they do to the capture, the account and the truth, in PayPal's own shapes."""

from typing import Any

import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Caller, dollars, wallet
from tests.simulators.paypal.test_authorizations import DAY, advance
from tests.simulators.paypal.test_reporting import found, moment, search

PATH = "/v1/customer/disputes"


async def dispute_of(caller: Caller, dispute_id: str) -> dict[str, Any]:
    """A dispute by its id."""
    return (await caller.get(f"{PATH}/{dispute_id}")).body


def moved(dispute: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Reason, direction and value of its money movements."""
    found_ = dispute.get("money_movements", [])
    assert {each["affected_party"] for each in found_} <= {"SELLER"}
    return [(each["reason"], each["type"], each["amount"]["value"]) for each in found_]


def effects(simulator: SimulatorProcess) -> list[str]:
    """The effects after the capture and its fee."""
    return [f"{each['kind']} {each['amount_minor']}" for each in simulator.truth()["effects"]][2:]


COURSES = [
    (
        "chargeback",
        "won",
        [
            ("DISPUTE_SETTLEMENT", "DEBIT", "100.00"),
            ("CHARGEBACK_FEE", "DEBIT", "19.60"),
            ("DISPUTE_SETTLEMENT", "CREDIT", "100.00"),
        ],
        ["dispute 10000", "dispute_fee 1960", "dispute_returned 10000"],
        [("T1201", "-100.00", "S"), ("T0106", "-19.60", "S"), ("T1202", "100.00", "S")],
    ),
    (
        "chargeback",
        "lost",
        [("DISPUTE_SETTLEMENT", "DEBIT", "100.00"), ("CHARGEBACK_FEE", "DEBIT", "19.60")],
        ["dispute 10000", "dispute_fee 1960"],
        [("T1201", "-100.00", "S"), ("T0106", "-19.60", "S")],
    ),
    (
        "hold",
        "won",
        [("HOLD_PLACED", "DEBIT", "100.00"), ("HOLD_RELEASED", "CREDIT", "100.00")],
        ["dispute 10000", "dispute_returned 10000"],
        [("T1110", "-100.00", "S"), ("T1111", "100.00", "S")],
    ),
    (
        "hold",
        "in part",
        [
            ("HOLD_PLACED", "DEBIT", "100.00"),
            ("DISPUTE_SETTLEMENT", "DEBIT", "75.00"),
            ("DISPUTE_FEE", "DEBIT", "19.60"),
        ],
        ["dispute 10000", "dispute_returned 2500", "dispute_fee 1960"],
        [("T1110", "-100.00", "S"), ("T1111", "100.00", "S"), ("T1106", "-75.00", "S"), ("T0106", "-19.60", "S")],
    ),
    ("inquiry", "won", [], [], []),
    (
        "inquiry",
        "lost",
        [("DISPUTE_SETTLEMENT", "DEBIT", "100.00"), ("DISPUTE_FEE", "DEBIT", "19.60")],
        ["dispute 10000", "dispute_fee 1960"],
        [("T1106", "-100.00", "S"), ("T0106", "-19.60", "S")],
    ),
]


@pytest.mark.parametrize(("course", "ending", "movements", "true", "searched"), COURSES)
async def test_courses(
    caller: Caller,
    paypal_simulator: SimulatorProcess,
    course: str,
    ending: str,
    movements: list[Any],
    true: list[str],
    searched: list[Any],
) -> None:
    """What a dispute did to the money is the same on the dispute, in the search and in the truth."""
    paypal_simulator.configure(dispute_course=course)
    capture = await caller.captured(custom_id="c1:capture:1")
    made = paypal_simulator.dispute(capture["id"])
    opened = await dispute_of(caller, made)
    assert opened["status"] in {"UNDER_REVIEW", "WAITING_FOR_SELLER_RESPONSE"}
    assert "dispute_outcome" not in opened
    if ending == "won":
        paypal_simulator.win_dispute(made)
    else:
        paypal_simulator.lose_dispute(made, 2500 if ending == "in part" else None)
    dispute = await dispute_of(caller, made)
    assert (dispute["status"], dispute["dispute_amount"]) == ("RESOLVED", dollars("100.00"))
    assert moved(dispute) == movements
    favour = "SELLER" if ending == "won" else "BUYER"
    assert dispute["dispute_outcome"]["outcome_code"] == f"RESOLVED_{favour}_FAVOUR"
    (disputed,) = dispute["disputed_transactions"]
    assert (disputed["seller_transaction_id"], disputed["custom"]) == (capture["id"], "c1:capture:1")
    assert effects(paypal_simulator) == true
    answer = await search(caller, paypal_simulator)
    assert found(answer)[1:] == searched
    for detail in answer.body["transaction_details"][1:]:
        assert detail["transaction_info"]["paypal_reference_id"] == capture["id"]
    listed = (await caller.get("/v1/notifications/webhooks-events", page_size=3)).body["events"]
    assert [each["event_type"].rpartition(".")[2] for each in listed] == ["RESOLVED", "UPDATED", "CREATED"]
    assert listed[0]["resource"] == dispute


async def test_refund_of_a_disputed_capture(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A capture is not refunded while a case is open, by whomever; what was lost is not there to be refunded after it."""
    capture = await caller.captured()
    made = paypal_simulator.dispute(capture["id"], 4000)
    refused = await caller.refund(capture["id"], value="1.00")
    assert (refused.status, refused.issue) == (422, "TRANSACTION_DISPUTED")
    with pytest.raises(LocalError, match="TRANSACTION_DISPUTED"):
        paypal_simulator.refund_by_hand(capture["id"])
    paypal_simulator.lose_dispute(made)
    assert (await caller.refund(capture["id"], value="60.01")).issue == "REFUND_AMOUNT_EXCEEDED"
    assert (await caller.refund(capture["id"], value="60.00")).status == 201


@pytest.mark.parametrize("course", ["chargeback", "inquiry"])
async def test_refund_after_a_dispute_was_won(caller: Caller, paypal_simulator: SimulatorProcess, course: str) -> None:
    """All of a capture can be refunded after a dispute that the merchant won."""
    paypal_simulator.configure(dispute_course=course)
    capture = await caller.captured()
    paypal_simulator.win_dispute(paypal_simulator.dispute(capture["id"]))
    assert (await caller.refund(capture["id"])).body["amount"] == dollars("100.00")


async def test_list(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Disputes are listed in short, newest first, page by page, of a capture or as they changed, 180 days back."""
    capture, other = await caller.captured(), await caller.captured()
    made = [paypal_simulator.dispute(capture["id"], 1000) for _ in range(3)]
    assert "items" not in (await caller.get(PATH, disputed_transaction_id=other["id"])).body
    first = await caller.get(PATH, disputed_transaction_id=capture["id"], page_size=2)
    assert [each["dispute_id"] for each in first.body["items"]] == [made[2], made[1]]
    assert "money_movements" not in first.body["items"][0]
    (following,) = [link["href"] for link in first.body["links"] if link["rel"] == "next"]
    token = following.partition("next_page_token=")[2]
    second = await caller.get(PATH, disputed_transaction_id=capture["id"], page_size=2, next_page_token=token)
    assert [each["dispute_id"] for each in second.body["items"]] == [made[0]]
    assert [link["rel"] for link in second.body["links"]] == ["self"]
    await advance(caller, paypal_simulator, 100 * DAY)
    now = paypal_simulator.now()
    assert "items" not in (await caller.get(PATH, update_time_after=moment(now - DAY))).body
    paypal_simulator.win_dispute(made[1])
    changed = await caller.get(PATH, update_time_after=moment(now - DAY))
    assert [each["dispute_id"] for each in changed.body["items"]] == [made[1]]
    assert len((await caller.get(PATH)).body["items"]) == 3
    for wrong in (
        {"page_size": 51},
        {"update_time_after": moment(now - 181 * DAY)},
        {"next_page_token": "?"},
        {"start_time": moment(now), "disputed_transaction_id": "X"},
        {"flavour": "mint"},
    ):
        assert (await caller.get(PATH, **wrong)).status == 400
    assert (await caller.get(f"{PATH}/PP-D-1")).status == 404


@pytest.mark.parametrize("amount_minor", [None, 4000])
async def test_refund_by_hand(caller: Caller, paypal_simulator: SimulatorProcess, amount_minor: int | None) -> None:
    """A refund at PayPal's site has no name of its own: it copies the capture's invoice id, and is no operation's."""
    authorization = await caller.authorized(custom_id="c1:authorize:1")
    captured = await caller.capture(authorization["id"], invoice_id="c1:capture:2")
    made = paypal_simulator.refund_by_hand(captured.body["id"], amount_minor)
    refund = await caller.read("refunds", made)
    assert refund["amount"] == dollars("40.00" if amount_minor else "100.00")
    assert (refund["invoice_id"], refund.get("custom_id")) == ("c1:capture:2", None)
    last = paypal_simulator.truth()["effects"][-1]
    assert (last["kind"], last["operation_id"], last["object_id"]) == ("reversal", None, made)
    assert found(await search(caller, paypal_simulator))[-1][0] == "T1107"


async def test_refund_by_hand_that_fails(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A refund by hand can fail as any other; the truth tells that the money came back."""
    paypal_simulator.configure(failing_refund_starts="COMPLETED")
    capture = await caller.captured(wallet("wallet_refund_fails"))
    made = paypal_simulator.refund_by_hand(capture["id"])
    await advance(caller, paypal_simulator, DAY)
    assert (await caller.read("refunds", made))["status"] == "FAILED"
    assert effects(paypal_simulator) == ["reversal 10000", "reversal_returned 10000"]


async def test_what_cannot_be(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """What was not captured is neither disputed nor refunded, nor more than is left; no dispute is decided twice."""
    unpaid = await caller.order()
    for act in (paypal_simulator.dispute, paypal_simulator.refund_by_hand):
        with pytest.raises(LocalError, match=r"404.*no capture that was paid"):
            act(unpaid)
    capture = await caller.captured()
    with pytest.raises(LocalError, match=r"100\.00 USD left"):
        paypal_simulator.dispute(capture["id"], 10_001)
    with pytest.raises(LocalError, match="REFUND_AMOUNT_EXCEEDED"):
        paypal_simulator.refund_by_hand(capture["id"], 10_001)
    with pytest.raises(LocalError, match=r"404.*no dispute"):
        paypal_simulator.win_dispute("PP-D-1")
    made = paypal_simulator.dispute(capture["id"])
    with pytest.raises(LocalError, match="no part"):
        paypal_simulator.lose_dispute(made, 10_000)
    with pytest.raises(LocalError, match=r"0\.00 USD left"):
        paypal_simulator.reverse(capture["id"])
    paypal_simulator.win_dispute(made)
    with pytest.raises(LocalError, match="decided already"):
        paypal_simulator.lose_dispute(made)
