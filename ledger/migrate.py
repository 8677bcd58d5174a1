"""Bring a database's schema up to date, with Alembic; the migrations are the schema's only source."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, text

from ledger import chart_file, chart_loading
from ledger.chart import Chart
from ledger.database import CONNECT_SECONDS, driver_url

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_300_614_092_117
"""Advisory lock that lets one process migrate at a time; the number means nothing else."""


def upgrade(migration_url: str, chart: Chart | None = None) -> None:
    """Apply the migrations that are missing and load the chart, all in one transaction; does nothing where that is done.

    `migration_url` is an address of a role that may create roles and tables, such as the superuser; the chart that ships is
    loaded where none is given. Raises ChartFault where it contradicts open accounts.
    """
    engine = create_engine(
        driver_url(migration_url),
        poolclass=NullPool,
        connect_args={"application_name": "quittance migration", "connect_timeout": CONNECT_SECONDS},
        # Migrations are SQL as PostgreSQL reads it: a percent sign is no placeholder.
        execution_options={"no_parameters": True},
    )
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        # Afterwards, so that a rival migration is waited for, and postings never wait long for one of ours.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        chart_loading.apply(connection, chart or chart_file.read())
