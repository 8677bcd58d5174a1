"""What a gateway takes back of a captured charge comes into the books as a new state with its own entries."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger import withdrawals
from ledger.charges import Charge, ChargeStatus
from ledger.refunds import RefundStatus
from ledger.withdrawals import TakenBack
from tests.workflows.conftest import Processes
from workflows import telling
from workflows.hints import GatewayReported

pytestmark = pytest.mark.system

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
AMOUNT = 4999
PATIENCE_SECONDS = 30.0


async def captured(processes: Processes, gateway: str, **changes: Any) -> tuple[str, str]:
    """Charge 49.99 USD; returns the charge's id and the gateway's payment."""
    view = await processes.charge(processes.request(gateway, **changes))
    assert view.status is ChargeStatus.CAPTURED
    [operation] = await processes.operations(view.charge_id)
    assert operation.payment_reference is not None
    return view.charge_id, operation.payment_reference


async def told(processes: Processes, gateway: str, charge_id: str, until: Callable[[Charge], bool]) -> Charge:
    """Tell the processes that something has happened, as an event does, and wait until the charge's row shows it."""
    hint = GatewayReported(gateway=gateway, event_id="evt_1", event_type="something", reference=None)
    await telling.tell(processes.client, processes.settings.task_queue, charge_id, None, hint, is_later=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not until(row := await processes.row(charge_id)):
            await asyncio.sleep(0.1)
    return row


async def rows(processes: Processes, charge_id: str) -> list[TakenBack]:
    """What was taken back of a charge, as the books have it."""
    async with processes.engine.connect() as connection:
        return list(await withdrawals.of_charge(connection, charge_id))


def has(status: ChargeStatus) -> Callable[[Charge], bool]:
    """Wait for a status."""
    return lambda row: row.status is status


@GATEWAYS
async def test_a_dispute_that_is_won_leaves_the_charge_as_it_was(processes: Processes, gateway: str) -> None:
    """Disputed while it is open, captured again when the money is back; only the fee is gone."""
    charge_id, payment = await captured(processes, gateway)
    dispute = processes.simulators[gateway].dispute(payment)
    row = await told(processes, gateway, charge_id, has(ChargeStatus.DISPUTED))
    assert (row.withdrawn_minor, row.refundable.amount_minor) == (AMOUNT, 0)
    assert (await processes.balances())["asset:disputes_receivable", "USD"] == AMOUNT
    processes.simulators[gateway].win_dispute(dispute)
    row = await told(processes, gateway, charge_id, has(ChargeStatus.CAPTURED))
    assert (row.withdrawn_minor, row.refundable.amount_minor) == (0, AMOUNT)
    assert ("asset:disputes_receivable", "USD") not in await processes.balances()
    [taken] = await rows(processes, charge_id)
    assert (taken.kind, taken.state, taken.reference) == ("dispute", "won", dispute)


@GATEWAYS
async def test_a_dispute_that_is_lost_reverses_the_charge(processes: Processes, gateway: str) -> None:
    """The money is gone for good, and is a loss in the books."""
    charge_id, payment = await captured(processes, gateway)
    dispute = processes.simulators[gateway].dispute(payment)
    await told(processes, gateway, charge_id, has(ChargeStatus.DISPUTED))
    processes.simulators[gateway].lose_dispute(dispute)
    row = await told(processes, gateway, charge_id, has(ChargeStatus.REVERSED))
    assert row.withdrawn_minor == AMOUNT
    assert (await processes.balances())["expense:dispute_losses", "USD"] == AMOUNT
    rules = await processes.rules(charge_id)
    assert (rules.count("dispute_opened"), rules.count("dispute_lost")) == (1, 1)


@GATEWAYS
async def test_a_payment_that_is_reversed_is_a_new_state_with_its_own_entry(processes: Processes, gateway: str) -> None:
    """The capture stays in the books as it was; what was taken back stands beside it, once."""
    charge_id, payment = await captured(processes, gateway)
    processes.simulators[gateway].reverse(payment)
    row = await told(processes, gateway, charge_id, has(ChargeStatus.REVERSED))
    assert (row.captured_minor, row.withdrawn_minor) == (AMOUNT, AMOUNT)
    for _ in range(2):
        await told(processes, gateway, charge_id, has(ChargeStatus.REVERSED))
    rules = await processes.rules(charge_id)
    assert (rules.count("captured"), rules.count("payment_reversed")) == (1, 1)
    assert (await processes.operations(charge_id))[0].outcome == "succeeded"


@GATEWAYS
async def test_a_refund_of_the_dashboard_is_not_given_twice(processes: Processes, gateway: str) -> None:
    """What somebody gave back at the gateway is taken off what may still be refunded."""
    charge_id, payment = await captured(processes, gateway)
    processes.simulators[gateway].refund_by_hand(payment, 3000)
    row = await told(processes, gateway, charge_id, lambda row: row.withdrawn_minor == 3000)
    assert (row.status, row.refundable.amount_minor) == (ChargeStatus.CAPTURED, 1999)
    assert (await processes.refund(charge_id, f"re_{charge_id}", 2000)).status is RefundStatus.REFUSED
    assert (await processes.refund(charge_id, f"re2_{charge_id}", 1999)).status is RefundStatus.SUCCEEDED
    # Our own refund is none of the gateway's.
    await told(processes, gateway, charge_id, has(ChargeStatus.CAPTURED))
    assert len(await rows(processes, charge_id)) == 1


@GATEWAYS
async def test_what_happens_while_the_charge_waits_to_be_confirmed_is_booked_too(
    processes: Processes, gateway: str
) -> None:
    """A later fact goes to the search for those, whatever the charge's own process is waiting for."""
    charge_id, payment = await captured(processes, gateway, confirm_by=datetime.now(UTC) + timedelta(hours=1))
    processes.simulators[gateway].dispute(payment)
    await told(processes, gateway, charge_id, has(ChargeStatus.DISPUTED))
