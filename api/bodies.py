"""Reads the body of a request within bounds of size and time, whoever sends it."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

MAX_BODY_BYTES = 512 * 1024
"""Both gateways' events are a few kilobytes."""
MAX_DISCARDED_BYTES = 4 * 1024 * 1024
"""How much beyond that is read and thrown away, so that a sender gets to read why; then it is hung up on."""
BODY_SECONDS = 10.0
JSON = "application/json"


async def raw_body(request: Request, *, content_type: str = JSON) -> bytes:
    """Return the body's bytes as they came.

    Raises HTTPException: 415 for another content type, 413 for a body that is too large, 408 for one that is too slow.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != content_type:
        raise HTTPException(415, f"send {content_type}")
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= MAX_BODY_BYTES:
                    body += chunk
                elif size > MAX_BODY_BYTES + MAX_DISCARDED_BYTES:
                    break
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body did not come whole") from None
    if size > MAX_BODY_BYTES:
        raise HTTPException(413, f"the body may have at most {MAX_BODY_BYTES} bytes")
    return bytes(body)
