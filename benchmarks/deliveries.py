"""Sends webhooks as Stripe does, many at once, and times each answer; on plain sockets, so that it costs little itself."""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

EVENT = {
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1_764_000_000,
    "livemode": False,
    "pending_webhooks": 1,
    "type": "payment_intent.succeeded",
}
FILLER = {f"field_{number}": f"value {number}" for number in range(60)}
"""An event of Stripe's is some kilobytes long."""


def deliveries(address: str, secret: str, payment: str, run: str) -> Iterator[bytes]:
    """Whole requests, each with an event of its own about a payment, signed when it is taken."""
    parts = urlsplit(address)
    for number in itertools.count():
        thing = {"id": payment, "object": "payment_intent", "status": "succeeded", **FILLER}
        event = {"id": f"evt_{run}_{number}", **EVENT, "data": {"object": thing}, "request": {"idempotency_key": None}}
        body = json.dumps(event, indent=2).encode()
        moment = int(time.time())
        signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Stripe-Signature: t={moment},v1={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


async def send(address: str, requests: Iterator[bytes], count: int, senders: int) -> list[float]:
    """Send so many requests over so many connections; returns the seconds to each answer. Raises where one is not 200."""
    parts = urlsplit(address)
    seconds: list[float] = []
    numbers = iter(range(count))

    async def sender() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in numbers:
            request = next(requests)
            started = time.perf_counter()
            writer.write(request)
            await _read_answer(reader)
            seconds.append(time.perf_counter() - started)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(senders):
            group.create_task(sender())
    return seconds


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = head.split(" ", 2)[1]
    length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:"))
    body = await reader.readexactly(length)
    if status != "200":
        raise AssertionError(f"a delivery was answered {status}: {body.decode().strip()}")
