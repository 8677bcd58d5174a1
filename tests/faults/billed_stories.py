"""Stories of subscriptions and of their unpaid invoices: collected, recovered, ended, paid twice over, commanded, withdrawn.

The matrix plays them for the steps of these processes; those of the charges that they make have their cells in `stories`.
Where a worker that hangs lets a try come to nothing, dunning goes on, and the story ends otherwise than it was wished.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.service import RPCError

from ledger.charges import ChargeStatus
from ledger.database import OUTAGES
from ledger.money import Money
from tests.faults.evidence import Acknowledged
from tests.faults.patience import PAUSE_SECONDS, as_patient
from tests.faults.stories import Story, Told, pass_time
from tests.workflows.billed import DAY_SECONDS, PRICE, Billed, Result
from tests.workflows.conftest import Processes
from workflows.dunning import DunningWorkflow
from workflows.dunning_messages import RetryNow

NO_MONEY = {"stripe": "insufficient_funds", "paypal": "5120"}
OWN = "cus_own"
MADE = {"stripe": ("pm_{}", {"gateway_customer": OWN}), "paypal": ("card/{}", {})}
"""What the token of a card that a story makes is like, and what else a method has that is charged with it."""
NOWHERE = "nowhere"
"""A gateway that nobody has: a charge there never comes to be."""
WRITTEN_OFF = "company"
"""Customers whose unpaid invoices the policy of the matrix writes off."""
PATIENCE_SECONDS = 600.0
ANSWERS_AFTER_SECONDS = 1.5
"""How long a gateway keeps its answer back that has taken the money: less than it is waited for."""
A_MONTH = timedelta(days=32)


@dataclass(frozen=True)
class Unpaid(Billed):
    """A subscription at one gateway, with an amount of its own."""

    gateway: str = "stripe"
    price: Money = PRICE

    async def step(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Do something in a transaction of its own, again where PostgreSQL was away: each may be done again."""
        while True:
            try:
                return await super().step(work)
            except OUTAGES:
                await asyncio.sleep(PAUSE_SECONDS)

    async def wallet(self, method_id: str, *answers: str) -> None:
        """Add a method that answers so, one after the other, and the last one for ever."""
        name = f"{self.name}_{method_id}"
        token, more = MADE[self.gateway]
        simulator = self.processes.simulators[self.gateway]
        steps: list[dict[str, Any]] = [{"answer": answer, "times": 1} for answer in answers[:-1]]
        own = {"customer": OWN} if more else {}
        await asyncio.to_thread(
            simulator.make_card,
            token.format(name).removeprefix("card/"),
            answers=[*steps, {"answer": answers[-1]}],
            **own,
        )
        await self.method(name, token.format(name), self.gateway, brand="visa", fingerprint=f"fp_{name}", **more)

    async def begun(self) -> None:
        """Subscribe, and start the process."""
        await self.subscribe(plan_id=f"plan_{self.price.currency}_{self.price.amount_minor}", price=self.price)
        await as_patient(self.processes, self.begin)

    async def until_in_dunning(self) -> None:
        """Wait until the first payment has failed."""
        await self.until(self._dunning_row, "it is in dunning")
        await self.until_dunned()

    async def told(self, *, as_wished: bool, invoice_id: str | None = None) -> Told:
        """What the books say that was collected, as its payer was told."""
        name = invoice_id or self.first
        rows = await self.rows(
            "SELECT c.charge_id, c.status, c.captured_minor FROM charges c JOIN invoice_tries t USING (charge_id) "
            "WHERE t.invoice_id = :name ORDER BY t.number",
            name=name,
        )
        answers = [Acknowledged(*row) for row in rows]
        return Told(answers[-1] if answers else Acknowledged(name, "none", 0), as_wished, tuple(answers))

    async def stand(self) -> tuple[str, str]:
        """How the first invoice and the subscription stand."""
        ((invoice, subscription),) = await self.rows(
            "SELECT i.state, s.state FROM invoices i JOIN subscriptions s USING (subscription_id) WHERE invoice_id = :name",
            name=self.first,
        )
        return invoice, subscription

    async def purposes(self) -> list[tuple[Any, ...]]:
        """What the tries of the first invoice were for, and what became of them."""
        return [(purpose, status) for _, purpose, status in await self.tries()]

    async def until_tried(self, purpose: str) -> None:
        """Wait until a try for this purpose is written down, or there is nothing to try any more."""

        async def found() -> bool | None:
            made = await self.rows("SELECT purpose FROM invoice_tries WHERE invoice_id = :name", name=self.first)
            return (purpose,) in made or (await self.stand())[0] != "open" or None

        await self.until(found, f"a try of {self.first} for {purpose}")

    async def is_given_back(self) -> bool | None:
        """Whether what the second try took is given back; False where it took nothing, None where that is not known yet."""
        rows = await self.rows(
            "SELECT c.status, c.captured_minor, c.refunded_minor FROM invoice_tries t LEFT JOIN charges c USING (charge_id) "
            "WHERE t.invoice_id = :name AND t.number = 1 AND t.withdrawn_at IS NULL",
            name=self.first,
        )
        if not rows:
            return False
        ((status, captured_minor, refunded_minor),) = rows
        if status == ChargeStatus.DECLINED:
            return False
        return True if captured_minor and captured_minor == refunded_minor else None

    async def _dunning_row(self) -> bool | None:
        return bool(await self.rows("SELECT 1 FROM dunnings WHERE invoice_id = :name", name=self.first)) or None


