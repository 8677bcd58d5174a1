"""One HTTP exchange with a gateway, bounded in time and in size, and honest about what is not known.

Either an answer comes back, or `GatewayUnreachable` (nothing was sent), or `OutcomeUnknown` (something may have been).
Proxies of the environment are not used: what a gateway is asked goes to the configured address only.
"""

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from gateways.errors import GatewayUnreachable, OutcomeUnknown

MAX_BODY_BYTES = 2_000_000
MAX_CONNECTIONS = 1000
"""More than a worker's calls under way, which the worker limits."""
CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 4.0
"""Shorter than servers commonly keep an idle connection, so that they do not close it under a request."""
LONGEST_RETRY_AFTER_SECONDS = 3600.0

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Answer(NamedTuple):
    """What came back, whole."""

    status: int
    headers: httpx.Headers
    body: bytes


class Wire:
    """The connections to one gateway, opened upon the first exchange and belonging to the loop that runs then."""

    def __init__(self, gateway: str, timeout_seconds: float) -> None:
        self._gateway = gateway
        self._timeout_seconds = timeout_seconds
        self._client: httpx.AsyncClient | None = None

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: str | bytes | None = None
    ) -> Answer:
        """Send a request and read its answer, within the timeout as a whole."""
        request = self._opened().build_request(
            method, url, headers={**headers, "Accept-Encoding": "identity"}, content=content
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._sent(request)
        except NOT_SENT as error:
            raise GatewayUnreachable(self._gateway, f"no connection to {request.url.host}: {_words(error)}") from error
        except httpx.HTTPError as error:
            raise OutcomeUnknown(self._gateway, f"no answer to {_name(request)}: {_words(error)}") from error
        except TimeoutError as error:
            raise OutcomeUnknown(
                self._gateway, f"no answer to {_name(request)} within {self._timeout_seconds:g} s"
            ) from error

    async def close(self) -> None:
        """Close the connections; the next exchange opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _sent(self, request: httpx.Request) -> Answer:
        response = await self._opened().send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise OutcomeUnknown(
                        self._gateway, f"the answer to {_name(request)} is longer than {MAX_BODY_BYTES:,} bytes"
                    )
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, bytes(body))

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(self._timeout_seconds, connect=min(CONNECT_SECONDS, self._timeout_seconds)),
                limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS),
            )
        return self._client


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3); None if it is absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _name(request: httpx.Request) -> str:
    return f"{request.method} {request.url.path}"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
