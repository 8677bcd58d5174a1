"""The wire: bounded in time and size, never to another address than the configured one, and clear about what was sent."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateways.errors import (
    GatewayError,
    GatewayUnreachable,
    KeyInUse,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
)
from gateways.port import OperationRequest
from gateways.wire import LONGEST_RETRY_AFTER_SECONDS, MAX_BODY_BYTES, Wire, retry_after_seconds
from tests.gateways.cases import AUTHORIZE, CASES, TIMEOUT_SECONDS, money

Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(speak: Speak) -> AsyncIterator[str]:
    """A server on this machine that says what it likes to each request but one for a token, and its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            await (TOKEN if b"/v1/oauth2/token" in head else speak)(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]
    async with running:
        yield f"http://127.0.0.1:{port}"


def says(text: bytes, status: str = "200 OK", headers: str = "") -> Speak:
    """Say this, once."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(text)}\r\nconnection: close\r\n{headers}\r\n"
        writer.write(head.encode() + text)
        await writer.drain()

    return speak


TOKEN = says(b'{"access_token": "T", "expires_in": 3600}')


async def drip(writer: asyncio.StreamWriter) -> None:
    """Never stop talking, and never say much."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def request_at(name: str) -> OperationRequest:
    """An authorization that can be sent."""
    return OperationRequest(
        operation_id="chg_1:authorize:1",
        charge_id="chg_1",
        kind=AUTHORIZE,
        gateway=name,
        amount=money("1.00"),
        customer="cus_1",
        payment_method="method",
        payment_reference="P1",
    )


async def test_answer_that_never_ends_in_time() -> None:
    """An answer that drips is given up at the timeout, which is for the exchange as a whole."""
    wire = Wire("test", 0.3)
    started = time.monotonic()
    async with server(drip) as url:
        with pytest.raises(OutcomeUnknown, match=r"no answer to GET /slow within 0\.3 s"):
            await wire.exchange("GET", f"{url}/slow", {})
        await wire.close()
    assert time.monotonic() - started < 2


async def test_answer_without_end() -> None:
    """An answer that floods is given up at a size, so that no gateway can fill our memory."""
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while sent < 20 * MAX_BODY_BYTES:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
            sent += 0x10000

    wire = Wire("test", 20)
    async with server(flood) as url:
        with pytest.raises(OutcomeUnknown, match=f"longer than {MAX_BODY_BYTES:,} bytes"):
            await wire.exchange("GET", url, {})
        await wire.close()
    assert sent < 20 * MAX_BODY_BYTES


async def test_no_server() -> None:
    """A connection that was never made is told apart from one that was."""
    async with server(says(b"")) as url:
        pass
    wire = Wire("test", 1)
    with pytest.raises(GatewayUnreachable, match=r"no connection to 127\.0\.0\.1"):
        await wire.exchange("POST", url, {})
    await wire.close()


async def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of a gateway goes to its address only, whatever proxy the environment names."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    wire = Wire("test", 2)
    async with server(says(b"here")) as url:
        answer = await wire.exchange("GET", url, {})
        await wire.close()
    assert answer.body == b"here"


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(says(b"[]"), id="a list"),
        pytest.param(says(b'"yes"'), id="a string"),
        pytest.param(says(b"{}"), id="an empty object"),
        pytest.param(says(b'{"id": 5, "status": []}'), id="wrong types"),
        pytest.param(says(b""), id="nothing"),
        pytest.param(says(b"\xff\xfe\x00"), id="no text"),
        pytest.param(says(b"<html>", "200 OK", "content-type: text/html\r\n"), id="a page"),
        pytest.param(says(b"", "302 Found", "location: http://127.0.0.1:9/\r\n"), id="a redirect"),
        pytest.param(says(b"teapot", "418 I'm a teapot"), id="an unknown status"),
        pytest.param(says(json.dumps({"error": "odd"}).encode(), "400 Bad Request"), id="an odd error"),
        pytest.param(says(b"[" * 5000, "422 Unprocessable Entity"), id="an unreadable error"),
    ],
)
async def test_unparsable_answers(name: str, speak: Speak) -> None:
    """An answer that cannot be understood leaves the outcome unknown, at every gateway, and is never followed elsewhere."""
    async with server(speak) as url:
        gateway = CASES[name].make(url, TIMEOUT_SECONDS)
        request = request_at(name)
        for call in (gateway.create_payment, gateway.authorize, gateway.look_up):
            with pytest.raises(OutcomeUnknown):
                await call(request)
        await gateway.close()


