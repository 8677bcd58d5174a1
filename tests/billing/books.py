"""Billing as its tests speak to it: each step is a transaction of its own, and what the journal says is read beside it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing import customers, invoice_books, payment_books, receivables
from billing.customers import CustomerRequest
from billing.invoices import Invoice
from billing.payments import OutsidePayment, Payment
from ledger import charges, journal, posting
from ledger.charges import ChargeRequest
from ledger.payment_methods import PaymentMethod
from ledger.posting import Fact
from tests.billing.owed_samples import ALICE, asked, usd

Result = TypeVar("Result")
_BALANCES = text("SELECT a.code, b.balance_minor FROM accounts a JOIN balances b USING (account_id) ORDER BY a.code")


def customer_request(customer_id: str = "cus_1", **changes: Any) -> CustomerRequest:
    """A customer in US dollars."""
    fields: dict[str, Any] = {"customer_id": customer_id, "currency": "USD", "time_zone": "UTC", "locale": "en"}
    return CustomerRequest(**fields | {"actor": ALICE} | changes)


def received(amount_minor: int, payment_id: str = "p1", **changes: Any) -> OutsidePayment:
    """A bank transfer."""
    fields: dict[str, Any] = {"payment_id": payment_id, "customer_id": "cus_1", "amount": usd(amount_minor)}
    fields |= {"bank": "main", "reference": f"R-{payment_id}", "received_at": datetime.now(UTC), "actor": ALICE}
    return OutsidePayment(**fields | changes)


class Books:
    """Steps against one database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def step(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Do something in a transaction of its own."""
        async with self.engine.begin() as connection:
            return await work(connection)

    async def customer(self, customer_id: str, **changes: Any) -> None:
        await self.step(lambda books: customers.add(books, customer_request(customer_id, **changes)))

    async def issue(self, invoice_id: str, *amounts: int, **changes: Any) -> Invoice:
        """Draft an invoice and finalise it."""
        request = asked(*amounts, invoice_id=invoice_id, **changes)
        await self.step(lambda books: invoice_books.draft(books, request))
        return await self.finalize(invoice_id)

    async def finalize(self, invoice_id: str, **options: Any) -> Invoice:
        return await self.step(lambda books: invoice_books.finalize(books, invoice_id, actor=ALICE, **options))

    async def void(self, invoice_id: str) -> Invoice:
        return await self.step(lambda books: invoice_books.void(books, invoice_id, actor=ALICE, because="mistake"))

    async def write_off(self, invoice_id: str) -> Invoice:
        return await self.step(lambda books: invoice_books.write_off(books, invoice_id, actor=ALICE, because="lost"))

    async def pay(self, amount_minor: int, payment_id: str = "p1", **changes: Any) -> Payment:
        """Receive money from outside."""
        payment = received(amount_minor, payment_id, **changes)
        return (await self.step(lambda books: payment_books.record_outside(books, payment)))[0]

    async def returned(self, payment_id: str) -> Payment:
        """Book that money from outside went back."""
        return await self.step(
            lambda books: payment_books.give_back(books, payment_id, actor=ALICE, because="returned by the bank")
        )

    async def charge(
        self,
        charge_id: str,
        amount_minor: int,
        invoice: str | None,
        customer: str = "cus_1",
        *,
        is_captured: bool = True,
    ) -> None:
        """Write a charge down and book that it was captured, as its process does."""
        request = ChargeRequest(
            charge_id=charge_id,
            amount=usd(amount_minor),
            customer=customer,
            payment_methods=(PaymentMethod(gateway="stripe", token="pm_1"),),
            invoice=invoice,
            actor=ALICE,
        )
        await self.step(lambda books: charges.open_charge(books, request, "stripe", "the only one"))
        if is_captured:
            await self._post(posting.captured(self._fact(request, "capture:1", amount_minor)))

    async def give_back(self, charge_id: str, amount_minor: int, number: int = 1) -> None:
        """Book that a refund of a charge is promised, as its process does."""
        charge = await self.step(lambda books: charges.known(books, charge_id))
        await self._post(posting.refund_reserved(self._fact(charge.request(), f"refund:{number}", amount_minor)))

    async def apply(self, charge_id: str, *invoices: str) -> Payment | None:
        """Apply what a charge has collected."""
        return await self.step(
            lambda books: payment_books.apply_charge(books, charge_id, actor="workflow:test", invoices=invoices)
        )

    async def invoice(self, invoice_id: str) -> Invoice:
        return await self.step(lambda books: invoice_books.known(books, invoice_id))

    async def standing(self, *names: str) -> list[tuple[str, int]]:
        """Where invoices stand, and what is due of each."""
        found = [await self.invoice(name) for name in names]
        return [(str(each.state), each.due_minor) for each in found]

    async def balances(self) -> dict[str, int]:
        """Every account that is not at zero."""
        rows = await self.step(lambda books: books.execute(_BALANCES))
        return {code: minor for code, minor in rows if minor}

    async def differences(self) -> list[str]:
        """What billing and the journal do not agree on."""
        return [f"{each.subject}: {each.finding}" for each in await self.step(receivables.differences)]

    def _fact(self, request: ChargeRequest, operation: str, amount_minor: int) -> Fact:
        return Fact(
            operation_id=f"{request.charge_id}:{operation}",
            charge_id=request.charge_id,
            gateway="stripe",
            money=usd(amount_minor),
            event_at=datetime.now(UTC),
            actor="workflow:test",
            customer=request.customer,
            invoice=request.invoice,
        )

    async def _post(self, entry: Any) -> None:
        await self.step(lambda books: journal.post(books, [entry]))
