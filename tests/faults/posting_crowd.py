"""Services that post over HTTP and send the same again until it is acknowledged, whatever becomes of PostgreSQL meanwhile."""

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.api.shop import KEY, entry, line

WALLETS = 50
HOT = "bank:main"
PAUSE_SECONDS = 0.2
"""Before the same is sent again; a service would wait as long as it is told."""
TWICE = 0.1
"""What share of requests is sent by two callers at once."""
RETRIED = {429, 503}


@dataclass
class PostingCrowd:
    """Callers, and what each reference was acknowledged as."""

    url: str
    chance: random.Random
    at_once: int
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Entry ids by reference."""
    expected: Counter[str] = field(default_factory=Counter)
    """What each account received by what was acknowledged, in cents."""
    contradictions: list[str] = field(default_factory=list)
    """Answers that say otherwise than an earlier one."""
    repeated: int = 0
    """Requests that had to be sent again."""
    enough: bool = False
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def play(self) -> None:
        """Post until it is enough; what was begun is brought to its end."""
        limits = httpx.Limits(max_connections=self.at_once * 2)
        async with (
            httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30, limits=limits) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self.at_once):
                group.create_task(self._caller(http))

    async def _caller(self, http: httpx.AsyncClient) -> None:
        while not self.enough:
            body = self._request()
            copies = 2 if self.chance.random() < TWICE else 1
            answers = await asyncio.gather(*(self._acknowledged(http, body) for _ in range(copies)))
            moved = Counter[str]()
            for sent in body["entries"]:
                for each in sent["lines"]:
                    moved[each["account"]] += (
                        each["amount_minor"] if each["side"] == "credit" else -each["amount_minor"]
                    )
            self.expected.update(moved)
            for told in itertools.chain.from_iterable(answers):
                self._note(told)

    def _request(self) -> dict[str, Any]:
        together = self.chance.random() < 0.5
        count = self.chance.randint(1, 5 if together else 20)
        return {"together": together, "entries": [self._entry() for _ in range(count)]}

    def _entry(self) -> dict[str, Any]:
        amount = self.chance.randint(1, 500)
        wallet = f"wallet:user:u{self.chance.randrange(WALLETS)}"
        return entry(f"load-{next(self._numbers)}", line(HOT, "debit", amount), line(wallet, "credit", amount))

    async def _acknowledged(self, http: httpx.AsyncClient, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Send a request until each of its entries is told to be in the books."""
        while True:
            try:
                answer = await http.post("/ledger/postings", json=body, headers={"authorization": f"Bearer {KEY}"})
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in RETRIED:
                answer.raise_for_status()
                told: list[dict[str, Any]] = answer.json()["entries"]
                return told
            self.repeated += 1
            await asyncio.sleep(PAUSE_SECONDS)

    def _note(self, told: dict[str, Any]) -> None:
        reference = told["entry_reference"]
        if not told["accepted"]:
            self.contradictions.append(f"{reference} was refused: {told['message']}")
        elif self.acknowledged.setdefault(reference, told["entry_id"]) != told["entry_id"]:
            self.contradictions.append(f"{reference} was acknowledged as two entries")
