"""A card that its network renewed is read again and written down, whatever happens to the event that tells of it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from billing import customers, invoice_books, methods
from billing.methods import Method, MethodRequest
from gateways import adapters
from gateways.port import Gateway
from gateways.webhooks.past_events import PastEvents
from ledger import inbox
from ledger.answers import CardFacts
from ledger.inbox import CameBy, EventState, InboxEvent, NewEvent
from tests.billing.books import customer_request
from tests.billing.owed_samples import asked
from tests.gateways.webhooks.sender import paypal_body, stripe_body
from tests.workflows.conftest import Processes
from tests.workflows.event_lists import kept
from workflows import inbox_handler
from workflows.event_catch_up import EventCatchUp
from workflows.inbox_handler import InboxHandler

_numbers = itertools.count(1)
GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
AT_GATEWAY = {"stripe": "pm_own", "paypal": "own"}
OURS = {"stripe": "pm_own", "paypal": "card/own"}
READ = {"stripe": "/v1/payment_methods/*", "paypal": "/v3/vault/payment-tokens/*"}
RUNNING = """
INSERT INTO dunning_policies (version, name, content) VALUES ('v', 'p', '{}');
INSERT INTO dunnings (invoice_id, customer_id, policy_version, policy_name, failed_at, amount_minor, currency, began_at,
    began_by) VALUES ('in_1', 'cus_1', 'v', 'p', now(), 100, 'USD', now(), 'person:a');
DELETE FROM process_wakes;
"""
"""A dunning of the customer's, as much of it as its wakes need."""


@pytest.fixture
async def gateways(processes: Processes) -> AsyncIterator[Mapping[str, Gateway]]:
    """The real adapters, over HTTP to the simulators."""
    built = adapters.of_settings(processes.settings)
    yield built
    await adapters.close(built)


@pytest.fixture
def handler(processes: Processes, gateways: Mapping[str, Gateway]) -> InboxHandler:
    """A handler, which does nothing until it is asked."""
    return InboxHandler(processes.engine, processes.client, processes.settings.task_queue, gateways)


def keep_card(processes: Processes, gateway: str, **card: Any) -> None:
    """Let the gateway keep a card for the customer, or its network renew it."""
    more = {"customer": "cus_at_stripe"} if gateway == "stripe" else {}
    processes.simulators[gateway].make_card(AT_GATEWAY[gateway], **more, **card)


async def has_method(processes: Processes, gateway: str) -> Method:
    """A customer with a card at the gateway, that runs out, and a running dunning."""
    keep_card(processes, gateway, expires="2027-03", fingerprint="old")
    request = MethodRequest(
        method_id="pm_1",
        customer_id="cus_1",
        gateway=gateway,
        token=OURS[gateway],
        gateway_customer="cus_at_stripe" if gateway == "stripe" else None,
        brand="visa",
        country="US",
        funding="credit",
        expires_on=date(2027, 3, 31),
        fingerprint="old" if gateway == "stripe" else None,
        actor="person:alice",
    )
    async with processes.engine.begin() as connection:
        await customers.add(connection, customer_request())
        method, _ = await methods.add(connection, request)
        await invoice_books.draft(connection, asked(1900, invoice_id="in_1"))
    with psycopg.connect(processes.settings.migration_database_url) as superuser:
        superuser.execute(RUNNING)
    return method


async def method_now(processes: Processes) -> Method:
    """The card as the books have it."""
    async with processes.engine.connect() as connection:
        return await methods.known(connection, "pm_1")


def woken(processes: Processes) -> list[tuple[str, str]]:
    """Which processes have something to look at."""
    with psycopg.connect(processes.settings.migration_database_url) as superuser:
        return superuser.execute("SELECT process, subject FROM process_wakes ORDER BY wake_id").fetchall()


async def comes(processes: Processes, body: bytes, gateway: str = "stripe") -> None:
    """Put an event in the inbox."""
    number = next(_numbers)
    new = NewEvent(
        gateway=gateway, event_id=f"evt_m{number}", event_type="t", transmission_id=f"m{number}", headers={}, body=body
    )
    async with processes.engine.begin() as connection:
        await inbox.keep(connection, new)


