"""Who owns the tables and functions, and whether each function means the same for every caller."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.protection.declared import OWNER
from ledger.protection.fault import Fault, Subject

SEARCH_PATH = "search_path=pg_catalog, pg_temp"
"""What a function with its owner's rights, or of a trigger, looks names up in: nothing that a caller could put there."""

_OWNED_BY_OTHERS = text("""
    SELECT o.kind, o.name, o.owner FROM (
        SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, c.relname AS name,
                c.relowner::regrole::text AS owner
            FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION ALL
        SELECT 'FUNCTION', p.proname, p.proowner::regrole::text FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            )
    ) o
    WHERE o.owner <> :owner
    ORDER BY o.kind, o.name
""")
_UNPINNED = text("""
    SELECT p.proname FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND (p.prosecdef OR p.prorettype = 'trigger'::regtype)
            AND NOT :search_path = ANY (coalesce(p.proconfig, '{}'))
        ORDER BY p.proname
""")


async def owner_faults(connection: AsyncConnection) -> list[Fault]:
    """Say what belongs to another role than the owner, who could change it."""
    return [
        Fault(
            Subject.OWNERS,
            f"{kind.lower()} {name} belongs to {owner}",
            f"ALTER {kind} {name} OWNER TO {OWNER}, and find out who gave it away",
        )
        for kind, name, owner in await connection.execute(_OWNED_BY_OTHERS, {"owner": OWNER})
    ]


async def search_path_faults(connection: AsyncConnection) -> list[Fault]:
    """Say which function could be made to use something of its caller's in place of what it names."""
    return [
        Fault(
            Subject.FUNCTIONS,
            f"function {name} does not pin its search_path",
            f"ALTER FUNCTION {name} SET search_path = pg_catalog, pg_temp, and find out who changed it",
        )
        for (name,) in await connection.execute(_UNPINNED, {"search_path": SEARCH_PATH})
    ]
