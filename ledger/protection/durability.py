"""The server's settings without which an acknowledged posting can be lost, or a page be broken without anybody seeing it."""

from collections.abc import Iterator, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.protection.fault import Fault, Subject

REMEDIES = {
    "fsync": "set it to on in postgresql.conf and restart PostgreSQL; what it wrote until then may be broken by a power cut",
    "synchronous_commit": "set it to on, for the server, the database and the role",
    "full_page_writes": "set it to on in postgresql.conf and reload PostgreSQL",
    "data_checksums": "stop PostgreSQL and turn them on with pg_checksums --enable",
}
"""Each setting that must be on, and how it comes to be."""
ENOUGH = {"synchronous_commit": {"on", "local", "remote_write", "remote_apply"}}
"""Where other values than on wait for the disk as well."""


async def settings(connection: AsyncConnection) -> dict[str, str]:
    """Read the settings as they are for this connection; one that the server does not know is `unknown`."""
    found = await connection.execute(
        text("SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY (:names)"), {"names": list(REMEDIES)}
    )
    values = {name: str(value) for name, value in found}
    return {name: values.get(name, "unknown") for name in REMEDIES}


def faults(values: Mapping[str, str]) -> Iterator[Fault]:
    """Say which setting is not on."""
    for name, value in values.items():
        if value not in ENOUGH.get(name, {"on"}):
            yield Fault(Subject.DURABILITY, f"the server's setting {name} is {value}", REMEDIES[name])
