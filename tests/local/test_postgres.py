"""The embedded PostgreSQL."""

import psycopg

from local.postgres import Postgres


def test_it_listens_on_loopback_only_with_checksums(postgres_server: Postgres) -> None:
    """Nobody outside this machine reaches the books, and a page that the disk damaged is noticed."""
    with psycopg.connect(postgres_server.url()) as connection:
        shown = {
            name: connection.execute(psycopg.sql.SQL("SHOW {}").format(psycopg.sql.Identifier(name))).fetchone()
            for name in ("listen_addresses", "data_checksums", "unix_socket_directories", "TimeZone")
        }
    assert shown == {
        "listen_addresses": ("127.0.0.1",),
        "data_checksums": ("on",),
        "unix_socket_directories": ("",),
        "TimeZone": ("UTC",),
    }
