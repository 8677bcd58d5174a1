"""A service that posts: what it sends, and what it finds in the books."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import yaml

from ledger.service import digest

KEY = "qk_test_shop"
NEXT_KEY = "qk_test_shop_next"
TILL_KEY = "qk_test_till"
CRM_KEY = "qk_test_crm"
DAY = "2026-11-02T12:00:00+00:00"
SERVICES: dict[str, list[dict[str, Any]]] = {
    "services": [
        {
            "name": "shop",
            "keys": [digest(KEY), digest(NEXT_KEY)],
            "accounts": ["wallet:*", "wallet:user:*", "bank:*", "revenue:shop", "expense:bonuses", "nowhere:*"],
            "facts": ["conversions", "credit_purchases", "credit_spendings"],
        },
        {"name": "crm", "keys": [digest(CRM_KEY)], "reads_events": True},
        {"name": "till", "keys": [digest(TILL_KEY)], "accounts": ["bank:till", "revenue:till"]},
    ]
}
_numbers = itertools.count(1)


def services_file(directory: Path) -> str:
    """Write the file of these services."""
    path = directory / "services.yaml"
    path.write_text(yaml.safe_dump(SERVICES))
    return str(path)


def fresh(prefix: str = "n") -> str:
    """A name that no test has used."""
    return f"{prefix}{next(_numbers)}"


def line(account: str, side: str, amount: Any = "10.00", currency: str = "USD") -> dict[str, Any]:
    """A line; text is an amount in major units."""
    name = "amount" if isinstance(amount, str) else "amount_minor"
    return {"account": account, "side": side, name: amount, "currency": currency}


def entry(reference: str | None = None, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An entry of these lines, or a top-up of a wallet of its own."""
    name = reference or fresh()
    default = line("bank:main", "debit"), line(f"wallet:user:{name}", "credit")
    return {
        "entry_reference": f"shop/{name}",
        "description": "top-up",
        "event_at": DAY,
        "lines": list(lines or default),
        **more,
    }


def paid(name: str, wallet: str, amount: str) -> dict[str, Any]:
    """An entry that takes money from a wallet."""
    return entry(name, line(wallet, "debit", amount), line("revenue:shop", "credit", amount))


@dataclass
class Shop:
    """The service, and a superuser's eye on the books."""

    http: httpx.AsyncClient
    superuser: psycopg.Connection
    key: str = KEY

    async def post(self, *entries: dict[str, Any], **more: Any) -> httpx.Response:
        """Post entries."""
        return await self.send("postings", {"entries": list(entries), **more})

    async def send(self, route: str, body: Any, **headers: str) -> httpx.Response:
        """Send a body, as JSON unless it is bytes."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        all_headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}", **headers}
        return await self.http.post(f"/ledger/{route}", headers=all_headers, **content)

    async def get(self, path: str) -> httpx.Response:
        """Ask for something."""
        return await self.http.get(f"/ledger/{path}", headers={"authorization": f"Bearer {self.key}"})

    def one(self, query: str, *given: Any) -> Any:
        """The only value that a query finds."""
        row = self.superuser.execute(query.encode(), given).fetchone()
        assert row is not None
        return row[0]

    def entries(self, like: str = "%") -> int:
        """How many entries there are, of references like this."""
        return int(self.one("SELECT count(*) FROM entries WHERE reference LIKE %s", like))

    def balance(self, code: str, currency: str = "USD") -> int:
        """What an account holds, in minor units; nothing where there is none."""
        query = (
            "SELECT coalesce(sum(balance_minor), 0) FROM balances JOIN accounts USING (account_id)"
            " WHERE code = %s AND currency = %s"
        )
        return int(self.one(query, code, currency))
