"""A customer with a subscription, whose processes run over real parts: what tests of subscriptions and dunning begin with."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from billing import (
    customers,
    dunning_books,
    invoice_books,
    methods,
    payment_books,
    plan_books,
    receivables,
    subscription_books,
)
from billing.calendar import Interval, Unit
from billing.customers import Contact, CustomerRequest
from billing.dunning import policy_file
from billing.invoices import Invoice, InvoiceState
from billing.methods import MethodRequest
from billing.plans import PlanTerms
from billing.subscriptions import Subscription, SubscriptionRequest
from ledger.money import Money
from tests.billing.books import received
from tests.workflows.conftest import Processes
from tests.workflows.waiting import is_called_off, standing
from workflows import dunning, subscription
from workflows.dunning import DunningWorkflow
from workflows.process_waker import ProcessWaker
from workflows.subscription import SubscriptionWorkflow

ALICE = "person:alice"
CUSTOMER, PLAN = "cus_1", "basic"
PRICE_MINOR = 4999
PRICE = Money(amount_minor=PRICE_MINOR, currency="USD")
MANY_SKIPS = TimeSkippingConfig(max_session_skip_count=10_000, disable_propagation=True)
"""The clock of a charge under way does not jump: its gateway would be out of time."""
SOON_SECONDS = 30
SKIPS_SECONDS = 120.0
"""How long the clock of a process may take to run ahead, ..."""
DAY_SECONDS = 20.0
"""... and for one day."""
NOON = 12
LOOK_SECONDS = 0.3
"""Until a process whose time has come is at work."""
SHORT_POLICY = Path(__file__).with_name("short_dunning.yaml")
"""A dunning that is over in five days."""
MOST_DAYS = 20
"""Of such a dunning, whatever happens: a day more for each try that was held up."""
STANDING = """
SELECT i.state, d.invoice_id IS NOT NULL, d.ended_at IS NOT NULL, EXISTS (
        SELECT FROM invoice_tries t LEFT JOIN charges c USING (charge_id) WHERE t.invoice_id = i.invoice_id
            AND t.withdrawn_at IS NULL AND (c.status IN ('declined', 'canceled', 'captured', 'refunded')) IS NOT TRUE)
    FROM invoices i LEFT JOIN dunnings d USING (invoice_id) WHERE i.invoice_id = :name
