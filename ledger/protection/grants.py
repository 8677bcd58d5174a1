"""The grants that the database has, and how they differ from the declared ones; a right too many is as wrong as one too few."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.protection.declared import OWNER, Right, rights
from ledger.protection.fault import Fault, Subject

# Functions without a list of rights are everybody's. Objects of extensions are the extensions' matter.
_GRANTED = text("""
    WITH granted (object, owner, rights) AS (
        SELECT c.relname::text, c.relowner, c.relacl FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT c.relname || '.' || a.attname, c.relowner, a.attacl
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT format('function %s(%s)', p.proname, oidvectortypes(p.proargtypes)), p.proowner,
                coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            )
        UNION ALL
        SELECT 'schema ' || n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
            FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'
        UNION ALL
        SELECT 'defaults of ' || r.rolname, r.oid, d.defaclacl
            FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_roles r ON r.oid = d.defaclrole
            WHERE d.defaclnamespace IN (0, 'public'::regnamespace)
    )
    SELECT coalesce(r.rolname, 'PUBLIC'), g.object, a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        FROM granted g CROSS JOIN aclexplode(g.rights) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
        WHERE a.grantee <> g.owner AND r.rolname IS DISTINCT FROM :owner
""")


async def granted(connection: AsyncConnection) -> frozenset[Right]:
    """Read every right on the schema and what is in it, of any role but the owner; `PUBLIC` is everybody."""
    rows = await connection.execute(_GRANTED, {"owner": OWNER})
    return frozenset(Right(role, object_, privilege) for role, object_, privilege in rows)


async def faults(connection: AsyncConnection) -> list[Fault]:
    """Compare the grants with the declared ones, both ways."""
    return list(differences(await granted(connection), rights()))


def differences(found: frozenset[Right], declared: frozenset[Right]) -> Iterator[Fault]:
    """Say what is granted and should not be, and what should be and is not."""
    for right in sorted(found - declared):
        revoked = right.privilege.removesuffix(" WITH GRANT OPTION")
        yield Fault(
            Subject.GRANTS,
            f"{right.role} has {right.privilege} on {right.object}, which is not declared",
            f"REVOKE {revoked} on it from {right.role}, and find out who granted it",
        )
    for right in sorted(declared - found):
        yield Fault(
            Subject.GRANTS,
            f"{right.role} has no {right.privilege} on {right.object}",
            "GRANT it as the database's owner, and find out who took it away",
        )
