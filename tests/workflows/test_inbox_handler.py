"""Events in the inbox reach the process that they concern, whatever is down, out of order, unknown or poisonous."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from gateways.webhooks.events import WebhookEvent
from ledger import inbox
from ledger.charges import CaptureMode, ChargeStatus
from ledger.database import create_engine
from ledger.inbox import EventState, InboxEvent, NewEvent
from local.ports import free_port
from tests.faults.stories import BOTH
from tests.gateways.webhooks.sender import paypal_body, stripe_body
from tests.workflows.conftest import Processes
from workflows import charge, event_verdicts, inbox_handler, reconcile
from workflows.charge import ChargeWorkflow
from workflows.inbox_handler import InboxHandler

_numbers = itertools.count(1)


@pytest.fixture
async def handler(processes: Processes) -> InboxHandler:
    """A handler, which does nothing until it is asked."""
    return InboxHandler(processes.engine, processes.client, processes.settings.task_queue, {})


async def keep(processes: Processes, body: bytes, gateway: str = "stripe") -> int:
    """Put an event in the inbox; returns its number there."""
    new = NewEvent(
        gateway=gateway,
        event_id=f"evt_{next(_numbers)}",
        event_type="t",
        transmission_id=f"t_{next(_numbers)}",
        headers={},
        body=body,
    )
    async with processes.engine.begin() as connection:
        await inbox.keep(connection, new)
        [event, *_] = await inbox.find(connection, event_id=new.event_id)
    return event.sequence


async def kept(processes: Processes) -> dict[int, InboxEvent]:
    """The inbox, by number."""
    async with processes.engine.connect() as connection:
        return {event.sequence: event for event in await inbox.find(connection, limit=1000)}


def make_due(processes: Processes) -> None:
    """Let the time until the next try pass."""
    with psycopg.connect(processes.settings.migration_database_url) as connection:
        connection.execute("UPDATE webhook_events SET next_try_at = now() WHERE next_try_at IS NOT NULL")


async def hints(processes: Processes, workflow_id: str) -> int:
    """How many hints a process was given."""
    history = await processes.client.get_workflow_handle(workflow_id).fetch_history()
    return sum(
        event.workflow_execution_signaled_event_attributes.signal_name == "gateway_reported"
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    )


async def intent_of(processes: Processes, charge_id: str) -> str:
    """The gateway's object of a charge's payment."""
    [operation, *_] = await processes.operations(charge_id)
    assert operation.payment_reference
    return operation.payment_reference


@asynccontextmanager
async def cut_line(target: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """Stand between a client and a server until the line is cut; gives the address, and what cuts it."""
    host, _, port = target.rpartition(":")
    writers: list[asyncio.StreamWriter] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        writers.extend((writer, inner_writer))
        await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))

    own_port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", own_port)

    def cut() -> None:
        server.close()
        for writer in writers:
            writer.transport.abort()

    yield f"127.0.0.1:{own_port}", cut
    cut()


async def test_what_the_books_say_already_wakes_nobody(processes: Processes, handler: InboxHandler) -> None:
    """The usual events after a usual charge cost neither a process nor a request to the gateway."""
    request = processes.request("stripe")
    await processes.charge(request)
    sequence = await keep(processes, stripe_body(id=await intent_of(processes, request.charge_id)))
    assert await handler.handle_due() == 1
    event = (await kept(processes))[sequence]
    assert (event.state, event.result) == (EventState.HANDLED, "the books say so already")
    assert (event.charge_id, event.operation_id) == (request.charge_id, f"{request.charge_id}:capture:1")
    with pytest.raises(RPCError):
        await processes.client.get_workflow_handle(reconcile.workflow_id(request.charge_id)).describe()


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
async def test_an_open_process_is_told(processes: Processes, handler: InboxHandler, gateway: str) -> None:
    """A charge that waits for its customer hears at once that the customer has acted, once for several events."""
    token = {"stripe": "pm_card_authenticationRequired", "paypal": "wallet_payer_action"}[gateway]
    request = processes.request(gateway, token)
    await processes.charge(request)
    payment = await intent_of(processes, request.charge_id)
    for _ in range(3):
        if gateway == "stripe":
            await keep(processes, stripe_body(id=payment))
        else:
            await keep(processes, paypal_body(event_type="CHECKOUT.ORDER.APPROVED", id=payment), "paypal")
    assert await handler.handle_due() == 3
    process = charge.workflow_id(request.charge_id)
    assert {event.result for event in (await kept(processes)).values()} == {f"told {process}"}
    assert await hints(processes, process) == 1


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
async def test_what_an_event_claims_is_not_believed(processes: Processes, handler: InboxHandler, gateway: str) -> None:
    """A success of which the gateway itself knows nothing ends no charge and books nothing, however it was signed."""
    token = {"stripe": "pm_card_authenticationRequired", "paypal": "wallet_payer_action"}[gateway]
    request = processes.request(gateway, token)
    await processes.charge(request)
    payment = await intent_of(processes, request.charge_id)
    custom_id = f"{request.charge_id}:capture:1"
    await keep(processes, stripe_body(id=payment) if gateway == "stripe" else paypal_body(custom_id=custom_id), gateway)
    assert await handler.handle_due() == 1
    assert await hints(processes, charge.workflow_id(request.charge_id)) == 1
    view = await processes.handle(request.charge_id).query(ChargeWorkflow.status)
    assert view.status is ChargeStatus.REQUIRES_ACTION
    assert (await processes.row(request.charge_id)).status is ChargeStatus.REQUIRES_ACTION
    assert await processes.rules(request.charge_id) == []


async def test_news_about_a_charge_that_has_ended_starts_the_search_for_later_facts(
    processes: Processes, handler: InboxHandler
) -> None:
    """A refund that somebody made in the gateway's dashboard is looked into, although the charge's process has ended."""
    request = processes.request("stripe")
    await processes.charge(request)
    await processes.handle(request.charge_id).result()
    intent = await intent_of(processes, request.charge_id)
    refund = {"id": "re_9", "object": "refund", "payment_intent": intent, "status": "succeeded"}
    sequence = await keep(processes, stripe_body(event_type="refund.created", **refund))
    await handler.handle_due()
    later = reconcile.workflow_id(request.charge_id)
    assert (await kept(processes))[sequence].result == f"told {later}"
    assert (await processes.client.get_workflow_handle(later).describe()).status is not None


async def test_news_about_an_attempt_that_was_left_behind_does_not_wait_until_the_charge_has_ended(
    processes: Processes, handler: InboxHandler
) -> None:
    """What was reserved in excess is released at once, while the charge waits for its capture, which may be for weeks."""
    wish = processes.request("stripe", payment_methods=BOTH, capture=CaptureMode.MANUAL)
    request = wish.model_copy(update={"gateway": "stripe"})
    first = f"{request.charge_id}:authorize:1"
    stripe = processes.simulators["stripe"]
    stripe.add_fault(method="POST", operation=first, action="late_success", delay_seconds=60)
    view = await processes.charge(request)
    assert (view.status, view.gateway) == (ChargeStatus.AUTHORIZED, "paypal")
    stripe.advance_clock(61)
    body = stripe_body(
        event_type="payment_intent.amount_capturable_updated", id=await intent_of(processes, request.charge_id)
    )
    sequence = await keep(processes, body)
    await handler.handle_due()
    assert (await kept(processes))[sequence].result == f"told {reconcile.workflow_id(request.charge_id)}"
    async with asyncio.timeout(30):
        while await processes.rules(request.charge_id) != ["authorized", "authorized", "authorization_released"]:
            await asyncio.sleep(0.1)
    assert (await processes.row(request.charge_id)).status is ChargeStatus.AUTHORIZED


async def test_an_event_that_comes_before_its_operation_is_matched_later(
    processes: Processes, handler: InboxHandler
) -> None:
    """An event about something that we do not know yet is kept, tried again, and found when we know it."""
    request = processes.request("stripe")
    body = stripe_body(id="pi_unseen", metadata={"operation_id": f"{request.charge_id}:capture:1"})
    sequence = await keep(processes, body)
    await handler.handle_due()
    event = (await kept(processes))[sequence]
    assert (event.state, event.attempts) == (EventState.UNMATCHED, 1)
    assert event.next_try_at is not None
    await processes.charge(request)
    assert await handler.handle_due() == 0
    make_due(processes)
    assert await handler.handle_due() == 1
    assert (await kept(processes))[sequence].state is EventState.HANDLED


async def test_an_event_about_another_gateways_object_finds_nothing(
    processes: Processes, handler: InboxHandler
) -> None:
    """An id that both gateways could give leads only to the operation at the gateway that the event is of."""
    request = processes.request("stripe")
    await processes.charge(request)
    body = paypal_body(id=await intent_of(processes, request.charge_id), custom_id=f"{request.charge_id}:capture:1")
    sequence = await keep(processes, body, "paypal")
    await handler.handle_due()
    assert (await kept(processes))[sequence].state is EventState.UNMATCHED


async def test_while_temporal_is_away_events_wait(processes: Processes, handler: InboxHandler) -> None:
    """No event is lost for an outage of Temporal's: each is tried again, and handed over when it is back."""
    request = processes.request("stripe", "pm_card_authenticationRequired")
    await processes.charge(request)
    sequence = await keep(processes, stripe_body(id=await intent_of(processes, request.charge_id)))
    async with cut_line(processes.settings.temporal_address) as (address, cut):
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        cut()
        await InboxHandler(processes.engine, client, processes.settings.task_queue, {}).handle_due()
    event = (await kept(processes))[sequence]
    assert event.state is EventState.FAILED
    assert event.result is not None
    assert event.result.startswith("Temporal could not take it: ")
    assert event.charge_id == request.charge_id
    make_due(processes)
    await handler.handle_due()
    event = (await kept(processes))[sequence]
    assert (event.state, event.result) == (EventState.HANDLED, f"told {charge.workflow_id(request.charge_id)}")


