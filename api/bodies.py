"""Reads the body of a request within bounds of size and time, whoever sends it."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

MAX_BODY_BYTES = 512 * 1024
"""Both gateways' events are a few kilobytes."""
BODY_SECONDS = 10.0
JSON = "application/json"


async def raw_body(request: Request) -> bytes:
    """Return the body's bytes as they came.

    Raises HTTPException: 415 for another content type, 413 for a body that is too large, 408 for one that is too slow.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"send {JSON}")
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body did not come whole") from None
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"the body may have at most {MAX_BODY_BYTES} bytes")
