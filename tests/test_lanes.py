"""Tests are in the lanes of what they use, so that the fast lane starts no server."""

import pytest

SERVERS = {
    "postgres_server": "database",
    "stripe_process": "simulator",
    "paypal_process": "simulator",
    "temporal_server": "temporal",
}


def test_every_test_is_in_the_lanes_of_the_servers_that_it_starts(request: pytest.FixtureRequest) -> None:
    """`make test-fast` never waits for a database, a simulator or Temporal, asked for directly or through a fixture."""
    for item in request.session.items:
        lanes = {mark.name for mark in item.iter_markers()}
        for fixture in SERVERS.keys() & set(getattr(item, "fixturenames", ())):
            assert SERVERS[fixture] in lanes, f"{item.nodeid} uses {fixture}"
