"""The proxy does to a connection what it says, so that a test that passes has met the fault."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from local.ports import LOOPBACK, free_port
from tests.faults.proxy import CHUNK_BYTES, CommitFate, Direction, FaultProxy


@asynccontextmanager
async def echo(got: list[bytes]) -> AsyncIterator[int]:
    """A server that answers every piece with itself, and keeps what it got; gives its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            while data := await reader.read(65_536):
                got.append(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    port = free_port()
    server = await asyncio.start_server(answer, LOOPBACK, port)
    yield port
    server.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """A proxy before such a server."""
    async with echo([]) as port, FaultProxy(port, seed=1) as running:
        yield running


async def ask(proxy: FaultProxy, text: bytes, expected: int | None = None) -> bytes:
    """Send a text on a new connection and read as many bytes of the answer as are expected; all of it by default."""
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    try:
        writer.write(text)
        return await asyncio.wait_for(reader.readexactly(len(text) if expected is None else expected), 5)
    finally:
        writer.transport.abort()


async def test_without_a_fault_everything_passes(proxy: FaultProxy) -> None:
    """The proxy by itself changes nothing, however large the message."""
    text = b"x" * 300_000
    assert await ask(proxy, text) == text


async def test_latency_and_small_pieces_delay_and_lose_nothing(proxy: FaultProxy) -> None:
    """A slow line is slow, and whole."""
    proxy.latency_seconds, proxy.piece_bytes = 0.05, 10
    started = time.monotonic()
    assert await ask(proxy, b"0123456789" * 20) == b"0123456789" * 20
    assert time.monotonic() - started > 0.2


@pytest.mark.parametrize("direction", list(Direction))
async def test_a_cut_lets_so_many_bytes_pass_and_resets_the_connection(proxy: FaultProxy, direction: Direction) -> None:
    """A message is torn at a byte, once; the next connection works."""
    proxy.cut(direction, 7)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)) as torn:
        await ask(proxy, b"0123456789")
    if isinstance(torn.value, asyncio.IncompleteReadError):
        assert len(torn.value.partial) <= 7
    assert await ask(proxy, b"again") == b"again"


async def test_a_black_hole_holds_everything_back_until_it_is_healed(proxy: FaultProxy) -> None:
    """A partition tells nobody of itself; what was on its way arrives afterwards."""
    proxy.black_hole()
    asking = asyncio.create_task(ask(proxy, b"patience"))
    await asyncio.sleep(0.3)
    assert not asking.done()
    proxy.heal()
    assert await asking == b"patience"


async def test_down_refuses_and_resets_and_up_takes_connections_again(proxy: FaultProxy) -> None:
    """A server that is gone is gone for those who are connected, too."""
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    writer.write(b"hello")
    await reader.readexactly(5)
    await proxy.down()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.transport.abort()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOOPBACK, proxy.port)
    await proxy.up()
    assert await ask(proxy, b"back") == b"back"


@pytest.mark.parametrize(("fate", "arrives"), [(CommitFate.DONE, True), (CommitFate.NEVER_ARRIVES, False)])
@pytest.mark.parametrize("piece_bytes", [CHUNK_BYTES, 3])
async def test_the_commit_after_its_fate_was_said_breaks_the_connection(
    fate: CommitFate, piece_bytes: int, *, arrives: bool
) -> None:
    """The server got the COMMIT, or never did; whoever sent it hears the same. Others are not disturbed."""
    got: list[bytes] = []
    async with echo(got) as port, FaultProxy(port, piece_bytes=piece_bytes) as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(fate.encode())
        assert await reader.readexactly(len(fate)) == fate.encode()
        writer.write(b"Q\0\0\0\x0bCOMMIT\0")
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        assert (b"COMMIT\0" in b"".join(got)) is arrives
        assert proxy.commits_lost == 1
        writer.transport.abort()
        assert await ask(proxy, b"COMMIT\0") == b"COMMIT\0"
