"""The triggers that the database has, whether they are always on, and what else could stand between a statement and its rows."""

from collections.abc import Iterator, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.protection.declared import Guard, guards
from ledger.protection.fault import Fault, Subject

ALWAYS = "A"
STATES = {
    ALWAYS: "always on",
    "O": "off where session_replication_role is replica",
    "D": "off",
    "R": "on in a replica only",
}

_TRIGGERS = text("""
    SELECT c.relname, t.tgname, t.tgenabled FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
""")
_BYPASSES = text("""
    SELECT format('rule %s of %s', r.rulename, c.relname), format('DROP RULE %s ON %s', r.rulename, c.relname)
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'v'
    UNION ALL
    SELECT format('row security of %s', c.relname), format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', c.relname)
        FROM pg_catalog.pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
    UNION ALL
    SELECT format('child table %s of %s', h.inhrelid::regclass, c.relname), 'detach it: what is in it passed no guard'
        FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhparent
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    ORDER BY 1
""")


async def states(connection: AsyncConnection) -> dict[Guard, str]:
    """Read every trigger of the schema, and in which state it is, as PostgreSQL's letter for it."""
    return {Guard(table, name): state for table, name, state in await connection.execute(_TRIGGERS)}


async def faults(connection: AsyncConnection) -> list[Fault]:
    """Say which guard is missing or not always on, and what is there that nobody declared."""
    bypasses = await connection.execute(_BYPASSES)
    return [
        *differences(await states(connection), guards()),
        *(
            Fault(Subject.GUARDS, f"{what} is not declared", f"{remedy}, and find out who made it")
            for what, remedy in bypasses
        ),
    ]


def differences(found: Mapping[Guard, str], declared: frozenset[Guard]) -> Iterator[Fault]:
    """Compare the triggers that there are with those that there must be."""
    for guard in sorted(declared - found.keys()):
        yield Fault(
            Subject.GUARDS,
            f"{guard} is missing",
            "restore it from its migration, then look with `prove` for what was written without it",
        )
    for guard in sorted(declared & found.keys()):
        if found[guard] != ALWAYS:
            yield Fault(
                Subject.GUARDS,
                f"{guard} is {STATES.get(found[guard], found[guard])}",
                f"ALTER TABLE {guard.table} ENABLE ALWAYS TRIGGER {guard.name}, then look with `prove` for what was written without it",
            )
    for guard in sorted(found.keys() - declared):
        yield Fault(
            Subject.GUARDS,
            f"{guard} is not declared",
            f"DROP TRIGGER {guard.name} ON {guard.table}, and find out who made it",
        )
