"""Ports: free ones are found, occupied ones are named."""

import os
import socket

import psutil
import pytest

from local import ports
from local.errors import PortOccupied


def test_free_ports_are_different_and_free() -> None:
    """Six parts that are started one after the other do not get in each other's way."""
    found = ports.free_ports(6)
    assert len(set(found)) == 6
    assert all(ports.is_free(port) for port in found)


def test_an_occupied_port_is_named_with_its_occupant_and_what_to_do() -> None:
    """One line says which part, which port, which program with its process id, and the variable that moves it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortOccupied) as refused:
            ports.require_free("PostgreSQL", port, "LOCAL_POSTGRES_PORT")
    message = str(refused.value)
    assert message.startswith(f"PostgreSQL cannot start: port {port} is taken by {psutil.Process().name()}")
    assert message.endswith(f"(process {os.getpid()}); end it, or set LOCAL_POSTGRES_PORT to another port")
    assert "\n" not in message


def test_a_server_on_all_interfaces_occupies_the_port() -> None:
    """A program that listens everywhere is in the way on loopback too, and is named."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert str(os.getpid()) in ports.occupant(port)


def test_a_port_whose_server_has_gone_is_free_at_once() -> None:
    """Connections that linger after a server's end do not keep it from being started again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()
    assert ports.is_free(port)
