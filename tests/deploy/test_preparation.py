"""The scripts that prepare PostgreSQL and Temporal in a deployment, run against real servers."""

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ledger import migrate
from local import postgres
from local.ports import free_port
from local.temporal import Temporal

DEPLOY = Path(__file__).parents[2] / "deploy"
PASSWORDS = {
    "QUITTANCE_APP_PASSWORD": 'it\'s "quoted"',
    "QUITTANCE_SEALER_PASSWORD": "a third",
    "TEMPORAL_DATABASE_PASSWORD": "another",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    """A new server on which deploy/postgres/roles.sh has run, as the image runs it."""
    directory = tmp_path_factory.mktemp("prepared")
    with postgres.start(directory / "data", free_port(), log=directory / "log", fsync=False) as server:
        environment = {
            **PASSWORDS,
            "PATH": f"{postgres.program('psql').parent}:{os.environ['PATH']}",
            "POSTGRES_USER": "postgres",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
        }
        subprocess.run([DEPLOY / "postgres" / "roles.sh"], env=environment, check=True, capture_output=True)
        yield server


@pytest.mark.database
def test_migrations_run_on_prepared_roles(prepared: postgres.Postgres) -> None:
    """The migrations take the application's role as the preparation made it, password and all."""
    migrate.upgrade(prepared.url("quittance"))
    with psycopg.connect(prepared.url("quittance", user="quittance_app")) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (0,)
    with psycopg.connect(prepared.url("quittance", user="quittance_sealer")) as connection:
        assert connection.execute("SELECT count(*) FROM seals").fetchone() == (0,)
    with psycopg.connect(prepared.url()) as connection:
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'quittance_%'").fetchall()
    kept = [password for (password,) in stored if password]
    assert len(kept) == 2
    assert all(password.startswith("SCRAM-SHA-256$") for password in kept)


@pytest.mark.database
@pytest.mark.parametrize(
    ("role", "database"),
    [
        ("temporal", "quittance"),
        ("quittance_app", "temporal"),
        ("quittance_app", "temporal_visibility"),
        ("quittance_sealer", "temporal"),
    ],
)
def test_no_program_opens_another_ones_database(prepared: postgres.Postgres, role: str, database: str) -> None:
    """Whoever takes over Temporal's role cannot read the books, and the other way round."""
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(prepared.url(database, user=role))


@pytest.mark.database
def test_temporal_can_make_its_tables(prepared: postgres.Postgres) -> None:
    """Temporal's schema job needs no superuser: tables and the extension of its visibility store are its owner's to make."""
    with psycopg.connect(prepared.url("temporal_visibility", user="temporal")) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
        connection.execute("CREATE TABLE executions_visibility (namespace_id text)")


@pytest.mark.parametrize("namespace", ["default", "payments"])
def test_the_namespace_is_made_once(temporal_server: Temporal, namespace: str) -> None:
    """The job may run at every start: a namespace that is there is left as it is."""
    scripts = sysconfig.get_path("scripts")
    environment = {
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "HOME": "/",
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": namespace,
        "RETENTION": "30d",
    }
    for _ in range(2):
        subprocess.run([DEPLOY / "temporal" / "namespace.sh"], env=environment, check=True, capture_output=True)
    described = subprocess.run(
        [f"{scripts}/temporal", "operator", "namespace", "describe"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert namespace in described.stdout