async def renewed(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Collect the first period and the next one, each once."""
    story = await _customer(processes, gateway, charge_id, chance)
    await story.wallet("good", "approved")
    await story.begun()
    await story.pass_days()
    await story.until_over()
    with suppress(TimeoutError, RPCError):
        async with asyncio.timeout(2 * DAY_SECONDS):
            await pass_time(processes, story.subscription(), A_MONTH)
    await story.pass_days(story.period(1))
    await story.until_over(story.period(1))
    paid = await story.rows(
        "SELECT invoice_id FROM invoices WHERE subscription_id = :name AND state = 'paid' ORDER BY period_number",
        name=story.name,
    )
    in_dunning = await story.rows("SELECT 1 FROM dunnings WHERE subscription_id = :name", name=story.name)
    as_wished = [name for (name,) in paid] == [story.first, story.period(1)] and not in_dunning
    return await story.told(as_wished=as_wished, invoice_id=story.period(1))


async def recovered_by_a_rung(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined, reminded, and paid when the policy tries again."""
    story = await _customer(processes, gateway, charge_id, chance)
    await story.wallet("broke", NO_MONEY[gateway], "approved")
    await story.begun()
    await story.until_in_dunning()
    return await _recovered(story, [("first", "declined"), ("rung", "captured")])


async def recovered_by_a_new_method(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined, and paid as soon as the customer gives another method."""
    story = await _customer(processes, gateway, charge_id, chance)
    await story.wallet("broke", NO_MONEY[gateway])
    await story.begun()
    await story.until_in_dunning()
    await story.wallet("other", "approved")
    await story.until_tried("new_method")
    return await _recovered(story, [("first", "declined"), ("new_method", "captured")])


async def retried_by_a_person(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined, and paid when a person has it tried at once."""
    story = await _customer(processes, gateway, charge_id, chance)
    await story.wallet("broke", NO_MONEY[gateway], "approved")
    await story.begun()
    await story.until_in_dunning()
    word = RetryNow(by="alice", because="the customer called")
    handle = story.dunning()
    await as_patient(
        processes, lambda: handle.execute_update(DunningWorkflow.retry_now, word, id=f"{charge_id}-retried")
    )
    return await _recovered(story, [("first", "declined"), ("command", "captured")])


async def ended_unpaid(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined until the deadline: the subscription is cancelled, and the invoice stays owed."""
    story = await _customer(processes, gateway, charge_id, chance)
    return await _ended(story, ("open", "canceled"))


async def written_off(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined until the deadline, by a policy that pauses the subscription and writes the invoice off."""
    story = await _customer(processes, gateway, charge_id, chance, type=WRITTEN_OFF)
    return await _ended(story, ("uncollectible", "paused"))


async def paid_twice_over(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined, and then paid by a transfer while a try is under way: what the try took goes back, once."""
    story = await _customer(processes, gateway, charge_id, chance)
    await story.wallet("broke", NO_MONEY[gateway])
    await story.begun()
    await story.until_in_dunning()
    taking = {"method": "POST", "operation": f"{story.first}.1:capture:1", "times": 5, "action": "delay"}
    simulator = processes.simulators[gateway]
    await asyncio.to_thread(simulator.add_fault, when="after", delay_seconds=ANSWERS_AFTER_SECONDS, **taking)
    await story.wallet("other", "approved")
    await story.until_tried("new_method")
    await story.pay(story.price.amount_minor, f"{charge_id}-paid", amount=story.price)
    await story.pass_days()
    refunded = await story.until(story.is_given_back, "the try is decided, and what it took is given back")
    await story.until_over()
    as_wished = refunded and (await story.stand()) == ("paid", "active")
    return await story.told(as_wished=as_wished)


async def never_came_to_be(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """The customer's method is of a gateway that nobody has: the try is withdrawn, and another method pays."""
    story = await _customer(processes, gateway, charge_id, chance)
    await story.method(f"{charge_id}_nowhere", f"tok_{charge_id}", NOWHERE)
    await story.begun()
    await story.until_in_dunning()
    await story.wallet("other", "approved")
    await story.until_tried("new_method")
    return await _recovered(story, [("first", "withdrawn"), ("new_method", "captured")])


BILLED: dict[str, tuple[Story, set[str]]] = {
    story.__name__: (story, steps)
    for story, steps in (
        (renewed, {"turn_subscription", "issue_invoice", "collect_invoice"}),
        (recovered_by_a_rung, {"look_at_dunning", "begin_try", "tell_access", "send_notice"}),
        (recovered_by_a_new_method, {"begin_try", "end_dunning"}),
        (retried_by_a_person, {"note_dunning_event"}),
        (ended_unpaid, {"end_dunning"}),
        (written_off, {"end_dunning"}),
        (paid_twice_over, {"reserve_refund", "end_dunning"}),
        (never_came_to_be, {"withdraw_try"}),
    )
}
"""The stories, and the steps for which they have cells."""


async def _customer(processes: Processes, gateway: str, name: str, chance: random.Random, **changes: Any) -> Unpaid:
    currency = chance.choice(["USD", "EUR", "JPY"])
    price = Money(amount_minor=chance.randint(500, 500_000), currency=currency)
    story = Unpaid(processes, name, f"cus_{name}", PATIENCE_SECONDS, gateway, price)
    await story.customer(currency=currency, email=f"{name}@example.org", **changes)
    return story


async def _recovered(story: Unpaid, tries: list[tuple[str, str]]) -> Told:
    """Wait for the end, which is well where these were the tries, and nothing else."""
    await story.pass_days()
    await story.until_over()
    as_wished = (await story.stand()) == ("paid", "active") and await story.purposes() == tries
    return await story.told(as_wished=as_wished)


async def _ended(story: Unpaid, stand: tuple[str, str]) -> Told:
    await story.wallet("broke", NO_MONEY[story.gateway])
    await story.begun()
    await story.pass_days()
    await story.until_over()
    first, rungs = ("first", "declined"), itertools.repeat(("rung", "declined"), 2)
    as_wished = await story.stand() == stand and await story.purposes() == [first, *rungs]
    return await story.told(as_wished=as_wished)
