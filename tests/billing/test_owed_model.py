"""Any sequence of invoices, payments, refunds, write-offs and cancellations leaves PostgreSQL where a small model says."""

import asyncio
import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import ChangeRefused
from ledger.database import create_engine
from tests.billing.books import Books
from tests.conftest import Database

CUSTOMERS = itertools.count(1)
KINDS = ("issue", "pay", "pay_named", "charge", "refund", "return", "void", "write_off")
ACTIONS = st.tuples(st.sampled_from(KINDS), st.integers(0, 5), st.integers(1, 900))


@dataclass
class Billed:
    """An invoice as the model has it."""

    total: int
    applied: int = 0
    is_void: bool = False
    is_lost: bool = False

    @property
    def due(self) -> int:
        return 0 if self.is_void else self.total - self.applied

    @property
    def state(self) -> str:
        if self.is_void:
            return "void"
        if not self.due:
            return "paid"
        return "uncollectible" if self.is_lost else "open"


@dataclass
class Paid:
    """A payment as the model has it: what it pays, in order."""

    amount: int
    pays: list[list[int]] = field(default_factory=list)

    @property
    def free(self) -> int:
        return max(self.amount, 0) - sum(minor for _, minor in self.pays)


class Model:
    """What is owed, in lists."""

    def __init__(self) -> None:
        self.invoices: list[Billed] = []
        self.payments: list[Paid] = []

    def issue(self, total: int) -> None:
        self.invoices.append(Billed(total))
        for payment in self.payments:
            self.spread(payment, [len(self.invoices) - 1])

    def spread(self, payment: Paid, numbers: list[int]) -> None:
        for number in numbers:
            part = min(payment.free, self.invoices[number].due)
            if part > 0:
                self.invoices[number].applied += part
                known = [pay for pay in payment.pays if pay[0] == number]
                if known:
                    known[0][1] += part
                else:
                    payment.pays.append([number, part])

    def lower(self, payment: Paid, amount: int) -> None:
        payment.amount = amount
        while payment.free < 0:
            number, paid = payment.pays[-1]
            part = min(-payment.free, paid)
            payment.pays[-1][1] -= part
            self.invoices[number].applied -= part
            if not payment.pays[-1][1]:
                payment.pays.pop()

    def open(self) -> list[int]:
        return [number for number, invoice in enumerate(self.invoices) if invoice.state == "open"]


class Story:
    """Plays actions against the model and PostgreSQL alike, for a customer of its own."""

    def __init__(self, books: Books, customer: str) -> None:
        self.books, self.customer, self.model = books, customer, Model()
        self.charges: list[tuple[str, int, Paid]] = []
        self.outside: list[tuple[str, Paid]] = []
        self.serial = itertools.count(1)

    def name(self, number: int) -> str:
        return f"{self.customer}.{number}"

    async def play(self, kind: str, pick: int, amount: int) -> None:
        invoices = self.model.invoices
        if kind == "issue":
            await self.books.issue(self.name(len(invoices)), amount, customer_id=self.customer)
            self.model.issue(amount)
        elif kind == "pay":
            paid, name = Paid(amount), f"{self.customer}.{next(self.serial)}"
            await self.books.pay(amount, name, customer_id=self.customer)
            self.outside.append((name, paid))
            self.model.spread(paid, self.model.open())
            self.model.payments.append(paid)
        elif kind == "refund" and self.charges:
            await self._refund(pick, amount)
        elif kind == "return" and self.outside:
            await self._return(pick)
        elif kind in {"pay_named", "charge"}:
            await self._pay(kind, pick % len(invoices), amount)
        elif kind in {"void", "write_off"}:
            await self._end(kind, pick % len(invoices))

    async def _pay(self, kind: str, number: int, amount: int) -> None:
        paid, name = Paid(amount), f"{self.customer}.{next(self.serial)}"
        if kind == "charge":
            await self.books.charge(name, amount, self.name(number), self.customer)
            await self.books.apply(name)
            self.charges.append((name, number, paid))
        else:
            await self.books.pay(amount, name, customer_id=self.customer, invoices=(self.name(number),))
            self.outside.append((name, paid))
        self.model.spread(paid, [number])
        self.model.payments.append(paid)

    async def _refund(self, pick: int, amount: int) -> None:
        name, number, paid = self.charges[pick % len(self.charges)]
        await self.books.give_back(name, amount, next(self.serial))
        await self.books.apply(name)
        self.model.lower(paid, paid.amount - amount)
        self.model.spread(paid, [number])

    async def _return(self, pick: int) -> None:
        name, paid = self.outside[pick % len(self.outside)]
        await self.books.returned(f"outside/{name}")
        self.model.lower(paid, 0)

    async def _end(self, kind: str, number: int) -> None:
        invoice = self.model.invoices[number]
        if kind == "void":
            allowed = invoice.state == "void" or (invoice.state == "open" and not invoice.applied)
            if allowed := await self._tried(self.books.void(self.name(number)), expected=allowed):
                invoice.is_void = True
        else:
            allowed = invoice.is_lost or invoice.state == "open"
            if await self._tried(self.books.write_off(self.name(number)), expected=allowed):
                invoice.is_lost = True

    async def _tried(self, step: object, *, expected: bool) -> bool:
        try:
            await step  # type: ignore[misc]
        except ChangeRefused:
            assert not expected
            return False
        assert expected
        return True

    async def compare(self) -> None:
        invoices = self.model.invoices
        found = await self.books.standing(*(self.name(number) for number in range(len(invoices))))
        assert found == [(invoice.state, invoice.due) for invoice in invoices]
        balances = await self.books.balances()
        owed = sum(invoice.due for invoice in invoices if invoice.state == "open")
        beyond = sum(-min(payment.amount, 0) for payment in self.model.payments)
        assert balances.get(f"receivable:{self.customer}", 0) == owed + beyond
        free = sum(payment.free for payment in self.model.payments)
        assert balances.get(f"liability:customer_credit:{self.customer}", 0) == free
        assert await self.books.differences() == []


def test_what_is_owed_is_what_a_model_says(database: Database) -> None:
    """The state of every invoice, what is due of it, the customer's balance and credit: after every step."""

    async def tell(actions: list[tuple[str, int, int]]) -> None:
        engine = create_engine(database.app_url, 2)
        try:
            books, customer = Books(engine), f"cus_{next(CUSTOMERS)}"
            await books.customer(customer)
            story = Story(books, customer)
            for action in actions:
                await story.play(*action)
                await story.compare()
        finally:
            await engine.dispose()

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(ACTIONS, min_size=4, max_size=14))
    def holds(actions: list[tuple[str, int, int]]) -> None:
        asyncio.run(tell([("issue", 0, 500), *actions]))

    holds()
