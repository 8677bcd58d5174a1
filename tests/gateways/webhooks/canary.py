"""A small HTTP server that counts every request, gives certificates, and can redirect, hang or say too much."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from local.ports import free_port


@dataclass
class Canary:
    """Serves one answer to whatever is asked."""

    port: int
    answer: bytes = b""
    requests: list[str] = field(default_factory=list)
    """First lines of what was asked, in order."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def gives(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        """Set the answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        self.answer = "\r\n".join(lines).encode() + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode().splitlines()[0])
        writer.write(self.answer)
        try:
            await writer.drain()
            writer.close()
        except OSError:
            return


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    """Run one."""
    bird = Canary(free_port())
    async with await asyncio.start_server(bird.serve, "127.0.0.1", bird.port):
        yield bird
