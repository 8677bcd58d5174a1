"""What is declared is what the migrations make, no less and no more, so that one list is enough to read."""

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import migrate
from ledger.protection import declared, grants, guards


async def test_the_grants_of_the_database_are_the_declared_ones(connection: AsyncConnection) -> None:
    """Nobody holds a right that is not written down, PUBLIC least of all, and each right that is written down is held."""
    found = await grants.granted(connection)
    assert (sorted(found - declared.rights()), sorted(declared.rights() - found)) == ([], [])


async def test_the_guards_of_the_database_are_the_declared_ones_and_always_on(connection: AsyncConnection) -> None:
    """A guard that is off, or off for replication, is a hole that looks like a wall."""
    assert await guards.states(connection) == dict.fromkeys(declared.guards(), guards.ALWAYS)


def test_the_grants_are_declared_for_the_newest_schema() -> None:
    """A migration does not change what may be done without somebody writing it down."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert declared.schema_version() == ScriptDirectory.from_config(config).get_current_head()


def test_the_auditor_is_granted_nothing_but_to_read() -> None:
    """Who checks the books has no hand in them."""
    privileges = {right.privilege for right in declared.rights() if right.role == "quittance_auditor"}
    assert privileges == {"USAGE", "SELECT", "EXECUTE"}
    executed = {
        right.object
        for right in declared.rights()
        if right.role == "quittance_auditor" and right.privilege == "EXECUTE"
    }
    reading = ("balance_at", "happened_between", "last_happened", "late_place", "late_places", "period_checks")
    assert {name.partition("(")[0] for name in executed} == {f"function {name}" for name in reading}


def test_the_application_writes_the_journal_and_periods_by_functions_only() -> None:
    """The tables that an auditor signs for are not among those that processes write."""
    written = {
        right.object.partition(".")[0]
        for right in declared.rights()
        if right.role == "quittance_app" and right.privilege not in {"SELECT", "EXECUTE", "USAGE"}
    }
    assert not written & {"account_codes", "accounts", "entries", "lines", "periods", "period_changes", "people_roles"}
    assert not any("DELETE" in right.privilege or "TRUNCATE" in right.privilege for right in declared.rights())
