"""Who we are in the database: a role with more power than the application's could take every guard away."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.protection.declared import OWNER
from ledger.protection.fault import Fault, Subject

HARMLESS = ("pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables")
"""Roles of PostgreSQL's own that only look."""

_POWERS = text("""
    WITH us AS (SELECT DISTINCT unnest(ARRAY[current_user, session_user]) AS name)
    SELECT DISTINCT format('%s %s', us.name, power) FROM us CROSS JOIN LATERAL (
        SELECT CASE WHEN r.rolname <> us.name THEN format('is a member of %s, which ', r.rolname) ELSE '' END || f.power AS power
            FROM pg_catalog.pg_roles r CROSS JOIN LATERAL (VALUES
                (r.rolsuper, 'is a superuser'),
                (r.rolcreaterole, 'may create roles'),
                (r.rolbypassrls, 'goes around row security'),
                (r.rolreplication, 'may replicate the server'),
                (r.rolname = :owner OR EXISTS (
                    SELECT FROM pg_catalog.pg_class c
                        WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = r.oid
                ), 'owns the books'),
                (r.rolname LIKE 'pg\\_%' AND r.rolname <> ALL (:harmless), 'has power over the server')
            ) f (holds, power)
            WHERE f.holds AND (r.rolname = us.name OR pg_has_role(us.name, r.oid, 'MEMBER') AND NOT (
                -- A superuser is a member of all; that it is one is said once.
                SELECT s.rolsuper FROM pg_catalog.pg_roles s WHERE s.rolname = us.name
            ))
        UNION ALL
        SELECT 'may turn ordinary triggers off with session_replication_role'
            WHERE has_parameter_privilege(us.name, 'session_replication_role', 'SET')
        UNION ALL
        SELECT 'may create schemas in this database' WHERE has_database_privilege(us.name, current_database(), 'CREATE')
    ) p
    ORDER BY 1
""")


async def faults(connection: AsyncConnection) -> list[Fault]:
    """Say what the role that we run as may do and should not."""
    rows = await connection.execute(_POWERS, {"owner": OWNER, "harmless": list(HARMLESS)})
    remedy = "take that away, or let DATABASE_URL name quittance_app"
    return [Fault(Subject.ROLE, power, remedy) for (power,) in rows]


async def name(connection: AsyncConnection) -> str:
    """Return the role that we run as."""
    return str(await connection.scalar(text("SELECT current_user")))
