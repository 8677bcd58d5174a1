"""A TCP proxy on loopback that lets connections go wrong: slow, silent, torn, cut in the middle of a message, refused.

What goes wrong is set while it runs and holds for connections that are open already. It knows one thing of
PostgreSQL's protocol: a statement with one of the `CommitFate`s in it dooms the next COMMIT of its connection.
"""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from local.ports import LOOPBACK, free_port

CHUNK_BYTES = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Direction(StrEnum):
    """Which way bytes go."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


class CommitFate(StrEnum):
    """What becomes of the next COMMIT of a connection; in both cases its sender hears only that the connection broke."""

    DONE = "the next COMMIT is done, and its answer is lost"
    NEVER_ARRIVES = "the next COMMIT is lost, and not done"


LONGEST_WORD = max(map(len, CommitFate)) - 1


@dataclass
class Cut:
    """After this many bytes more in a direction, the connection that carries the last of them is reset."""

    direction: Direction
    after_bytes: int


@dataclass(eq=False)
class Connection:
    """One client's connection and ours to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    fate: CommitFate | None = None
    committing: bool = False
    unsaid: bytes = b""
    """The end of what the client has sent: a word may come in pieces."""

    def reset(self) -> None:
        """Tear both halves down, so that each side sees a reset and no orderly end."""
        for writer in (self.client, self.server):
            connected = writer.get_extra_info("socket")
            with suppress(OSError, AttributeError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


@dataclass
class FaultProxy:
    """A proxy in front of one port of this machine; use it as an asynchronous context."""

    target_port: int
    seed: int = 0
    port: int = field(default_factory=free_port)
    latency_seconds: float = 0.0
    """How long each piece waits, at most; how long exactly is drawn."""
    piece_bytes: int = CHUNK_BYTES
    """In pieces of at most how many bytes it passes on what it gets; how many exactly is drawn."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._connections: set[Connection] = set()
        self._cuts: list[Cut] = []
        self._open = asyncio.Event()
        self._open.set()
        self._listener: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self.commits_lost = 0

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def up(self) -> None:
        """Take connections."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, LOOPBACK, self.port, reuse_address=True)

    async def down(self) -> None:
        """Refuse new connections and reset those that are open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.reset()

    def reset(self) -> None:
        """Reset every open connection."""
        for connection in list(self._connections):
            connection.reset()

    def black_hole(self) -> None:
        """Pass nothing on in either direction, and tell nobody, until `heal`."""
        self._open.clear()

    def cut(self, direction: Direction, after_bytes: int) -> None:
        """Reset the connection that carries the byte after so many more in this direction; once."""
        self._cuts.append(Cut(direction, after_bytes))

    def heal(self) -> None:
        """Let everything through again, at once and whole; what was held back arrives now."""
        self._cuts.clear()
        self.latency_seconds, self.piece_bytes = 0.0, CHUNK_BYTES
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection(LOOPBACK, self.target_port)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(client=writer, server=server)
        self._connections.add(connection)
        pumps = [
            asyncio.create_task(self._pump(connection, Direction.TO_SERVER, reader, server)),
            asyncio.create_task(self._pump(connection, Direction.TO_CLIENT, from_server, writer)),
        ]
        self._pumps.update(pumps)
        await asyncio.wait(pumps)
        self._pumps.difference_update(pumps)
        self._connections.discard(connection)

    async def _pump(
        self, connection: Connection, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(self._chance.randint(1, self.piece_bytes)):
                if self.latency_seconds:
                    await asyncio.sleep(self._chance.uniform(0, self.latency_seconds))
                await self._open.wait()
                allowed = self._allowed(connection, direction, data)
                writer.write(data[:allowed])
                await writer.drain()
                if allowed < len(data):
                    connection.reset()
                    return
        writer.close()

    def _allowed(self, connection: Connection, direction: Direction, data: bytes) -> int:
        """How many of these bytes may pass before the connection breaks; all of them where it does not."""
        if self._loses_commit(connection, direction, data):
            return 0
        for cut in self._cuts:
            if cut.direction is direction:
                if cut.after_bytes < len(data):
                    self._cuts.remove(cut)
                    return cut.after_bytes
                cut.after_bytes -= len(data)
        return len(data)

    def _loses_commit(self, connection: Connection, direction: Direction, data: bytes) -> bool:
        if direction is Direction.TO_CLIENT:
            lost = connection.committing
        else:
            seen = connection.unsaid + data
            connection.committing |= connection.fate is not None and b"COMMIT\0" in seen
            lost = connection.committing and connection.fate is CommitFate.NEVER_ARRIVES
            said = next((fate for fate in CommitFate if fate.encode() in seen), None)
            connection.fate = said or connection.fate
            connection.unsaid = b"" if said else seen[-LONGEST_WORD:]
        self.commits_lost += lost
        return lost
