"""Lists: order, pages, filters and expansions."""

from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller


async def test_pages(caller: Caller) -> None:
    """Pages from newest to oldest cover everything once, forward and backward."""
    ids = [(await caller.payment_intent())["id"] for _ in range(5)]
    ids.reverse()
    first = (await caller.get("/v1/payment_intents", limit=2)).body
    assert ([entry["id"] for entry in first["data"]], first["has_more"]) == (ids[:2], True)
    assert first["url"] == "/v1/payment_intents"
    rest = (await caller.get("/v1/payment_intents", limit=3, starting_after=ids[1])).body
    assert ([entry["id"] for entry in rest["data"]], rest["has_more"]) == (ids[2:], False)
    before = (await caller.get("/v1/payment_intents", limit=2, ending_before=ids[4])).body
    assert ([entry["id"] for entry in before["data"]], before["has_more"]) == (ids[2:4], True)


async def test_created_and_customer(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A customer's payments since a moment can be found, which settles an unknown outcome."""
    customer = (await caller.post("/v1/customers")).body["id"]
    await caller.payment_intent(customer=customer)
    stripe_simulator.advance_clock(100)
    now = stripe_simulator.now()
    late = await caller.payment_intent(customer=customer)
    await caller.payment_intent()
    found = await caller.get("/v1/payment_intents", customer=customer, created={"gte": now})
    assert [entry["id"] for entry in found.body["data"]] == [late["id"]]
    assert len((await caller.get("/v1/payment_intents", customer=customer)).body["data"]) == 2


async def test_expansions(caller: Caller) -> None:
    """Ids become objects along the path, in lists as well; what cannot be expanded is refused."""
    paid = await caller.confirmed()
    path = ["data.latest_charge.balance_transaction", "data.payment_method"]
    (entry,) = (await caller.get("/v1/payment_intents", expand=path)).body["data"]
    assert entry["latest_charge"]["balance_transaction"]["fee"] == 88
    assert entry["payment_method"]["card"]["last4"] == "4242"
    charge = await caller.get(f"/v1/charges/{paid['latest_charge']}", expand=["refunds", "payment_intent"])
    assert charge.body["refunds"]["data"] == []
    assert charge.body["payment_intent"]["id"] == paid["id"]
    moved = await caller.get("/v1/balance_transactions", expand=["data.source"])
    assert moved.body["data"][0]["source"]["id"] == paid["latest_charge"]
    assert (await caller.get(f"/v1/payment_intents/{paid['id']}", expand=["flavour"])).status == 400
    assert (await caller.get(f"/v1/payment_intents/{paid['id']}", expand=["a.b.c.d.e"])).status == 400


async def test_wrong_cursor_and_limit(caller: Caller) -> None:
    """A page behind an unknown object, or of an impossible size, is refused."""
    assert (await caller.get("/v1/charges", starting_after="ch_unknown")).error["code"] == "resource_missing"
    assert (await caller.get("/v1/charges", limit=101)).status == 400
    assert (await caller.get("/v1/charges", limit=0)).status == 400


async def test_events_of_a_payment(caller: Caller) -> None:
    """Each change leaves an event with the object as it was then, and with the key that caused it."""
    created = await caller.payment_intent(capture_method="automatic")
    await caller.post(f"/v1/payment_intents/{created['id']}/confirm", "c1:capture:1")
    events = (await caller.get("/v1/events")).body["data"]
    kinds = [event["type"] for event in events]
    assert kinds == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]
    assert events[0]["request"]["idempotency_key"] == "c1:capture:1"
    assert events[2]["data"]["object"]["status"] == "requires_confirmation"
    assert not [name for event in events for name in event["data"]["object"] if name.startswith("_")]
    assert (await caller.get(f"/v1/events/{events[0]['id']}")).body == events[0]
    only = (await caller.get("/v1/events", type="charge.succeeded")).body["data"]
    assert [event["id"] for event in only] == [events[1]["id"]]


async def test_events_of_several_types_page_by_page(caller: Caller) -> None:
    """Whoever catches up asks for up to 20 types within a time, and gets each event once, whatever the size of a page."""
    for _ in range(3):
        await caller.confirmed()
    everything = (await caller.get("/v1/events", limit=100)).body["data"]
    kinds = ["payment_intent.succeeded", "charge.succeeded"]
    wanted = [event["id"] for event in everything if event["type"] in kinds]
    assert len(wanted) == 6
    moments = [event["created"] for event in everything]
    asked = {"types": kinds, "created": {"gte": min(moments), "lte": max(moments)}, "limit": 4}
    first = (await caller.get("/v1/events", **asked)).body
    assert first["has_more"]
    second = (await caller.get("/v1/events", **asked, starting_after=first["data"][-1]["id"])).body
    assert not second["has_more"]
    assert [event["id"] for event in first["data"] + second["data"]] == wanted
    earlier = {**asked, "created": {"lte": min(moments) - 1}}
    assert (await caller.get("/v1/events", **earlier)).body["data"] == []


async def test_types_of_events_that_are_refused(caller: Caller) -> None:
    """A filter that Stripe would not take is not silently widened."""
    both = await caller.get("/v1/events", type="charge.succeeded", types=["charge.failed"])
    assert (both.status, both.error["param"]) == (400, "types")
    many = await caller.get("/v1/events", types=[f"charge.t{number}" for number in range(21)])
    assert (many.status, many.error["param"]) == (400, "types")


async def test_events_are_shown_for_thirty_days(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """What is older can be read nowhere any more, so nobody may rely on it."""
    await caller.confirmed()
    [event, *_] = (await caller.get("/v1/events")).body["data"]
    stripe_simulator.advance_clock(30 * 24 * 3600 + 60)
    assert (await caller.get("/v1/events")).body["data"] == []
    assert (await caller.get(f"/v1/events/{event['id']}")).status == 404


async def test_customers_and_payment_methods(caller: Caller) -> None:
    """Customers and payment methods can be read; each use of a test token is a new payment method."""
    customer = (await caller.post("/v1/customers", name="Ann", payment_method="pm_card_mastercard")).body
    assert (await caller.get(f"/v1/customers/{customer['id']}")).body == customer
    first, second = await caller.payment_intent(), await caller.payment_intent()
    assert first["payment_method"] != second["payment_method"]
    method = (await caller.get(f"/v1/payment_methods/{first['payment_method']}")).body
    assert (method["card"]["brand"], method["card"]["last4"]) == ("visa", "4242")
    assert (await caller.get("/v1/customers/cus_unknown")).status == 404
