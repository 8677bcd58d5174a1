"""One HTTP POST of a webhook, on nothing but asyncio streams, so that it ends at once when it is cancelled."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0


async def post(url: str, headers: Mapping[str, str], body: bytes) -> int | None:
    """Send it; returns the status, or None where there was no answer."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _exchange(url, headers, body)
    except (OSError, ValueError, IndexError, EOFError):
        return None


async def _exchange(url: str, headers: Mapping[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
