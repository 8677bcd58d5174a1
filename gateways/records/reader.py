"""Reads a gateway's API patiently: few requests at once, each tried again while it is refused for the moment.

What cannot be read is an error, never an empty answer: a proof must not rest on what it did not see.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

CONCURRENT_REQUESTS = 8
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 20.0
MAX_BODY_BYTES = 20_000_000
CONNECT_SECONDS = 5.0

Value = TypeVar("Value")
Document = dict[str, Any]
Parameters = Mapping[str, str | int]
Headers = Callable[[httpx.AsyncClient, bool], Awaitable[Mapping[str, str]]]
"""Makes the headers that identify us, which may take a request; the flag asks for new ones, since the last were refused."""


class RecordUnreadable(Exception):
    """A gateway's record could not be read, so nothing can be concluded from it; says which part and why."""

    def __init__(self, gateway: str, message: str) -> None:
        super().__init__(f"{gateway}: {message}")
        self.gateway = gateway


class RecordRefused(RecordUnreadable):
    """The gateway refused a request for good; `issue` is its word for the reason."""

    def __init__(self, gateway: str, message: str, issue: str) -> None:
        super().__init__(gateway, message)
        self.issue = issue


class _Again(Exception):
    """An answer that another try may better; `wait_seconds` where the gateway asked for a wait."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class _IdentityRefused(_Again):
    """A token may have ended early; a wrong key will be refused again."""


class RecordReader:
    """Sends GET requests to one gateway; belongs to the event loop of the first one."""

    def __init__(self, gateway: str, base_url: str, headers: Headers, timeout_seconds: float) -> None:
        self._gateway = gateway
        self._headers = headers
        self._turns = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            trust_env=False,
            follow_redirects=False,
        )

    async def get(self, path: str, parameters: Parameters | None = None) -> Document | None:
        """Read one document; None where the gateway says that there is none. Raises RecordUnreadable."""
        async with self._turns:
            wait, refused = FIRST_WAIT_SECONDS, False
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return await self._once(path, parameters or {}, renew=refused)
                except (_Again, httpx.HTTPError) as error:
                    refused = isinstance(error, _IdentityRefused)
                    if attempt == ATTEMPTS:
                        reason = str(error) or type(error).__name__
                        message = f"GET {path} failed {ATTEMPTS} times: {reason}"
                        raise RecordUnreadable(self._gateway, message) from error
                    asked = error.wait_seconds if isinstance(error, _Again) else None
                    # Not all at the same moment, when a gateway asked all of them to wait.
                    await asyncio.sleep(min(asked or wait, LONGEST_WAIT_SECONDS) * random.uniform(1.0, 1.2))  # noqa: S311
                    wait *= 2
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()

    async def _once(self, path: str, parameters: Parameters, *, renew: bool) -> Document | None:
        headers = await self._headers(self._client, renew)
        request = self._client.build_request("GET", path, params=dict(parameters), headers=dict(headers))
        response = await self._client.send(request, stream=True)
        try:
            body = await _body(response)
        finally:
            await response.aclose()
        status = response.status_code
        if status == 404:
            return None
        if status == 200:
            return _document(body)
        if status == 401:
            raise _IdentityRefused("HTTP 401, the credentials are refused: check the settings")
        if status in {409, 429} or status >= 500:
            raise _Again(f"HTTP {status}", _wait_asked_for(response.headers))
        raise RecordRefused(self._gateway, f"GET {path} was refused with HTTP {status}: {_words(body)}", _words(body))


@contextmanager
def understood(gateway: str, what: str) -> Iterator[None]:
    """Say of a document that is not of the expected shape that it could not be read."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, LookupError) as error:
        raise RecordUnreadable(gateway, f"shows {what} that cannot be understood: {error!r}") from error


async def together(work: Iterable[Coroutine[Any, Any, Value]]) -> list[Value]:
    """Run all; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _Again(f"an answer longer than {MAX_BODY_BYTES:,} bytes")
    return bytes(body)


def _document(body: bytes) -> Document:
    try:
        document = json.loads(body)
    except ValueError:
        raise _Again("an answer that is not JSON") from None
    if not isinstance(document, dict):
        raise _Again("an answer that is not a JSON object")
    return document


def _wait_asked_for(headers: httpx.Headers) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def _words(body: bytes) -> str:
    """Find the reason in an error of Stripe's shape or of PayPal's."""
    try:
        document = json.loads(body)
        stripe = document.get("error")
        if isinstance(stripe, dict):
            return str(stripe.get("message") or stripe.get("type"))
        details = document.get("details") or [{}]
        return str(details[0].get("issue") or document.get("name") or document.get("error_description") or "no reason")
    except (ValueError, AttributeError, LookupError, TypeError):
        return "no reason that can be read"
