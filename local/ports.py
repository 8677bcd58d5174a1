"""TCP ports of this machine: which are free, and who holds one that is not."""

import random
import socket
from contextlib import ExitStack

import psutil

from local.errors import NotPossible, PortOccupied

LOOPBACK = "127.0.0.1"
# Below the range that systems hand out to outgoing connections (32768 on Linux, 49152 elsewhere), so that
# nobody's connection takes a port between our finding it free and a server's binding it.
CANDIDATES = range(15000, 32000)
MAX_TRIES = 200


def free_port() -> int:
    """Return a port on which nothing listens."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return `count` different ports on which nothing listens."""
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(CANDIDATES, MAX_TRIES):
            if len(found) == count:
                return found
            server = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            if _bind(server, port):
                found.append(port)
    raise NotPossible(
        f"no {count} free ports found between {CANDIDATES.start} and {CANDIDATES.stop}; end some programs"
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        return _bind(server, port)


def occupant(port: int) -> str:
    """Say in a few words who listens on the port: program, process id; or that it cannot be seen."""
    process_id = _listener(port)
    if process_id is None:
        return "another program"
    try:
        return f"{psutil.Process(process_id).name()} (process {process_id})"
    except psutil.Error:
        return f"process {process_id}"


def require_free(part: str, port: int, variable: str | None = None) -> None:
    """Raise PortOccupied, one line that names the occupant, unless the port is free."""
    if not is_free(port):
        raise PortOccupied(part, port, occupant(port), variable)


def _bind(server: socket.socket, port: int) -> bool:
    # As servers do: connections of an earlier server that still linger are no hindrance.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((LOOPBACK, port))
        server.listen(1)
    except OSError:
        return False
    return True


def _listener(port: int) -> int | None:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return _own_listener(port)
    return next(
        (c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid),
        None,
    )


def _own_listener(port: int) -> int | None:
    # macOS shows the connections of one's own processes only, one process at a time.
    for process in psutil.process_iter():
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in connections):
            return process.pid
    return None