"""
Result = TypeVar("Result")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Billed:
    """Steps of one subscription's story."""

    processes: Processes
    name: str
    """Of the subscription: no other test's, since they share one Temporal."""
    customer_id: str = CUSTOMER
    soon_seconds: float = SOON_SECONDS
    """How long is waited for what must come."""

    @property
    def first(self) -> str:
        """The invoice of the first period."""
        return self.period(0)

    def period(self, serial: int) -> str:
        """The invoice of a period."""
        return f"{self.name}.{serial}"

    async def step(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Do something in a transaction of its own."""
        async with self.processes.engine.begin() as connection:
            return await work(connection)

    async def customer(self, time_zone: str | None = None, email: str | None = None, **changes: Any) -> None:
        """Add the customer, for whom it is day where nothing else is said: at night notices would wait for the morning."""
        fields: dict[str, Any] = {
            "customer_id": self.customer_id,
            "currency": "USD",
            "time_zone": time_zone or zone_at_noon(datetime.now(UTC)),
            "locale": "en",
        }
        request = CustomerRequest(**fields | {"actor": ALICE} | changes)
        contact = Contact(email=email) if email else None
        await self.step(lambda books: customers.add(books, request, contact))

    async def method(self, method_id: str, token: str, gateway: str = "stripe", **changes: Any) -> None:
        """Add a payment method behind the others."""
        fields: dict[str, Any] = {
            "method_id": method_id,
            "customer_id": self.customer_id,
            "gateway": gateway,
            "token": token,
        }
        request = MethodRequest(**fields | {"actor": ALICE} | changes)
        await self.step(lambda books: methods.add(books, request))

    def card(self, token: str, *answers: str, **more: Any) -> None:
        """Make a card at Stripe that answers so, one after the other; the last one for ever."""
        steps: list[dict[str, Any]] = [{"answer": answer, "times": 1} for answer in answers[:-1]]
        steps += [{"answer": answers[-1]}] if answers else []
        self.processes.simulators["stripe"].make_card(token, customer="cus_own", answers=steps, **more)

    async def card_method(self, method_id: str, *answers: str, **more: Any) -> None:
        """A card of one's own, and the method that is charged with it."""
        token = f"pm_{method_id}"
        self.card(token, *answers, **more)
        brand = more.get("brand", "visa")
        fingerprint = more.get("fingerprint", f"fp_{method_id}")
        await self.method(method_id, token, gateway_customer="cus_own", brand=brand, fingerprint=fingerprint)

    async def subscribe(
        self, *, starts_on: date | None = None, plan_id: str = PLAN, price: Money = PRICE, **changes: Any
    ) -> Subscription:
        """Sell a monthly plan, of 49.99 USD where nothing else is said, that begins on the customer's today."""
        terms = PlanTerms(
            plan_id=plan_id,
            name="Basic",
            amount=price,
            interval=Interval(unit=Unit.MONTH),
            actor=ALICE,
        )
        await self.step(lambda books: plan_books.add(books, terms))
        fields: dict[str, Any] = {"subscription_id": self.name, "customer_id": self.customer_id, "plan_id": plan_id}
        fields |= {"starts_on": starts_on or await self._today(), "actor": ALICE}
        request = SubscriptionRequest(**fields | changes)
        return (await self.step(lambda books: subscription_books.start(books, request)))[0]

    async def _today(self) -> date:
        sql = "SELECT time_zone FROM customers WHERE customer_id = :customer"
        ((zone,),) = await self.rows(sql, customer=self.customer_id)
        return datetime.now(ZoneInfo(zone)).date()

    async def begin(self) -> Any:
        """Start the subscription's process, or find that the waker was quicker."""
        return await self.processes.client.start_workflow(
            SubscriptionWorkflow.run,
            self.name,
            id=subscription.workflow_id(self.name),
            task_queue=self.processes.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    def subscription(self) -> Any:
        return self.processes.client.get_workflow_handle_for(
            SubscriptionWorkflow.run, subscription.workflow_id(self.name)
        )

    def dunning(self, invoice_id: str | None = None) -> Any:
        return self.processes.client.get_workflow_handle_for(
            DunningWorkflow.run, dunning.workflow_id(invoice_id or self.first)
        )

    async def skip(self, process: Any, *, within: float = SKIPS_SECONDS, **duration: float) -> None:
        """Let a process's clock run ahead; it stands still while a gateway is called, or a child of the process is under way."""
        try:
            async with asyncio.timeout(within):
                await TimeSkipper(self.processes.client, config=MANY_SKIPS).fast_forward(process, timedelta(**duration))
        except TimeoutError:
            raise AssertionError(f"no time passes: {await standing(process)}") from None

    async def one_day(self, process: Any) -> Exception | None:
        """Let a day pass for a process, and let it look at what that brought; return what was in the way, if anything was.

        A process that works, is over, or is not there yet, lets no day pass.
        """
        try:
            await self.skip(process, within=DAY_SECONDS, days=1)
            await asyncio.sleep(LOOK_SECONDS)
            async with asyncio.timeout(DAY_SECONDS):
                await process.query("status")
        except (AssertionError, TimeoutError, RPCError, RuntimeError) as error:
            if is_called_off():
                raise
            await asyncio.sleep(LOOK_SECONDS)
            return error
        return None

    async def pass_days(self, invoice_id: str | None = None) -> None:
        """Wait until an invoice is paid, or its dunning is over: days pass while it is in dunning."""
        name = invoice_id or self.first
        await self._day_by_day(name, lambda: self._is_decided(name))

    async def until_over(self, invoice_id: str | None = None) -> None:
        """Wait until the process of the invoice's dunning is over, where there is one: its last notices come a day later."""
        name = invoice_id or self.first
        if await self.rows("SELECT 1 FROM dunnings WHERE invoice_id = :name", name=name):
            await self._day_by_day(name, lambda: self._is_completed(name))

    async def _day_by_day(self, invoice_id: str, is_over: Callable[[], Awaitable[bool]]) -> None:
        """Let one day after the other pass for a dunning until it is over."""
        days, process, in_the_way = 0, self.dunning(invoice_id), None
        try:
            async with asyncio.timeout(MOST_DAYS * DAY_SECONDS):
                while not await is_over():
                    assert days < MOST_DAYS
                    in_the_way = await self.one_day(process)
                    days += in_the_way is None
        except (AssertionError, TimeoutError):
            ended = await self.rows("SELECT ended_at, reason FROM dunnings WHERE invoice_id = :name", name=invoice_id)
            how = f"in the books {ended}, after the tries {await self.tries(invoice_id)}; {await standing(process)}"
            raise AssertionError(f"{invoice_id} is not over after {days} days: {how}; {in_the_way!r}") from None

    async def until_completed(self, invoice_id: str | None = None) -> None:
        """Wait until the process of a dunning has ended, while no time passes."""
        name = invoice_id or self.first

        async def found() -> bool | None:
            return await self._is_completed(name) or None

        await self.until(found, f"the end of the dunning of {name}")

    async def _is_completed(self, invoice_id: str) -> bool:
        """Whether a run of the process of a dunning has ended: a wake that comes later begins another, by this machine's clock."""
        ended = f"WorkflowId = '{dunning.workflow_id(invoice_id)}' AND ExecutionStatus = 'Completed'"
        try:
            return (await self.processes.client.count_workflows(ended)).count > 0
        except RPCError:
            if is_called_off():
                raise
            return False

    async def _is_decided(self, invoice_id: str) -> bool:
        """Whether an invoice is not owed any more, or its dunning over; waits first while a try is under way: no day passes then."""
        while True:
            found = await self.rows(STANDING, name=invoice_id)
            state, in_dunning, ended, trying = found[0] if found else ("draft", False, False, False)
            if state not in {"draft", "open"} or ended:
                return True
            if in_dunning and not trying:
                return False
            await asyncio.sleep(0.2)

    async def invoice(self, invoice_id: str | None = None) -> Invoice:
        return await self.step(lambda books: invoice_books.known(books, invoice_id or self.first))

    async def until_state(self, state: InvoiceState, invoice_id: str | None = None) -> Invoice:
        """Wait until an invoice stands so."""
        name = invoice_id or self.first

        async def found() -> Invoice | None:
            listed = await self.step(lambda books: invoice_books.find(books, customer_id=self.customer_id))
            return next((each for each in listed if each.invoice_id == name and each.state is state), None)

        return await self.until(found, f"{name} is {state}")

    async def until(self, found: Callable[[], Awaitable[Result | None]], what: str) -> Result:
        """Wait until something is there."""
        try:
            async with asyncio.timeout(self.soon_seconds):
                while (there := await found()) is None:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not in time: {what}") from None
        return there

    async def until_dunned(self, invoice_id: str | None = None) -> Any:
        """Wait until the invoice is in dunning and its process has looked; return the view."""

        async def found() -> Any:
            try:
                return await self.dunning(invoice_id).query(DunningWorkflow.status)
            except RPCError:
                return None

        return await self.until(found, f"{invoice_id or self.first} is in dunning")

    async def begin_dunning(self, invoice_id: str) -> None:
        """Have an open invoice recovered that no subscription is collected for; the waker starts its process."""
        now = datetime.now(UTC)
        edition = policy_file.read().at(now)
        await self.step(
            lambda books: dunning_books.begin(books, invoice_id, edition, failed_at=now, now=now, actor=ALICE)
        )

    async def pay(self, amount_minor: int, payment_id: str = "p1", **changes: Any) -> None:
        """Receive money from outside."""
        payment = received(amount_minor, payment_id, customer_id=self.customer_id, **changes)
        await self.step(lambda books: payment_books.record_outside(books, payment))

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Read from the database."""
        found = await self.step(lambda books: books.execute(text(sql), values))
        return [tuple(row) for row in found]

    async def tries(self, invoice_id: str | None = None) -> list[tuple[Any, ...]]:
        """Method, purpose and status of each try."""
        return await self.rows(
            "SELECT t.method_id, t.purpose, coalesce(c.status, 'withdrawn') FROM invoice_tries t "
            "LEFT JOIN charges c USING (charge_id) WHERE t.invoice_id = :invoice ORDER BY t.number",
            invoice=invoice_id or self.first,
        )

    async def access(self, invoice_id: str | None = None) -> list[str]:
        """The states of the access that were told."""
        sql = "SELECT access FROM dunning_access WHERE invoice_id = :invoice ORDER BY number"
        return [access for (access,) in await self.rows(sql, invoice=invoice_id or self.first)]

    async def notices(self, invoice_id: str | None = None) -> list[str]:
        """The templates of what was sent."""
        sql = (
            "SELECT template FROM dunning_notices WHERE invoice_id = :invoice AND sent_at IS NOT NULL ORDER BY sent_at"
        )
        return [template for (template,) in await self.rows(sql, invoice=invoice_id or self.first)]

    async def differences(self) -> list[str]:
        """What billing and the journal do not agree on."""
        return [f"{each.subject}: {each.finding}" for each in await self.step(receivables.differences)]


def zone_at_noon(now: datetime) -> str:
    """A time zone in which it is the hour after noon."""
    return f"Etc/GMT{now.hour - NOON:+d}"  # the signs of these zones are the other way round


@asynccontextmanager
async def billed(processes: Processes) -> AsyncIterator[Billed]:
    """Run the waker beside the processes."""
    waker = ProcessWaker(processes.engine, processes.client, processes.settings.task_queue)
    loop = asyncio.create_task(waker.run())
    try:
        yield Billed(processes, f"sub_{os.getpid()}_{next(_numbers)}")
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