async def test_a_poisonous_event_stands_in_nobodys_way(
    processes: Processes, handler: InboxHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that our code fails on is set aside with the reason, and all others of its batch are handled."""
    judge = event_verdicts.verdict_of

    def poisoned(event: WebhookEvent, *rest: Any, **options: Any) -> event_verdicts.Verdict:
        if "pi_poison" in event.references:
            raise ZeroDivisionError("what nobody thought of\x00")
        return judge(event, *rest, **options)

    monkeypatch.setattr(inbox_handler, "verdict_of", poisoned)
    poison = await keep(processes, stripe_body(id="pi_poison"))
    others = [await keep(processes, stripe_body(id=f"pi_{number}")) for number in range(20)]
    await handler.handle_due()
    found = await kept(processes)
    assert {found[sequence].state for sequence in others} == {EventState.UNMATCHED}
    assert found[poison].state is EventState.FAILED
    assert found[poison].result == "a defect: ZeroDivisionError: what nobody thought of"
    assert found[poison].next_try_at is not None


async def test_an_event_that_this_version_cannot_read_is_set_aside(processes: Processes, handler: InboxHandler) -> None:
    """What was genuine and is no event any more, after a change of the code, breaks nothing."""
    sequence = await keep(processes, b"not json")
    await handler.handle_due()
    assert (await kept(processes))[sequence].state is EventState.IGNORED


async def test_several_workers_handle_each_event_once(processes: Processes, handler: InboxHandler) -> None:
    """However many workers there are, an event is handled by one of them."""
    count = 2 * inbox_handler.BATCH
    for number in range(count):
        await keep(processes, stripe_body(id=f"pi_{number}"))
    others = [InboxHandler(processes.engine, processes.client, processes.settings.task_queue, {}) for _ in range(3)]
    taken = await asyncio.gather(*(each.handle_due() for each in (handler, *others)))
    assert sum(taken) == count
    assert {event.attempts for event in (await kept(processes)).values()} == {1}


async def test_a_replay_tells_the_process_whatever_the_books_say(processes: Processes, handler: InboxHandler) -> None:
    """Whoever asks for an event to be handled again makes the process look at the gateway again."""
    request = processes.request("stripe")
    await processes.charge(request)
    await processes.handle(request.charge_id).result()
    sequence = await keep(processes, stripe_body(id=await intent_of(processes, request.charge_id)))
    await handler.handle_due()
    [settled] = await handler.handle_again([sequence])
    later = reconcile.workflow_id(request.charge_id)
    assert (settled.state, settled.result) == (EventState.HANDLED, f"told {later}")
    described = await processes.client.get_workflow_handle(later).describe()
    assert described.status in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}


async def test_the_handler_outlives_an_outage_of_postgresql(processes: Processes) -> None:
    """A worker whose database goes away goes on handling events when it is back."""
    away = create_engine("postgresql://quittance_app@127.0.0.1:1/quittance", 1)
    running = asyncio.create_task(InboxHandler(away, processes.client, processes.settings.task_queue, {}).run())
    await asyncio.sleep(0.5)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await away.dispose()


def test_an_event_is_tried_more_and_more_seldom_and_not_for_ever() -> None:
    """The first retry comes within seconds, none comes later than two hours after the last, and after three days it ends."""
    now = datetime(2026, 11, 25, tzinfo=UTC)
    event = InboxEvent(
        **dict.fromkeys(InboxEvent.model_fields)
        | {
            "sequence": 1,
            "gateway": "stripe",
            "event_id": "evt_1",
            "event_type": "t",
            "body": b"{}",
            "headers": {},
            "received_at": now,
            "deliveries": 1,
            "state": "received",
            "attempts": 1,
            "came_by": "delivery",
        }
    )
    delays = []
    while (delay := inbox_handler.retry_after(event, now)) is not None:
        delays.append(delay)
        now += delay
        event = event.model_copy(update={"attempts": event.attempts + 1})
    assert delays[0] == timedelta(seconds=5)
    assert delays == sorted(delays)
    assert max(delays) == timedelta(hours=2)
    assert timedelta(days=3) <= now - event.received_at < timedelta(days=3, hours=2)
    assert len(delays) < 60
