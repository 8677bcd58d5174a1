"""What operations people see of a charge in Temporal: its size, its names, its search attributes, its current details."""

import asyncio

from ledger.charges import CaptureMode
from tests.workflows.conftest import Processes


async def test_a_captured_charge_has_a_small_history(processes: Processes) -> None:
    """At most 30 events and 20 KB, so that a server keeps many of them."""
    view = await processes.charge(processes.request("stripe"))
    history = await processes.handle(view.charge_id).fetch_history()
    assert len(history.events) <= 30
    assert sum(event.ByteSize() for event in history.events) <= 20_000


async def test_waiting_for_a_customer_adds_no_event_for_each_look(processes: Processes) -> None:
    """An hour of waiting is one activity that is retried, not hundreds of events."""
    view = await processes.charge(processes.request("stripe", "pm_card_authenticationRequired"))
    await asyncio.sleep(4)
    description = await processes.handle(view.charge_id).describe()
    (watch,) = description.raw_description.pending_activities
    assert watch.attempt > 1
    assert description.history_length <= 30
    (operation,) = await processes.operations(view.charge_id)
    processes.simulators["stripe"].complete_authentication(operation.payment_reference or "")
    await processes.handle(view.charge_id).result()


async def test_gateway_calls_are_named_for_people(processes: Processes) -> None:
    """The Web UI says what was done, in words and with the amount."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    history = await processes.handle(view.charge_id).fetch_history()
    (scheduled,) = [event for event in history.events if event.HasField("activity_task_scheduled_event_attributes")]
    assert scheduled.activity_task_scheduled_event_attributes.activity_type.name == "authorize"
    assert b"authorize 49.99 USD at stripe" in scheduled.user_metadata.summary.data


async def test_charges_are_found_by_status_gateway_currency_amount_customer_and_decline_code(
    processes: Processes,
) -> None:
    """Operations people filter for what they have to look at."""
    view = await processes.charge(processes.request("paypal", "wallet_instrument_declined", customer="cus_search"))
    query = (
        'ChargeStatus = "declined" AND ChargeGateway = "paypal" AND ChargeCurrency = "USD" AND ChargeAmountMinor = 4999 '
        'AND ChargeCustomer = "cus_search" AND ChargeDeclineCode = "INSTRUMENT_DECLINED"'
    )
    found: list[str] = []
    async with asyncio.timeout(20):
        while not found:  # visibility follows a moment later
            found = [workflow.id async for workflow in processes.client.list_workflows(query)]
            await asyncio.sleep(0.2)
    assert found == [f"charge/{view.charge_id}"]


async def test_the_current_details_say_where_a_charge_stands(processes: Processes) -> None:
    """Whoever opens a charge reads its state before its history."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    metadata = await processes.handle(view.charge_id).query("__temporal_workflow_metadata")
    details = metadata["currentDetails"] if isinstance(metadata, dict) else metadata.current_details
    assert details.startswith("**authorized** 49.99 USD at stripe")
