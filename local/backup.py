"""Backups of an embedded PostgreSQL to any moment: its log is archived, a base backup is taken while it runs, and both restored.

PostgreSQL's own way, with its own programs (https://www.postgresql.org/docs/18/continuous-archiving.html): what is done
here with a directory is done elsewhere with storage on another machine.
"""

import os
import shlex
import shutil
import time
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Literal

from local import postgres
from local.errors import PartFailed
from local.ports import free_port
from local.postgres import Postgres

BACKUP_SECONDS = 300.0
ARCHIVE_SECONDS = 60.0
RECOVERY_SECONDS = 120.0
POLL_SECONDS = 0.1


def keep_log(data: Path, archive: Path, *, log: Path) -> None:
    """Have the server over `data`, which does not run now and may be new, archive its log from its next start on."""
    archive.mkdir(parents=True)
    with postgres.start(data, free_port(), log=log) as server, psycopg.connect(server.url(), autocommit=True) as admin:
        _give(archive, data)
        place = _quoted(archive)
        # Under its name only once it is whole, and never over another one.
        command = f"test ! -f {place}/%f && cp %p {place}/.%f.new && mv {place}/.%f.new {place}/%f"
        admin.execute("ALTER SYSTEM SET archive_mode = 'on'")
        admin.execute(SQL("ALTER SYSTEM SET archive_command = {}").format(Literal(command)))


def base_backup(server: Postgres, data: Path, backup: Path, *, log: Path) -> None:
    """Copy the running server over `data` to `backup`, and check the copy against its manifest."""
    backup.mkdir(mode=0o700)
    _give(backup, data)
    owner = postgres.owner_of(data)
    source = ("--dbname", server.url(), "--pgdata", str(backup), "--checkpoint=fast", "--manifest-checksums=SHA256")
    postgres.run("pg_basebackup", source, owner=owner, log=log, seconds=BACKUP_SECONDS)
    postgres.run("pg_verifybackup", (str(backup),), owner=owner, log=log, seconds=BACKUP_SECONDS)


def name_moment(server: Postgres, name: str) -> None:
    """Name this moment, so that it can be restored; everything committed so far is in it."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("SELECT pg_create_restore_point(%s)", [name])


def archive_all(server: Postgres) -> None:
    """Wait until all that was written so far is in the archive; raises PartFailed."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        # A log in which nothing was written since its last switch is not switched again.
        named = "SELECT pg_walfile_name(pg_create_restore_point('archived'))"
        [(segment,)] = admin.execute(named).fetchall()
        admin.execute("SELECT pg_switch_wal()")
        deadline = time.monotonic() + ARCHIVE_SECONDS
        while time.monotonic() < deadline:
            [(last,)] = admin.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchall()
            if last is not None and last >= segment:
                return
            time.sleep(POLL_SECONDS)
    what = f"did not archive {segment} within {ARCHIVE_SECONDS:g} s"
    raise PartFailed("PostgreSQL", what, server.process.log, server.process.last_lines())


def restore(backup: Path, archive: Path, data: Path, moment: str) -> None:
    """Make `data` a copy of the base backup that goes on, at its next start, to the named moment and no further."""
    shutil.copytree(backup, data)
    for path in (data, *data.rglob("*")):
        _give(path, backup)
    settings = {
        "restore_command": f"cp {_quoted(archive)}/%f %p",
        "recovery_target_name": moment,
        "recovery_target_action": "promote",
    }
    with (data / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
    (data / "recovery.signal").touch()
    _give(data / "recovery.signal", backup)


def wait_restored(server: Postgres) -> None:
    """Wait until the moment is reached and the server takes writes; raises PartFailed where the log does not lead there."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        server.process.check()
        try:
            with psycopg.connect(server.url(), connect_timeout=2) as admin:
                if admin.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    return
        except psycopg.OperationalError:
            pass  # it is about to end, which is seen at the next turn
        time.sleep(POLL_SECONDS)
    what = f"did not come to the moment within {RECOVERY_SECONDS:g} s"
    raise PartFailed("PostgreSQL", what, server.process.log, server.process.last_lines())


def _give(path: Path, like: Path) -> None:
    """Let it belong to whom `like` belongs: as root, the server runs as another user."""
    if os.geteuid() == 0:
        os.chown(path, like.stat().st_uid, like.stat().st_gid)


def _quoted(path: Path) -> str:
    """Write a path for a command of PostgreSQL's settings, in which a percent sign is a variable."""
    return shlex.quote(str(path.absolute())).replace("%", "%%")
