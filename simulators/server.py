"""Runs a simulator as a process: one port, its control interface, SIGTERM and SIGINT end it at once."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulators.control import Control
from simulators.exchange import Exchange
from simulators.gateway import Gateway
from simulators.simulator import Simulator

KEEP_ALIVE_SECONDS = 120
"""Longer than clients keep a connection: a server that hangs up first looks like a fault that nobody asked for."""


class _Connection(H11Protocol):
    """Gives the application a way to hang up without a byte: `scope["hang_up"]`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        application = self.app

        async def with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
            scope["hang_up"] = self.transport.abort
            # Cancelled is a request whose process ends; its connection is gone already.
            with contextlib.suppress(asyncio.CancelledError):
                await application(scope, receive, send)

        self.app = with_hang_up


class _Server(uvicorn.Server):
    """Ends at once on a signal, with exit code 0, whatever is under way: every transaction is whole."""

    def __init__(self, config: uvicorn.Config, simulator: Simulator) -> None:
        super().__init__(config)
        self._simulator = simulator

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer requests, and let the simulator do by itself what is due."""
        running = asyncio.create_task(self._simulator.run())
        await super().serve(sockets)
        running.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # a request under way gets no answer, as from a process that died
        await asyncio.sleep(0)
        self._simulator.store.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True
        self.force_exit = True


def application(gateway: Gateway, name: str) -> Starlette:
    """The simulator's web application: the control interface, and the gateway's own API everywhere else."""
    control = Starlette(routes=Control(gateway, name).routes())
    return Starlette(routes=[Mount("/_control", app=control), Mount("/", app=Exchange(gateway))])


def serve(gateway: Gateway, name: str, *, host: str, port: int) -> None:
    """Run until a signal comes; an occupied port is an exit with one line."""
    # With its protocol named: only then does asyncio send small answers at once, not 40 ms later (TCP_NODELAY).
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        sys.exit(
            f"{name} simulator: port {port} of {host} cannot be used ({error.strerror}): choose another with --port"
        )
    config = uvicorn.Config(
        application(gateway, name),
        http=_Connection,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    _Server(config, gateway.simulator).run(sockets=[listening])
