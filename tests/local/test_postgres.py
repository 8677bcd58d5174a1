"""The embedded PostgreSQL."""

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from local import postgres, process
from local.errors import NotPossible, PartFailed, PortOccupied
from local.ports import free_port

pytestmark = pytest.mark.database


def started(directory: Path) -> postgres.Postgres:
    """Start a server over a directory of the test's own, as `make up` does."""
    return postgres.start(directory / "data", free_port(), log=directory / "log")


def shown(server: postgres.Postgres, setting: str) -> str:
    """Return a setting of the running server."""
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(SQL("SHOW {}").format(Identifier(setting))).fetchone()
    assert row is not None
    return str(row[0])


def test_it_is_as_durable_and_as_closed_as_the_books_need(tmp_path: Path) -> None:
    """What was acknowledged is on disk, damage by the disk is noticed, and nobody outside this machine connects."""
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "TimeZone": "UTC",
    }
    with started(tmp_path) as server:
        assert {setting: shown(server, setting) for setting in expected} == expected


def test_data_outlives_a_killed_server(tmp_path: Path) -> None:
    """After SIGKILL of the server, or a power cut, the next start finds everything that was committed."""
    with started(tmp_path) as server:
        server.ensure_database("kept")
        with psycopg.connect(server.url("kept"), autocommit=True) as connection:
            connection.execute("CREATE TABLE marks AS SELECT 42 AS mark")
        server.process.kill()
    with started(tmp_path) as server:
        server.ensure_database("kept")
        with psycopg.connect(server.url("kept")) as connection:
            assert connection.execute("SELECT mark FROM marks").fetchone() == (42,)


def test_a_stale_pid_file_with_a_reused_number_is_no_hindrance(tmp_path: Path) -> None:
    """The number that a killed server left may be another program's after a restart of the machine."""
    with started(tmp_path) as server:
        pid_file = tmp_path / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        owner = (pid_file.stat().st_uid, pid_file.stat().st_gid) if os.geteuid() == 0 else None
        server.process.kill()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with process.Part(process.start("Another program", sleep, log=tmp_path / "other", owner=owner), 0) as other:
        pid_file.write_text("\n".join([str(other.process.pid), *lines[1:]]))
        with started(tmp_path) as server:
            assert server.is_healthy()
        other.process.check()


def test_a_second_server_over_the_same_data_is_refused(tmp_path: Path) -> None:
    """Two servers over one directory would destroy it; the message names the one that runs."""
    with started(tmp_path) as server, pytest.raises(NotPossible, match=f"end process {server.process.pid} first"):
        started(tmp_path)


def test_an_interrupted_initialisation_is_begun_again(tmp_path: Path) -> None:
    """Ctrl-C in the first second of the first `make up` does not leave half a database for the second."""
    half = tmp_path / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with started(tmp_path) as server:
        assert server.is_healthy()
    assert not half.exists()


def test_files_of_somebody_else_are_never_overwritten(tmp_path: Path) -> None:
    """A directory that holds other things is refused as it is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("years of work")
    with pytest.raises(NotPossible, match="holds other files"):
        started(tmp_path)
    assert (tmp_path / "data" / "thesis.txt").read_text() == "years of work"


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Damaged data shows PostgreSQL's own reason in the message, not only an exit code."""
    started(tmp_path).stop()
    (tmp_path / "data" / "global" / "pg_control").unlink()
    with pytest.raises(PartFailed, match="pg_control"):
        started(tmp_path)


def test_an_occupied_port_is_named(tmp_path: Path, postgres_server: postgres.Postgres) -> None:
    """The message says which program has the port."""
    with pytest.raises(PortOccupied, match=r"taken by postgres \(process \d+\); end it, or set THE_PORT"):
        postgres.start(tmp_path / "data", postgres_server.port, log=tmp_path / "log", port_variable="THE_PORT")


def test_it_ends_although_clients_are_connected(tmp_path: Path) -> None:
    """Ctrl-C does not wait for a worker that still holds its connections."""
    server = started(tmp_path)
    with psycopg.connect(server.url()):
        begun = time.monotonic()
        server.stop()
    assert time.monotonic() - begun < 5
    assert not psutil.pid_exists(server.process.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs all the tests above")
def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    """Root is not needed: the whole test above runs as whoever starts it; as root, here as somebody else."""
    program = (
        "from pathlib import Path; from local import postgres; from local.ports import free_port\n"
        f"directory = Path({str(tmp_path)!r})\n"
        "with postgres.start(directory / 'data', free_port(), log=directory / 'log') as server: print(server.is_healthy())"
    )
    nobody = 65534
    part = process.start(
        "A person",
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(process.ROOT)!r})\n{program}"],
        log=tmp_path / "person.log",
        owner=(nobody, nobody),
        stop_signal=signal.SIGTERM,
    )
    try:
        assert part.wait(60) == 0
    finally:
        part.stop()
    assert (tmp_path / "person.log").read_text() == "True\n"
    assert (tmp_path / "data").stat().st_uid == nobody
