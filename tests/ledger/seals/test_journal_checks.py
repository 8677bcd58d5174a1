"""What a verification says of balances, sequences, guards and lines, besides the seals."""

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.seals.damage import Damage, DamageKind
from ledger.seals.signing import SealKey, TrustedKeys
from tests.ledger.seals.conftest import fill, seal_all, verified

# Where the schema keeps no running balances yet, as the posting functions would keep them.
KEPT = """
ALTER TABLE lines ADD COLUMN IF NOT EXISTS sequence bigint, ADD COLUMN IF NOT EXISTS before_minor bigint,
    ADD COLUMN IF NOT EXISTS after_minor bigint;
CREATE TABLE IF NOT EXISTS balances (account_id bigint PRIMARY KEY, balance_minor bigint, version bigint);
GRANT SELECT ON balances TO quittance_app;
ALTER TABLE lines DISABLE TRIGGER never_changed;
UPDATE lines l SET sequence = k.sequence, before_minor = k.after_minor - k.change, after_minor = k.after_minor
    FROM (
        SELECT m.line_id, m.change, row_number() OVER w AS sequence, sum(m.change) OVER w AS after_minor
            FROM (
                SELECT o.line_id, o.account_id,
                        CASE WHEN o.side = a.normal_side THEN o.amount_minor ELSE -o.amount_minor END AS change
                    FROM lines o JOIN accounts a USING (account_id)
            ) m
            WINDOW w AS (PARTITION BY m.account_id ORDER BY m.line_id)
    ) k
    WHERE k.line_id = l.line_id AND l.sequence IS NULL;
ALTER TABLE lines ENABLE ALWAYS TRIGGER never_changed;
INSERT INTO balances (account_id, balance_minor, version)
    SELECT DISTINCT ON (account_id) account_id, after_minor, sequence FROM lines ORDER BY account_id, sequence DESC
    ON CONFLICT DO NOTHING;
"""
ONE_ACCOUNT = "(SELECT account_id FROM accounts WHERE code = 'clearing:stripe' AND currency = 'USD')"


@pytest.fixture(autouse=True)
async def books(engine: AsyncEngine, superuser: psycopg.Connection) -> None:
    """Books with running balances, that have no seal: what is found here is found without one."""
    await fill(engine, 3)
    superuser.execute(KEPT)


def bend(superuser: psycopg.Connection, table: str, statement: str) -> None:
    """Change something as a superuser, with the guards off meanwhile."""
    superuser.execute("SET session_replication_role = replica")
    guards = superuser.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled = 'A'", [table]
    ).fetchall()
    for (name,) in guards:
        superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}".encode())
    assert superuser.execute(statement.encode()).rowcount >= 1
    for (name,) in guards:
        superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}".encode())


async def damage(engine: AsyncEngine, trusted: TrustedKeys) -> Damage:
    """The first damage; there has to be one."""
    found = (await verified(engine, trusted)).damage
    assert found is not None
    return found


async def test_balances_that_follow_from_the_lines_verify(engine: AsyncEngine, trusted: TrustedKeys) -> None:
    """What the posting functions keep is what the lines add up to."""
    assert (await verified(engine, trusted)).damage is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE balances SET balance_minor = balance_minor + 1",
        "UPDATE balances SET version = version + 1",
        "DELETE FROM balances",
    ],
)
async def test_a_balance_that_does_not_follow_from_its_lines_is_found(
    engine: AsyncEngine, superuser: psycopg.Connection, trusted: TrustedKeys, change: str
) -> None:
    """Balances are no part of a seal, since they change: each is held against all of its lines."""
    bend(superuser, "balances", f"{change} WHERE account_id = {ONE_ACCOUNT}")
    found = await damage(engine, trusted)
    assert found.kind is DamageKind.ACCOUNT
    assert "clearing:stripe in USD is kept at" in found.message


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lines SET sequence = sequence + 100",
        "UPDATE lines SET before_minor = before_minor + 1, after_minor = after_minor + 1",
    ],
)
async def test_a_line_that_does_not_follow_the_one_before_it_is_found(
    engine: AsyncEngine, superuser: psycopg.Connection, trusted: TrustedKeys, change: str
) -> None:
    """No line of an account is passed over, and each begins where the one before it ended."""
    third = f"(SELECT line_id FROM lines WHERE account_id = {ONE_ACCOUNT} AND sequence = 3)"  # noqa: S608 # ours
    bend(superuser, "lines", f"{change} WHERE line_id = {third}")
    found = await damage(engine, trusted)
    assert found.kind is DamageKind.ACCOUNT
    assert "account clearing:stripe in USD: line" in found.message
    assert "by the lines before it comes number" in found.message


async def test_a_line_without_an_entry_is_found(
    engine: AsyncEngine, superuser: psycopg.Connection, trusted: TrustedKeys
) -> None:
    """It would count in every balance, and no entry would show it."""
    bend(
        superuser,
        "lines",
        "INSERT INTO lines OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record("
        """l, '{"entry_id": 999, "line_id": 999999, "sequence": 999}')).* FROM lines l LIMIT 1""",
    )
    found = await damage(engine, trusted)
    assert (found.kind, found.entry_id) == (DamageKind.ENTRY, 999)


async def test_an_account_that_is_not_as_its_code_is_found(
    engine: AsyncEngine, superuser: psycopg.Connection, trusted: TrustedKeys
) -> None:
    """Type and normal side are one in all currencies."""
    bend(superuser, "account_codes", "UPDATE account_codes SET type = 'expense' WHERE code = 'clearing:stripe'")
    found = await damage(engine, trusted)
    assert (found.kind, "clearing:stripe" in found.message) == (DamageKind.ACCOUNT, True)


async def test_an_entry_that_waits_too_long_for_its_seal_is_told_of(
    engine: AsyncEngine, sealing_engine: AsyncEngine, superuser: psycopg.Connection, key: SealKey, trusted: TrustedKeys
) -> None:
    """A sealer that stopped, or was stopped, is seen by whoever verifies."""
    bend(superuser, "entries", "UPDATE entries SET recorded_at = recorded_at - interval '1 hour'")
    found = await damage(engine, trusted)
    assert found.kind is DamageKind.UNSEALED
    assert "7 entries have no seal" in found.message
    await seal_all(sealing_engine, key)
    assert (await verified(engine, trusted)).damage is None