def told(change: str = "automatically_updated", pm: str = "pm_own", **thing: Any) -> bytes:
    """Stripe's event about a PaymentMethod."""
    return stripe_body(event_type=f"payment_method.{change}", id=pm, object="payment_method", **thing)


def gone(vault_id: str = "own") -> bytes:
    """PayPal's event about a token that was deleted."""
    return paypal_body(event_type="VAULT.PAYMENT-TOKEN.DELETED", id=vault_id)


async def only_event(processes: Processes) -> InboxEvent:
    """What became of the one event."""
    [event] = await kept(processes)
    return event


def make_due(processes: Processes) -> None:
    """Let the time until the next try pass."""
    with psycopg.connect(processes.settings.migration_database_url) as connection:
        connection.execute("UPDATE webhook_events SET next_try_at = now() WHERE next_try_at IS NOT NULL")


def reads(processes: Processes, gateway: str = "stripe") -> int:
    """How often the gateway was asked for the card."""
    path = READ[gateway].removesuffix("*")
    asked = processes.simulators[gateway].truth()["requests"]
    return sum(each["method"] == "GET" and each["path"].startswith(path) for each in asked)


async def test_a_renewed_card_is_read_written_and_wakes_its_dunning(
    processes: Processes, handler: InboxHandler
) -> None:
    """The customer's card goes on under its new number, and the unpaid invoice is looked at again at once."""
    before = await has_method(processes, "stripe")
    keep_card(processes, "stripe", expires="2031-02", fingerprint="new")
    await comes(processes, told())
    assert await handler.handle_due() == 1
    event = await only_event(processes)
    assert (event.state, event.result) == (EventState.HANDLED, "payment method pm_1 is renewed")
    after = await method_now(processes)
    assert (after.expires_on, after.fingerprint, after.renewed_by) == (date(2031, 2, 28), "new", "gateway:stripe")
    assert after.card != before.card
    assert woken(processes) == [("dunning", "in_1")]


async def test_what_an_event_says_of_a_card_is_not_believed(processes: Processes, handler: InboxHandler) -> None:
    """A card that the event renews, and the gateway does not, is as it was, and nobody tries it for that."""
    before = await has_method(processes, "stripe")
    await comes(processes, told(customer=None, card={"exp_year": 2099, "exp_month": 1, "fingerprint": "forged"}))
    await comes(processes, told("detached", customer=None))
    assert await handler.handle_due() == 2
    assert await method_now(processes) == before
    assert {event.result for event in await kept(processes)} == {"payment method pm_1 is as its gateway has it"}
    assert woken(processes) == []


@GATEWAYS
async def test_a_card_that_was_taken_away_at_its_gateway_is_removed(
    processes: Processes, handler: InboxHandler, gateway: str
) -> None:
    """Nothing is tried with it any more, the reason is written beside it, and its dunning looks for another way."""
    await has_method(processes, gateway)
    processes.simulators[gateway].remove_card(AT_GATEWAY[gateway])
    await comes(processes, told("detached") if gateway == "stripe" else gone(), gateway)
    await handler.handle_due()
    after = await method_now(processes)
    assert (after.removed_by, after.removed_because) == (f"gateway:{gateway}", f"{gateway} has it no more")
    assert (await only_event(processes)).result == f"payment method pm_1 is removed: {gateway} has it no more"
    assert woken(processes) == [("dunning", "in_1")]


async def test_paypals_word_that_a_token_is_gone_is_not_believed_either(
    processes: Processes, handler: InboxHandler
) -> None:
    """No customer loses a payment method by an event alone; what the vault shows of its card meanwhile is written."""
    await has_method(processes, "paypal")
    keep_card(processes, "paypal", expires="2031-02")
    await comes(processes, gone(), "paypal")
    await handler.handle_due()
    after = await method_now(processes)
    assert (after.is_gone, after.expires_on) == (False, date(2031, 2, 28))


