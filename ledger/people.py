"""Which person holds which role in the books; the table is the database's, and is loaded from the settings.

The application reads it and cannot change it, so that nobody makes themselves an approver with its password.
"""

import json
from collections.abc import Collection, Mapping

from sqlalchemy import NullPool, create_engine, text

from ledger.database import CONNECT_SECONDS, driver_url
from ledger.protection.declared import OWNER


def keep_roles(migration_url: str, persons: Mapping[str, Collection[str]]) -> None:
    """Make the persons given for each role those who hold it from now on; roles that are not given stay as they are.

    `migration_url` is an address of a role that may become the owner of the books. What was held is kept as history.
    """
    engine = create_engine(
        driver_url(migration_url),
        poolclass=NullPool,
        connect_args={"application_name": "quittance migration", "connect_timeout": CONNECT_SECONDS},
    )
    given = json.dumps({role: sorted(names) for role, names in persons.items()})
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL ROLE {OWNER}"))
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SELECT public.keep_roles(CAST(:given AS jsonb))"), {"given": given})
