"""A gateway that sends events as gateways do: each again and again, to whichever receiver answers, until one says 2xx."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from tests.gateways.webhooks.sender import signed_by_stripe, stripe_body

AGAIN_SECONDS = 0.05


class Senders:
    """Some senders with events of their own."""

    def __init__(self, urls: Sequence[str], senders: int, events: int) -> None:
        self._urls = urls
        self._senders = senders
        self.events = {f"evt_{sender}_{number}": sender for sender in range(senders) for number in range(events)}
        self.answered: Counter[str] = Counter()
        """How often each event was answered with 200."""
        self.unanswered = 0
        """Deliveries that nobody answered, or not with 200."""

    async def send_all(self) -> None:
        """Return when each event was taken."""
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            await asyncio.gather(*(self._send_those_of(http, sender) for sender in range(self._senders)))

    async def _send_those_of(self, http: httpx.AsyncClient, sender: int) -> None:
        tries = sender
        for event_id in [event_id for event_id, of in self.events.items() if of == sender]:
            while not await self._is_taken(http, self._urls[tries % len(self._urls)], event_id):
                tries += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def _is_taken(self, http: httpx.AsyncClient, url: str, event_id: str) -> bool:
        body = stripe_body(event_id)
        headers = {"content-type": "application/json", **signed_by_stripe(body, datetime.now(UTC))}
        try:
            answer = await http.post(f"{url}/webhooks/stripe", content=body, headers=headers)
        except httpx.TransportError:
            self.unanswered += 1
            return False
        self.answered[event_id] += answer.status_code == 200
        self.unanswered += answer.status_code != 200
        return answer.status_code == 200
