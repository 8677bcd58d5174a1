"""The contract: a gateway lists its past events, each once, within the time that is asked for, or says why it cannot."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways import paypal_past_events
from gateways.errors import GatewayError, Misconfigured, OutcomeUnknown
from gateways.paypal_past_events import Link, Listed
from gateways.port import Gateway
from gateways.stripe_past_events import LISTS
from gateways.webhooks.events import WebhookEvent
from gateways.webhooks.past_events import PastEvents
from gateways.webhooks.reading import read_event
from tests.gateways.cases import CAPTURE, REFUND, GatewayCase, money

simulator = pytest.mark.simulator
LIST = {"stripe": "/v1/events", "paypal": "/v1/notifications/webhooks-events"}
DAY = timedelta(days=1)


def listing(gateway: Gateway) -> PastEvents:
    """The adapter as what lists events."""
    assert isinstance(gateway, PastEvents)
    return gateway


def moment(case: GatewayCase) -> datetime:
    """The time at the gateway."""
    return datetime.fromtimestamp(case.simulator.now(), UTC)


async def listed(case: GatewayCase, since: datetime, until: datetime, limit: int = 50) -> list[WebhookEvent]:
    """Read a list to its end, each page within the limit."""
    events: list[WebhookEvent] = []
    page = None
    while True:
        found = await listing(case.gateway).list_events(since, until, page, limit)
        assert len(found.bodies) <= limit
        events += [read_event(case.name, body) for body in found.bodies]
        page = found.next_page
        if page is None:
            return events


@simulator
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_every_event_is_listed_once_whatever_the_pages(case: GatewayCase, limit: int) -> None:
    """Nothing is lost or doubled at the border of two pages, and each event leads to the operation that it is about."""
    since = moment(case)
    requests = []
    for _ in range(2):
        paid, captured = await case.paid()
        refund = case.following(REFUND, paid, captured, money("1.00"))
        await case.call(refund)
        requests += [paid, refund]
    events = await listed(case, since, moment(case), limit)
    ids = [event.event_id for event in events]
    assert len(ids) == len(set(ids))
    assert ids == [event.event_id for event in await listed(case, since, moment(case), 50)]
    named = {name for event in events for name in event.operation_ids}
    assert {request.operation_id for request in requests} <= named
    assert all(event.names for event in events)


@simulator
async def test_only_events_of_the_time_are_listed(case: GatewayCase) -> None:
    """From the one moment to the other, both included, so that nothing between two readings is missed."""
    first, _ = await case.paid()
    between = moment(case) + timedelta(seconds=60)
    case.simulator.advance_clock(120)
    second, _ = await case.paid()
    end = moment(case)

    def names(events: list[WebhookEvent]) -> set[str]:
        return {name for event in events for name in event.operation_ids}

    assert names(await listed(case, between - DAY, between)) == {first.operation_id}
    assert names(await listed(case, between, end + DAY)) == {second.operation_id}
    assert names(await listed(case, between - DAY, end)) == {first.operation_id, second.operation_id}


@simulator
async def test_a_gateway_where_nothing_happened_lists_nothing(case: GatewayCase) -> None:
    """An empty list is an answer, and comes to an end."""
    assert await listed(case, moment(case) - DAY, moment(case)) == []


@simulator
@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop"},
        {"action": "status", "status": 503},
        {"action": "rate_limit", "retry_after": 7},
        {"action": "html"},
        {"action": "truncate"},
    ],
    ids=lambda fault: str(fault["action"]),
)
async def test_a_list_that_cannot_be_read_is_an_error_and_never_empty(case: GatewayCase, fault: dict[str, Any]) -> None:
    """Nobody takes a gateway that is away for one at which nothing happened."""
    await case.paid()
    case.simulator.add_fault(method="GET", path=f"{LIST[case.name]}*", **fault)
    with pytest.raises(GatewayError) as raised:
        await listed(case, moment(case) - DAY, moment(case))
    if fault["action"] == "rate_limit":
        assert raised.value.retry_after_seconds == 7


@simulator
async def test_a_list_that_our_credentials_may_not_read_says_so(case: GatewayCase) -> None:
    """A person has to change a setting, and trying more often is of no use."""
    gateway = case.traits.wrong_credentials(case.simulator.url)
    try:
        with pytest.raises(Misconfigured):
            await listing(gateway).list_events(moment(case) - DAY, moment(case), None, 50)
    finally:
        await gateway.close()


@simulator
@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_stripe_is_asked_for_what_concerns_payments(case: GatewayCase) -> None:
    """The other events of an account are not read through page by page, and no more types are named than Stripe takes."""
    for types in LISTS.values():
        assert len(types) == len(set(types)) <= 20
    await case.created(case.operation(CAPTURE))
    assert await listed(case, moment(case) - DAY, moment(case)) == []


@simulator
@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_what_became_of_a_payment_method_is_listed_too(case: GatewayCase, limit: int) -> None:
    """Beside what became of payments, each once, whatever the pages."""
    await case.paid()
    before = {event.event_id for event in await listed(case, moment(case) - DAY, moment(case))}
    token = {"stripe": "pm_own", "paypal": "own"}[case.name]
    for number in range(3):
        more = {"customer": "cus_own"} if case.name == "stripe" else {}
        case.simulator.make_card(token, expires=f"203{number}-01", **more)
    case.simulator.remove_card(token)
    events = await listed(case, moment(case) - DAY, moment(case), limit)
    assert len(events) == len({event.event_id for event in events})
    assert before < {event.event_id for event in events}
    told = [event.event_type for event in events if token in event.tokens]
    renewed = ["payment_method.automatically_updated"] * 2
    assert (
        told
        == {
            "stripe": ["payment_method.detached", *renewed],
            "paypal": ["VAULT.PAYMENT-TOKEN.DELETED"],
        }[case.name]
    )


class Shown:
    """A session that shows a list with this link to the next page."""

    def __init__(self, href: str) -> None:
        self.href = href
        self.asked: list[str] = []

    async def get(self, path: str, shape: type[Listed]) -> Listed:
        """Show it, whatever is asked."""
        self.asked.append(path)
        return shape(events=[{"id": "WH-1"}], links=[Link(rel="next", href=self.href)])


@pytest.mark.parametrize(
    "href",
    [
        "https://api-m.paypal.com/v1/notifications/webhooks-events?page=2",
        "https://api-m.paypal.com/v1/notifications/webhooks-events/?page=2",
        "https://attacker.example/v1/notifications/webhooks-events?page=2",
    ],
)
async def test_a_link_says_what_to_ask_paypal_and_never_whom(href: str) -> None:
    """An access token is sent to the configured address only, wherever a link leads."""
    session: Any = Shown(href)
    now = datetime.now(UTC)
    page = await paypal_past_events.list_events(session, now - DAY, now, None, 50)
    await paypal_past_events.list_events(session, now - DAY, now, "page=1", 50)
    assert page.next_page == "page=2"
    assert session.asked[1] == "/v1/notifications/webhooks-events?page=1"


@pytest.mark.parametrize(
    "href",
    [
        "https://api-m.paypal.com/v1/payments/payouts?page=2",
        "https://api-m.paypal.com/v1/notifications/webhooks-events?page=1",
        "http://[broken",
        "",
    ],
)
async def test_a_link_to_anything_else_is_no_next_page(href: str) -> None:
    """A list that leads astray or in a circle is an error: what is behind it would be missed."""
    session: Any = Shown(href)
    now = datetime.now(UTC)
    with pytest.raises(OutcomeUnknown, match="links to more events where there are none"):
        await paypal_past_events.list_events(session, now - DAY, now, "page=1", 50)
