"""A refund: reserved first, given back once, and never more than was captured, whoever races."""

import asyncio

import pytest

from ledger.charges import CaptureMode
from ledger.money import Money
from ledger.refunds import RefundStatus
from tests.workflows.conftest import Processes

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
AMOUNT = 4999


@GATEWAYS
async def test_a_full_refund_is_reserved_then_given_back(processes: Processes, gateway: str) -> None:
    """The customer gets everything back once, and the books say when it was promised and when it was paid."""
    charged = await processes.charge(processes.request(gateway))
    view = await processes.refund(charged.charge_id, f"re_{charged.charge_id}")
    assert (view.status, view.amount_minor) == (RefundStatus.SUCCEEDED, AMOUNT)
    assert (await processes.rules(charged.charge_id))[-2:] == ["refund_reserved", "refund_succeeded"]
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (AMOUNT, 0)
    (effect,) = processes.effects(gateway, "refund")
    assert (effect["operation_id"], effect["amount_minor"]) == (f"{charged.charge_id}:refund:1", AMOUNT)


@GATEWAYS
async def test_a_charge_is_refunded_in_parts_up_to_what_was_captured(processes: Processes, gateway: str) -> None:
    """The third part is refused by the books, and the gateway hears nothing of it."""
    charged = await processes.charge(processes.request(gateway, capture=CaptureMode.AUTOMATIC))
    first = await processes.refund(charged.charge_id, f"re1_{charged.charge_id}", 3000)
    second = await processes.refund(charged.charge_id, f"re2_{charged.charge_id}", 1999)
    third = await processes.refund(charged.charge_id, f"re3_{charged.charge_id}", 1)
    assert [first.status, second.status, third.status] == [
        RefundStatus.SUCCEEDED,
        RefundStatus.SUCCEEDED,
        RefundStatus.REFUSED,
    ]
    assert third.message is not None
    assert "nothing left" in third.message
    assert len(processes.effects(gateway, "refund")) == 2


@GATEWAYS
async def test_of_fifty_refunds_at_once_of_60_on_100_exactly_one_succeeds(processes: Processes, gateway: str) -> None:
    """Two refunds that race for the same money never both win."""
    charged = await processes.charge(processes.request(gateway, amount=Money.parse("100", "USD")))
    views = await asyncio.gather(
        *(processes.refund(charged.charge_id, f"re{n}_{charged.charge_id}", 6000) for n in range(50))
    )
    assert sorted(view.status for view in views) == [RefundStatus.REFUSED] * 49 + [RefundStatus.SUCCEEDED]
    assert len(processes.effects(gateway, "refund")) == 1
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (6000, 0)


async def test_a_refund_that_the_gateway_refuses_gives_the_reservation_back(processes: Processes) -> None:
    """What was set aside for it may be refunded again, and the books show that it was not paid."""
    charged = await processes.charge(processes.request("paypal", "wallet_refund_pending"))
    view = await processes.refund(charged.charge_id, f"re_{charged.charge_id}", 1000)
    assert view.status is RefundStatus.PENDING
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (0, 1000)
    processes.simulators["paypal"].advance_clock(61)
    handle = processes.client.get_workflow_handle(f"refund/{view.refund_id}")
    for _ in range(100):
        current = await handle.query("status")
        if current["status"] == "succeeded":
            break
        await asyncio.sleep(0.3)
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (1000, 0)


async def test_the_same_refund_id_is_the_same_refund(processes: Processes) -> None:
    """Asking twice gives back once."""
    charged = await processes.charge(processes.request("stripe"))
    first, second = await asyncio.gather(
        processes.refund(charged.charge_id, f"re_{charged.charge_id}", 1000),
        processes.refund(charged.charge_id, f"re_{charged.charge_id}", 1000),
    )
    assert first == second
    assert len(processes.effects("stripe", "refund")) == 1


async def test_a_refund_of_an_unknown_charge_is_refused(processes: Processes) -> None:
    """A mistyped id is said plainly."""
    view = await processes.refund("ch_nobody", "re_nobody")
    assert view.status is RefundStatus.REFUSED
    assert view.message is not None
    assert "no charge ch_nobody" in view.message


async def test_a_charge_that_captured_nothing_has_nothing_to_refund(processes: Processes) -> None:
    """An authorization is voided, not refunded."""
    held = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    view = await processes.refund(held.charge_id, f"re_{held.charge_id}")
    assert view.status is RefundStatus.REFUSED