@pytest.mark.parametrize(
    ("name", "status", "body", "expected"),
    [
        (
            "stripe",
            "429 Too Many Requests",
            {"error": {"type": "invalid_request_error", "message": "slow"}},
            RateLimited,
        ),
        ("stripe", "429 Too Many Requests", {"error": {"code": "lock_timeout", "type": "odd"}}, RateLimited),
        ("stripe", "429 Too Many Requests", None, RateLimited),
        ("stripe", "409 Conflict", {"error": {"type": "idempotency_error", "message": "busy"}}, KeyInUse),
        ("stripe", "409 Conflict", {"error": {"code": "idempotency_key_in_use", "type": "odd"}}, KeyInUse),
        ("stripe", "400 Bad Request", {"error": {"type": "idempotency_error", "message": "other"}}, Misconfigured),
        ("stripe", "401 Unauthorized", {"error": {"type": "invalid_request_error", "message": "sk_"}}, Misconfigured),
        ("stripe", "403 Forbidden", None, Misconfigured),
        ("stripe", "500 Internal Server Error", {"error": {"type": "api_error"}}, OutcomeUnknown),
        ("stripe", "503 Service Unavailable", None, OutcomeUnknown),
        ("stripe", "404 Not Found", {"error": {"code": "resource_missing", "param": "intent"}}, Misconfigured),
        ("paypal", "429 Too Many Requests", {"name": "RATE_LIMIT_REACHED"}, RateLimited),
        ("paypal", "429 Too Many Requests", None, RateLimited),
        ("paypal", "409 Conflict", {"name": "RESOURCE_CONFLICT"}, KeyInUse),
        ("paypal", "401 Unauthorized", {"error": "invalid_token"}, Misconfigured),
        ("paypal", "403 Forbidden", {"name": "NOT_AUTHORIZED"}, Misconfigured),
        ("paypal", "404 Not Found", {"name": "RESOURCE_NOT_FOUND"}, Misconfigured),
        ("paypal", "500 Internal Server Error", {"name": "INTERNAL_SERVER_ERROR"}, OutcomeUnknown),
        ("paypal", "503 Service Unavailable", None, OutcomeUnknown),
    ],
)
async def test_meaning_of_a_status(name: str, status: str, body: object, expected: type[GatewayError]) -> None:
    """What an error means follows from its HTTP status, whatever its body gives; a wait that it asks for is kept."""
    text = b"" if body is None else json.dumps(body).encode()
    async with server(says(text, status, "retry-after: 3\r\n")) as url:
        gateway = CASES[name].make(url, TIMEOUT_SECONDS)
        with pytest.raises(expected) as raised:
            await gateway.authorize(request_at(name))
        await gateway.close()
    assert type(raised.value) is expected
    assert raised.value.retry_after_seconds == (None if expected is Misconfigured else 3)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("999999", LONGEST_RETRY_AFTER_SECONDS),
        ("inf", LONGEST_RETRY_AFTER_SECONDS),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    """A wait is read in seconds and kept within an hour; what is unreadable is none."""
    assert retry_after_seconds({"retry-after": header}) == seconds
    assert retry_after_seconds({}) is None


def test_retry_after_a_date() -> None:
    """A wait may be given as the moment at which it ends."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = retry_after_seconds({"retry-after": moment})
    assert seconds is not None
    assert 55 < seconds <= 60
