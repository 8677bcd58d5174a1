"""A customer with a browser: opens links, posts forms of the page, gives methods on the gateways' pages, and keeps cookies."""

import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing import customers, dunning_books, invoice_books, links, methods
from billing.dunning import policy_file
from billing.link_keys import LinkAddresses, LinkKeys
from billing.links import LIFE, PayLink
from billing.methods import MethodRequest
from tests.billing.books import Books, customer_request
from tests.billing.owed_samples import ALICE, asked

KEY = "a key of the tests of 32 characters and more"
OLD_KEY = "the key that was there before it was changed"
Result = TypeVar("Result")
_numbers = itertools.count(1)


@dataclass
class Debt:
    """One customer with one open invoice, and a link of it."""

    customer_id: str
    invoice_id: str
    link: PayLink
    address: str


class Browser:
    """A person's browser; what it sends says that it came from our page, unless told otherwise."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def open(self, address: str, **headers: str) -> httpx.Response:
        return await self.http.get(address, headers=headers)

    async def post(self, address: str, site: str | None = "same-origin", **form: str) -> httpx.Response:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        headers |= {} if site is None else {"sec-fetch-site": site}
        return await self.http.post(address, data=form, headers=headers)

    async def begins(self, debt: Debt, gateway: str) -> str:
        """Go to the gateway's page, and say where that is."""
        answer = await self.post(f"{debt.address}/method", gateway=gateway)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def gives(self, page: str, token: str) -> httpx.Response:
        """Give a method on the gateway's page, and come back."""
        shown = await self.http.get(page, follow_redirects=True)
        assert shown.status_code == 200, shown.text
        sent = await self.http.post(str(shown.url), data={"given": token})
        assert sent.status_code == 303, sent.text
        return await self.http.get(sent.headers["location"])


@dataclass
class House:
    """The service, the books behind it, and what a process would do there."""

    url: str
    engine: AsyncEngine
    app_url: str
    superuser_url: str
    log: Path
    """What the service wrote."""
    addresses: LinkAddresses = field(init=False)

    def __post_init__(self) -> None:
        self.addresses = LinkAddresses(LinkKeys([KEY]), self.url)

    async def step(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        async with self.engine.begin() as connection:
            return await work(connection)

    async def debt(
        self, *, is_recovered: bool = True, life: timedelta = LIFE, ago: timedelta = timedelta(0), **customer: Any
    ) -> Debt:
        """A customer of their own who owes 19.00 USD, with a link."""
        number = next(_numbers)
        customer_id, invoice_id = f"cus_{number}", f"in_{number}"
        await self.step(lambda books: customers.add(books, customer_request(customer_id, **customer)))
        request = asked(1900, invoice_id=invoice_id, customer_id=customer_id)
        await self.step(lambda books: invoice_books.draft(books, request))
        await self.step(lambda books: invoice_books.finalize(books, invoice_id, actor=ALICE))
        if is_recovered:
            await self.begin_dunning(invoice_id)
        now = datetime.now(UTC) - ago
        link = await self.step(lambda books: links.issue(books, invoice_id, now=now, actor=ALICE, life=life))
        return Debt(customer_id, invoice_id, link, self.addresses.of(link.link_id))

    async def another(self, debt: Debt) -> Debt:
        """Another link of the same invoice."""
        now = datetime.now(UTC)
        link = await self.step(lambda books: links.issue(books, debt.invoice_id, now=now, actor=ALICE))
        return Debt(debt.customer_id, debt.invoice_id, link, self.addresses.of(link.link_id))

    async def remove(self, method_id: str) -> None:
        await self.step(lambda books: methods.remove(books, method_id, actor=ALICE))

    async def method(self, debt: Debt, **changes: Any) -> str:
        """A method on file: a visa card."""
        method_id = f"pm_{next(_numbers)}"
        fields: dict[str, Any] = {
            "method_id": method_id,
            "customer_id": debt.customer_id,
            "gateway": "stripe",
            "token": f"pm_card_visa_{method_id}",
            "brand": "visa",
            "expires_on": "2034-12-31",
            "actor": ALICE,
        }
        request = MethodRequest(**(fields | changes))
        return (await self.step(lambda books: methods.add(books, request)))[0].method_id

    async def methods(self, debt: Debt) -> list[Any]:
        return list(await self.step(lambda books: methods.of_customer(books, debt.customer_id)))

    async def pay_elsewhere(self, debt: Debt) -> None:
        """A bank transfer arrives."""
        await Books(self.engine).pay(1900, f"p{next(_numbers)}", customer_id=debt.customer_id)

    async def begin_dunning(self, invoice_id: str) -> None:
        """A process recovers the invoice."""
        now = datetime.now(UTC)
        by = policy_file.read().editions[-1]
        await self.step(
            lambda books: dunning_books.begin(
                books, invoice_id, by, failed_at=now, now=now, actor="process:subscription"
            )
        )

    def tries(self, debt: Debt, method_id: str, number: int, status: str | None, url: str | None = None) -> None:
        """The process tries it, and its charge stands so."""
        charge_id = f"{debt.invoice_id}.{number}"
        self.execute(
            "INSERT INTO invoice_tries (charge_id, invoice_id, number, method_id, card, gateway, purpose, is_rung,"
            " amount_minor, currency, tried_at) VALUES (%s, %s, %s, %s, 'card_1', 'stripe', 'customer', false, 1900, 'USD',"
            " now())",
            *(charge_id, debt.invoice_id, number, method_id),
        )
        if status is not None:
            self.execute(
                "INSERT INTO charges (charge_id, request_hash, status, customer, currency, amount_minor, capture_method,"
                " at_expiry, payment_methods, invoice, metadata, actor, action_url) VALUES (%s, 'h', %s, %s, 'USD', 1900,"
                " 'automatic', 'void', '[]', %s, '{}', 'process:dunning', %s)",
                *(charge_id, status, debt.customer_id, debt.invoice_id, url),
            )

    def charge_stands(self, debt: Debt, number: int, status: str) -> None:
        self.execute("UPDATE charges SET status = %s WHERE charge_id = %s", status, f"{debt.invoice_id}.{number}")

    def wishes(self, debt: Debt) -> list[dict[str, Any]]:
        """What the customer asked the process for."""
        return self.rows("SELECT * FROM dunning_events WHERE invoice_id = %s ORDER BY event_seq", debt.invoice_id)

    def wakes(self, debt: Debt) -> int:
        """How often the process was woken since the last look."""
        found = self.rows("SELECT * FROM process_wakes WHERE process = 'dunning' AND subject = %s", debt.invoice_id)
        self.execute("DELETE FROM process_wakes WHERE subject = %s", debt.invoice_id)
        return len(found)

    def link(self, debt: Debt) -> dict[str, Any]:
        return self.rows("SELECT * FROM pay_links WHERE link_id = %s", debt.link.link_id)[0]

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.superuser_url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()

    def execute(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(statement, values)


def forms(page: str) -> set[str]:
    """The last part of the addresses that the page's forms post to."""
    return {address.rsplit("/", 1)[1] for address in re.findall(r'<form method="post" action="([^"]+)"', page)}
