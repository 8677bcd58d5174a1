"""The real parts that tests run on: PostgreSQL, Temporal, both gateway simulators; and the lane that each test is in.

Each part is started when the first test asks for it and ended with the session, also upon Ctrl-C and SIGTERM.
"""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from local import postgres, simulators, temporal
from local.ports import free_port

# A test's fixtures include those of its fixtures, so that each lane needs only the one that starts its server.
LANES = {
    "database": {"postgres_server"},
    "simulator": {"stripe_process", "paypal_process"},
    "temporal": {"temporal_server"},
}
TEMPLATE = "quittance_template"
MEMORY = Path("/dev/shm")  # noqa: S108 # a directory of our own is made in it
"""A file system in memory, on Linux."""
ROOM = 4 << 30
"""Bytes that have to be free there."""
OURS = "quittance-tests-"
"""What a session's directory there is called, with the session's process id behind it."""


def pytest_configure() -> None:
    """Let SIGTERM end the session as Ctrl-C does, so that no part outlives it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # How long an example takes says how busy the machine is, and nothing of the code.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put each test in the lanes of the parts that it uses; `system` is set by hand. The long runs have no time limit.

    Files with processes come first, which wait for minutes: whoever is left at the end has short ones to do.
    """
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        for lane, fixtures in LANES.items():
            if used & fixtures:
                item.add_marker(lane)
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(0))  # these run for as long as somebody lets them
    waiting = {item.path for item in items if any(map(item.get_closest_marker, ("temporal", "system")))}
    items.sort(key=lambda item: item.path not in waiting)


@pytest.fixture(scope="session")
def parts_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's parts keep their data and logs."""
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="session")
def data_directory(parts_directory: Path) -> Iterator[Path]:
    """Where PostgreSQL keeps its data: in memory, where there is room.

    Each test has a database of its own, which is some thousand files: on a disk they take ten times as long. What a session left
    behind that was killed is removed by the next one.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield parts_directory / "postgres"
        return
    for left_behind in MEMORY.glob(f"{OURS}*"):
        if not psutil.pid_exists(int(left_behind.name.removeprefix(OURS).partition("-")[0])):
            shutil.rmtree(left_behind, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix=f"{OURS}{os.getpid()}-") as directory:
        Path(directory).chmod(0o755)  # the server is no superuser's
        yield Path(directory)


@pytest.fixture(scope="session")
def postgres_server(parts_directory: Path, data_directory: Path) -> Iterator[postgres.Postgres]:
    """A PostgreSQL server of the session. It does not wait for the disk: no test cuts this machine's power."""
    log = parts_directory / "postgres" / "log"
    with postgres.start(data_directory / "data", free_port(), log=log, fsync=False) as server:
        yield server


@dataclass(frozen=True)
class Database:
    """A database of one test, migrated and empty."""

    name: str
    app_url: str
    """As the application's role."""
    superuser_url: str


@pytest.fixture(scope="session")
def migrated_template(postgres_server: postgres.Postgres) -> str:
    """Name of a migrated database, to be copied and not connected to."""
    from billing import card_ceilings  # noqa: PLC0415 # the pure tests do without
    from ledger import migrate  # noqa: PLC0415

    postgres_server.ensure_database(TEMPLATE)
    migrate.upgrade(postgres_server.url(TEMPLATE))
    card_ceilings.bring_up_to_date(postgres_server.url(TEMPLATE))
    return TEMPLATE


_database_numbers = itertools.count(1)


@pytest.fixture
def database(postgres_server: postgres.Postgres, migrated_template: str) -> Iterator[Database]:
    """A database of this test's own."""
    name = f"test_{next(_database_numbers)}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(migrated_template))
        )
        yield Database(
            name=name,
            app_url=postgres_server.url(name, user="quittance_app"),
            superuser_url=postgres_server.url(name),
        )
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def temporal_server(parts_directory: Path) -> Iterator[temporal.Temporal]:
    """A Temporal development server of the session, in memory; its `address` is host:port, its namespace `default`."""
    from workflows.search_attributes import ALL  # noqa: PLC0415 # the pure tests do without

    attributes = {key.name: key.indexed_value_type.name.title().replace("_", "") for key in ALL}
    log = parts_directory / "temporal" / "log"
    with temporal.start(free_port(), log=log, search_attributes=attributes, time_skipping=True) as server:
        yield server


@pytest.fixture(scope="session")
def stripe_process(parts_directory: Path) -> Iterator[simulators.SimulatorProcess]:
    """Stripe's simulator; tests ask for `stripe_simulator`, which starts empty for each."""
    directory = parts_directory / "stripe"
    with simulators.start_stripe(free_port(), state=directory / "state", log=directory / "log") as simulator:
        yield simulator


@pytest.fixture(scope="session")
def paypal_process(parts_directory: Path) -> Iterator[simulators.SimulatorProcess]:
    """PayPal's simulator; tests ask for `paypal_simulator`, which starts empty for each."""
    directory = parts_directory / "paypal"
    with simulators.start_paypal(free_port(), state=directory / "state", log=directory / "log") as simulator:
        yield simulator


@pytest.fixture
def stripe_simulator(stripe_process: simulators.SimulatorProcess) -> simulators.SimulatorProcess:
    """Stripe's simulator, empty."""
    stripe_process.reset()
    return stripe_process


@pytest.fixture
def paypal_simulator(paypal_process: simulators.SimulatorProcess) -> simulators.SimulatorProcess:
    """PayPal's simulator, empty."""
    paypal_process.reset()
    return paypal_process
