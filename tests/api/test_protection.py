"""The HTTP service takes nothing in for a ledger that is not protected."""

import subprocess
import sys

import psycopg
import pytest

from api.webhooks import WebhookIntake
from ledger.database import create_engine
from ledger.errors import LedgerNotProtected
from ledger.protection.gate import Gate
from local.ports import free_port
from local.process import ROOT
from tests.api.conftest import environment
from tests.conftest import Database


def test_the_service_ends_where_the_ledger_is_not_protected(database: Database) -> None:
    """Exit code 3, and a line for each fault that says what to do."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE entries DISABLE TRIGGER never_changed")
    command = [sys.executable, "-m", "api"]
    variables = environment(database.app_url, API_PORT=str(free_port()))
    ended = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert ended.stderr.startswith("cannot start: trigger never_changed of entries is off: ALTER TABLE entries ENABLE")
    assert ended.stderr.count("\n") == 1


async def test_nothing_is_kept_before_the_ledger_was_looked_at(database: Database) -> None:
    """A delivery that comes before the check is done waits for it, and is told to come again where it fails."""
    engine = create_engine(database.app_url, 1)
    try:
        gate = Gate(engine, unsafe_allowed=False)
        with pytest.raises(LedgerNotProtected):
            await WebhookIntake({}, engine, gate)._keep("stripe", None, b"")  # type: ignore[arg-type]
    finally:
        await engine.dispose()
