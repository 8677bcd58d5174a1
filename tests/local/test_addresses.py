"""Where the local system listens."""

import socket

import pytest

from local.addresses import Ports
from local.errors import NotPossible, PortOccupied
from settings import Settings


def test_the_usual_ports_are_the_settings_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing set, `starter.py` finds what `make up` started."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    defaults = Settings(_env_file=None)
    monkeypatch.setattr("os.environ", Ports().settings())
    # No key; persons whom no other system knows; no limit, as it is without; and what only a running worker and its pages ask for.
    of_its_own = {"temporal_api_key", "reviewers", "closers", "accountants", "approvers", "stripe_calls_per_second"}
    of_its_own |= {"merchant_name", "return_url"}
    assert Settings(_env_file=None).model_dump(exclude=of_its_own) == defaults.model_dump(exclude=of_its_own)


def test_the_settings_leave_nothing_to_the_environment() -> None:
    """A key for the real Stripe that happens to be set never reaches the local worker."""
    settings = Ports().settings()
    needed = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if "127.0.0.1" in str(field.default) or name.startswith(("stripe_", "paypal_", "temporal_"))
    }
    assert needed <= set(settings)


def test_ports_come_from_the_environment() -> None:
    """A person whose machine has a PostgreSQL on the port moves ours, and only ours."""
    assert Ports.from_environment({"LOCAL_POSTGRES_PORT": "6000"}) == Ports(postgres=6000)
    assert Ports.from_environment({"LOCAL_POSTGRES_PORT": " "}) == Ports()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "12.5"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """A mistyped port is named with its variable."""
    with pytest.raises(NotPossible, match=f"LOCAL_STRIPE_PORT must be a port between 1 and 65535, not '{text}'"):
        Ports.from_environment({"LOCAL_STRIPE_PORT": text})


def test_two_parts_cannot_share_a_port() -> None:
    """The second of them could not start, and the first would be blamed."""
    with pytest.raises(NotPossible, match="the same port"):
        Ports.from_environment({"LOCAL_STRIPE_PORT": "7000", "LOCAL_PAYPAL_PORT": "7000"})


def test_an_occupied_port_is_found_before_anything_starts() -> None:
    """Nobody waits for three parts to start to hear that the fourth cannot."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = Ports(worker=server.getsockname()[1])
        with pytest.raises(PortOccupied, match="LOCAL_WORKER_PORT"):
            Ports(**{**Ports.free().by_name(), "worker": ports.worker}).require_free()


def test_the_demo_moves_only_the_ports_that_are_taken() -> None:
    """The demo runs beside whatever else runs, at the usual addresses where it can."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        wanted = Ports(**{**Ports.free().by_name(), "temporal": taken})
        found = wanted.or_free()
        assert found.temporal != taken
        assert {**found.by_name(), "temporal": 0} == {**wanted.by_name(), "temporal": 0}
