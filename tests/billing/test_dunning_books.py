"""Beginning to recover an invoice: once, only of what is open, by the policy of its segment, which is kept."""

import asyncio

import pytest

from billing import dunning_books, subscription_books
from billing.dunning import policy_file
from billing.dunning.policy import Edition, InvoiceEnd, SubscriptionEnd
from billing.errors import ChangeRefused, UnknownId
from tests.billing.owed_samples import ALICE
from tests.billing.recovery import DAY, FAILED_AT, Recovery, edition, ending


def segmented() -> Edition:
    """One policy for companies, one for dear invoices of the plan, and one for all others."""
    text = policy_file.DEFAULT.read_text()
    head, body = text.split("      - name: standard\n")
    company = "      - name: company\n        when: {customer_type: [company]}\n" + body
    pro = (
        "      - name: pro\n        when: {plan: [pro], customer_type: [person], amount: {USD: {min_minor: 1500}}}\n"
        + body
    )
    rest = "      - name: rest\n" + body
    return policy_file.parse(head + company + pro + rest, "segments.yaml").editions[0]


async def test_it_begins_once_with_what_is_due_and_is_told(recovery: Recovery) -> None:
    """Several that begin at once begin one: one row, one event; who begins it starts its process."""
    await recovery.pay(400, invoices=("in_1",))
    begun = await asyncio.gather(*(recovery.dun() for _ in range(4)))
    assert len({each.model_dump_json() for each in begun}) == 1
    assert (begun[0].amount_minor, begun[0].currency, begun[0].policy) == (1500, "USD", "2026-11/standard")
    assert await recovery.told() == [("dunning.began", "invoice/in_1")]
    assert "dunning/in_1" not in await recovery.woken()
    assert await recovery.dun(at=FAILED_AT + DAY) == begun[0]


async def test_what_a_person_begins_is_woken(recovery: Recovery) -> None:
    """Nobody else starts its process."""
    await recovery.step(
        lambda books: dunning_books.begin(books, "in_1", edition(), failed_at=FAILED_AT, now=FAILED_AT, actor=ALICE)
    )
    assert "dunning/in_1" in await recovery.woken()


async def test_only_what_is_open_is_recovered(recovery: Recovery) -> None:
    """Unknown, paid, void: refused, and nothing is written."""
    with pytest.raises(UnknownId, match="there is no invoice in_9: check the id with `invoices list`"):
        await recovery.dun("in_9")
    await recovery.issue("in_2", 500)
    await recovery.void("in_2")
    await recovery.pay(1900)
    await recovery.issue("in_free", 0)
    for name, state in (("in_1", "paid"), ("in_2", "void"), ("in_free", "paid")):
        with pytest.raises(ChangeRefused, match=f"dunning {name}: invoice {name} is {state}, and only what is open"):
            await recovery.dun(name)
    assert await recovery.told() == []
    assert await recovery.step(dunning_books.find) == []


async def test_its_subscription_stands_past_due(recovery: Recovery) -> None:
    """From the failure on; one that was paused meanwhile stays so."""
    await recovery.subscribe()
    name = await recovery.bill()
    await recovery.woken()
    await recovery.fail(name)
    assert await recovery.subscription() == "past_due"
    assert {"subscription/sub_1", f"dunning/{name}"} <= await recovery.woken()


async def test_a_paused_subscription_stays_paused(recovery: Recovery) -> None:
    """Recovery of an old invoice does not resume it."""
    await recovery.subscribe()
    name = await recovery.bill()
    await recovery.step(
        lambda books: subscription_books.pause(books, "sub_1", None, now=FAILED_AT, actor=ALICE, because="a holiday")
    )
    await recovery.fail(name)
    assert await recovery.subscription() == "paused"


async def test_the_policy_is_that_of_the_segment(recovery: Recovery) -> None:
    """By what is known of the customer, the plan and the amount."""
    await recovery.customer("cus_2", type="company")
    await recovery.issue("in_2", 1900, customer_id="cus_2")
    await recovery.subscribe()
    of_plan = await recovery.bill()
    chosen = {name: (await recovery.dun(name, by=segmented())).policy_name for name in ("in_1", "in_2", of_plan)}
    assert chosen == {"in_1": "rest", "in_2": "company", of_plan: "pro"}


async def test_a_running_dunning_keeps_its_policy(recovery: Recovery) -> None:
    """As it was when it began, whatever the file says later; a changed edition needs another version."""
    await recovery.dun()
    assert await recovery.policy() == edition().policies[0]
    await recovery.issue("in_2", 500)
    changed = ending(SubscriptionEnd.PAUSE, InvoiceEnd.VOID, version=edition().version)
    with pytest.raises(ChangeRefused, match="dunning policy 2026-11/standard: dunnings go by it with other content"):
        await recovery.dun("in_2", by=changed)
    await recovery.dun("in_2", by=ending(SubscriptionEnd.PAUSE, InvoiceEnd.VOID))
    assert (await recovery.policy("in_2")).end.subscription is SubscriptionEnd.PAUSE
    assert await recovery.policy() == edition().policies[0]


async def test_dunnings_are_found_by_what_one_asks_for(recovery: Recovery) -> None:
    """By whether they run, whose they are, and when the payment failed; the newest first."""
    await recovery.customer("cus_2")
    for number in (2, 3):
        await recovery.issue(f"in_{number}", 500, customer_id="cus_2")
        await recovery.dun(f"in_{number}", at=FAILED_AT + number * DAY)
    await recovery.dun()
    await recovery.pay(1900)
    await recovery.end()

    async def found(**asked: object) -> list[str]:
        rows = await recovery.step(lambda books: dunning_books.find(books, **asked))  # type: ignore[arg-type]
        return [each.invoice_id for each in rows]

    assert await found() == ["in_3", "in_2", "in_1"]
    assert await found(is_running=True) == ["in_3", "in_2"]
    assert await found(is_running=False) == ["in_1"]
    assert await found(customer_id="cus_1") == ["in_1"]
    assert await found(since=FAILED_AT + DAY, until=FAILED_AT + 3 * DAY) == ["in_2"]
    assert await found(limit=1) == ["in_3"]
