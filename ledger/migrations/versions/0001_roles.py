"""Two roles: one that owns everything and cannot log in, one for the application that owns nothing.

Roles belong to the server, not to a database: they may be there already, and another database may need them.
"""

from alembic import op

revision = "0001"
down_revision = None

ROLES = """
DO $$
BEGIN
    BEGIN
        CREATE ROLE quittance_owner NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    BEGIN
        CREATE ROLE quittance_app LOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'quittance_app' AND (rolsuper OR rolcreaterole OR rolbypassrls))
        OR pg_has_role('quittance_app', 'quittance_owner', 'MEMBER')
    THEN
        RAISE EXCEPTION 'the role quittance_app may do more than the application should: take that away, then migrate';
    END IF;
    -- A superuser needs no membership; another role that migrates does, to hand over what it creates.
    IF NOT pg_has_role(current_user, 'quittance_owner', 'SET') THEN
        GRANT quittance_owner TO CURRENT_USER;
    END IF;
END
$$;
"""

SCHEMA = """
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO quittance_owner;
GRANT USAGE ON SCHEMA public TO quittance_app;
ALTER TABLE alembic_version OWNER TO quittance_owner;
GRANT SELECT ON alembic_version TO quittance_app;
-- Functions are executable by everybody unless this is said, for those of later migrations too.
ALTER DEFAULT PRIVILEGES FOR ROLE quittance_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""

DATABASE = """
DO $$
BEGIN
    -- The application needs no temporary tables.
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
"""


def upgrade() -> None:
    """Create the roles where they are absent, and let only the owner create things."""
    for statement in (ROLES, SCHEMA, DATABASE):
        op.get_bind().exec_driver_sql(statement)
