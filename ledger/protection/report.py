"""The whole check of the ledger's protection, as one report; reading it changes nothing, and any role may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.protection import durability, functions, grants, guards, identity
from ledger.protection.declared import Guard, Right, schema_version
from ledger.protection.fault import Fault, Subject

_ROLES = text("""
    SELECT r.rolname, r.rolcanlogin, r.rolsuper,
            ARRAY(SELECT m.roleid::regrole::text FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid ORDER BY 1)
        FROM pg_catalog.pg_roles r WHERE r.rolname LIKE 'quittance\\_%' ORDER BY r.rolname
""")


@dataclass(frozen=True)
class Role:
    """A role of ours, as the server has it."""

    name: str
    may_log_in: bool
    is_superuser: bool
    member_of: Sequence[str]


@dataclass(frozen=True)
class Report:
    """What was found."""

    database: str
    role: str
    """Whom we run as."""
    schema_version: str | None
    faults: Sequence[Fault]
    settings: Mapping[str, str]
    roles: Sequence[Role]
    grants: Sequence[Right]
    guards: Mapping[Guard, str]

    def serious(self, *, unsafe_allowed: bool) -> list[Fault]:
        """Return the faults that forbid to run; without those of the server's settings where somebody allowed them."""
        return [fault for fault in self.faults if not (unsafe_allowed and fault.subject is Subject.DURABILITY)]


async def inspect(connection: AsyncConnection) -> Report:
    """Look at everything, in the order in which an attacker would."""
    settings = await durability.settings(connection)
    version = await _version(connection)
    behind = _schema_fault(version)
    found = [
        *await identity.faults(connection),
        # Of another version's schema the lists are not ours to compare.
        *([behind] if behind else [*await grants.faults(connection), *await guards.faults(connection)]),
        *await functions.owner_faults(connection),
        *await functions.search_path_faults(connection),
        *durability.faults(settings),
    ]
    return Report(
        database=str(await connection.scalar(text("SELECT current_database()"))),
        role=await identity.name(connection),
        schema_version=version,
        faults=found,
        settings=settings,
        roles=[Role(*row) for row in await connection.execute(_ROLES)],
        grants=sorted(await grants.granted(connection)),
        guards=dict(sorted((await guards.states(connection)).items())),
    )


async def _version(connection: AsyncConnection) -> str | None:
    if await connection.scalar(text("SELECT to_regclass('public.alembic_version')")) is None:
        return None
    found = await connection.scalar(text("SELECT max(version_num) FROM public.alembic_version"))
    return None if found is None else str(found)


def _schema_fault(version: str | None) -> Fault | None:
    if version == schema_version():
        return None
    has = (
        "has no schema of ours"
        if version is None
        else f"has schema {version}, and this program is of {schema_version()}"
    )
    remedy = "run `python worker.py --migrate`"
    if version is not None and version > schema_version():
        remedy = "run the program of that version"
    return Fault(Subject.SCHEMA, f"the database {has}", remedy)