@GATEWAYS
async def test_a_token_that_is_not_ours_costs_no_request(
    processes: Processes, handler: InboxHandler, gateway: str
) -> None:
    """Another system's customers at the same account are none of our business; neither is a method that we removed."""
    await has_method(processes, gateway)
    await comes(processes, told(pm="pm_other") if gateway == "stripe" else gone("other"), gateway)
    await handler.handle_due()
    event = await only_event(processes)
    assert (event.state, event.result) == (EventState.IGNORED, "no payment method of ours has this token")
    async with processes.engine.begin() as connection:
        await methods.remove(connection, "pm_1", actor="person:alice")
    await comes(processes, told() if gateway == "stripe" else gone(), gateway)
    await handler.handle_due()
    assert {each.state for each in await kept(processes)} == {EventState.IGNORED}
    assert reads(processes, gateway) == 0


async def test_a_token_of_another_gateway_finds_nothing(processes: Processes, handler: InboxHandler) -> None:
    """An id that both gateways could give leads only to the method at the gateway that the event is of."""
    await has_method(processes, "stripe")
    await comes(processes, gone("pm_own"), "paypal")
    await handler.handle_due()
    assert (await only_event(processes)).state is EventState.IGNORED


async def test_many_events_about_one_card_are_one_reading(processes: Processes, handler: InboxHandler) -> None:
    """Networks tell of crowds: what came together is asked once, and renewed once."""
    await has_method(processes, "stripe")
    keep_card(processes, "stripe", expires="2031-02")
    for _ in range(3):
        await comes(processes, told())
    assert await handler.handle_due() == 3
    assert {event.result for event in await kept(processes)} == {"payment method pm_1 is renewed"}
    assert reads(processes) == 1
    assert woken(processes) == [("dunning", "in_1")]


async def test_two_workers_with_an_event_each_renew_once(
    processes: Processes, handler: InboxHandler, gateways: Mapping[str, Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read the same, and the second finds it written: no process is woken twice for one renewal."""
    await has_method(processes, "stripe")
    keep_card(processes, "stripe", expires="2031-02")
    monkeypatch.setattr(inbox_handler, "BATCH", 1)
    for _ in range(2):
        await comes(processes, told())
    other = InboxHandler(processes.engine, processes.client, processes.settings.task_queue, gateways)
    path = READ["stripe"]
    processes.simulators["stripe"].add_fault(method="GET", path=path, action="delay", delay_seconds=0.5, times=2)
    assert sum(await asyncio.gather(handler.handle_due(), other.handle_due())) == 2
    assert reads(processes) == 2
    assert {event.state for event in await kept(processes)} == {EventState.HANDLED}
    assert woken(processes) == [("dunning", "in_1")]


async def test_an_answer_that_was_overtaken_is_asked_for_again(
    processes: Processes, handler: InboxHandler, gateways: Mapping[str, Gateway]
) -> None:
    """A slow reading of the card before its renewal does not undo the renewal: the event waits, and is read again."""
    await has_method(processes, "stripe")
    keep_card(processes, "stripe", expires="2028-01")
    stripe = gateways["stripe"]
    read = stripe.read_method  # type: ignore[attr-defined]

    async def overtaken(token: str, customer: str | None) -> Any:
        facts = await read(token, customer)
        async with processes.engine.begin() as connection:
            seen = await methods.known(connection, "pm_1")
            newer = CardFacts(expires="2031-02")
            await methods.renew(connection, seen, newer, actor="person:alice")
        return facts

    stripe.read_method = overtaken  # type: ignore[attr-defined]
    await comes(processes, told())
    await handler.handle_due()
    event = await only_event(processes)
    assert event.state is EventState.FAILED
    assert "it changed while its gateway was asked" in (event.result or "")
    assert (await method_now(processes)).expires_on == date(2031, 2, 28)
    stripe.read_method = read  # type: ignore[attr-defined]
    keep_card(processes, "stripe", expires="2031-02")
    make_due(processes)
    await handler.handle_due()
    assert (await only_event(processes)).state is EventState.HANDLED


@GATEWAYS
@pytest.mark.parametrize("fault", [{"action": "drop"}, {"action": "status", "status": 503}, {"action": "rate_limit"}])
async def test_while_a_gateway_is_away_the_event_waits(
    processes: Processes, handler: InboxHandler, gateway: str, fault: dict[str, Any]
) -> None:
    """Nothing is lost and nothing removed for an outage: the event is tried again, and then the card is read."""
    before = await has_method(processes, gateway)
    keep_card(processes, gateway, expires="2031-02")
    processes.simulators[gateway].add_fault(method="GET", path=READ[gateway], times=None, **fault)
    await comes(processes, told() if gateway == "stripe" else gone(), gateway)
    await handler.handle_due()
    event = await only_event(processes)
    assert event.state is EventState.FAILED
    assert event.next_try_at is not None
    assert (event.result or "").startswith("payment method pm_1 was not read: ")
    assert await method_now(processes) == before
    processes.simulators[gateway].clear_faults()
    make_due(processes)
    await handler.handle_due()
    assert (await only_event(processes)).state is EventState.HANDLED
    assert (await method_now(processes)).expires_on == date(2031, 2, 28)


async def test_a_gateway_that_hangs_holds_up_no_payment(
    processes: Processes, handler: InboxHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the batch tells of payments is settled before the first card is read, and the reading ends in time."""
    await has_method(processes, "stripe")
    processes.simulators["stripe"].add_fault(
        method="GET", path=READ["stripe"], action="delay", delay_seconds=5, times=None
    )
    monkeypatch.setattr(inbox_handler, "READ_SECONDS", 0.5)
    await comes(processes, stripe_body(event_type="payout.paid", id="po_1", object="payout"))
    await comes(processes, told())
    async with asyncio.timeout(10):
        handling = asyncio.create_task(handler.handle_due())
        while {event.state for event in await kept(processes)} != {EventState.RECEIVED, EventState.IGNORED}:
            await asyncio.sleep(0.02)
        assert not handling.done()
        await handling
    [_, waits] = sorted(await kept(processes), key=lambda event: event.sequence)
    assert (waits.state, waits.result) == (
        EventState.FAILED,
        "payment method pm_1 was not read: no answer of stripe in time",
    )


async def test_a_gateway_that_shows_no_methods_is_left_to_people(processes: Processes) -> None:
    """It says so, and nothing is taken for gone."""
    before = await has_method(processes, "stripe")
    await comes(processes, told())
    await InboxHandler(processes.engine, processes.client, processes.settings.task_queue, {}).handle_due()
    event = await only_event(processes)
    assert event.state is EventState.FAILED
    assert "stripe: shows no payment methods" in (event.result or "")
    assert await method_now(processes) == before


@GATEWAYS
async def test_with_its_webhook_lost_the_news_is_found_in_the_list_of_events(
    processes: Processes, handler: InboxHandler, gateways: Mapping[str, Gateway], gateway: str
) -> None:
    """A renewed or removed card is heard of without a single delivery, within one catch-up."""
    processes.simulators[gateway].configure(webhooks="drop")
    await has_method(processes, gateway)
    if gateway == "stripe":
        keep_card(processes, "stripe", expires="2031-02")
    else:
        processes.simulators["paypal"].remove_card("own")
    source = gateways[gateway]
    assert isinstance(source, PastEvents)
    assert await EventCatchUp(processes.engine, [], timedelta(minutes=5)).read_due(source)
    assert (await only_event(processes)).came_by is CameBy.POLLING
    assert await handler.handle_due() == 1
    after = await method_now(processes)
    assert (after.renewed_at is not None, after.is_gone) == (gateway == "stripe", gateway == "paypal")
    assert woken(processes) == [("dunning", "in_1")]


async def test_a_replay_reads_the_card_again(processes: Processes, handler: InboxHandler) -> None:
    """Whoever asks for an old event to be handled again has the card looked at as it is today."""
    await has_method(processes, "stripe")
    await comes(processes, told())
    await handler.handle_due()
    keep_card(processes, "stripe", expires="2031-02")
    [settled] = await handler.handle_again([(await only_event(processes)).sequence])
    assert settled.result == "payment method pm_1 is renewed"
