"""Somebody who may do anything in the database, and where what they did has to be found."""
# ruff: noqa: S608 # the statements are ours, and their values drawn here

import random
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals.damage import Damage, DamageKind
from ledger.seals.journal_checks import GUARDED
from ledger.seals.signing import SealKey

TABLES = (*GUARDED, "balances")
TEXTS = ("debit", "credit", "asset", "expense", "memo", "EUR", "USD", "captured", "other", "other:account")
SKIPPED = {("entries", "entry_id"), ("lines", "line_id"), ("accounts", "account_id")}
"""Identities, which PostgreSQL changes for nobody: rows are taken away and put in instead."""


@dataclass(frozen=True)
class Expected:
    """Where a tampering must be found; None where that cannot be known."""

    what: str
    kinds: set[DamageKind]
    seal: int | None = None
    entry_id: int | None = None
    leaf_index: int | None = None

    def is_met_by(self, damage: Damage | None) -> bool:
        """Whether the damage that was found is this one."""
        return (
            damage is not None
            and damage.kind in self.kinds
            and self.seal in {None, damage.seal}
            and self.entry_id in {None, damage.entry_id}
            and self.leaf_index in {None, damage.leaf_index}
        )


@dataclass
class Hand:
    """Somebody with all the rights that there are, and with chance for a plan."""

    connection: AsyncConnection
    chance: random.Random
    key: SealKey
    """The right key, for a thief."""
    other_key: SealKey
    leaves: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of each sealed entry its leaf and its seal."""

    async def look(self) -> None:
        """Learn what is sealed where."""
        rows = await self.rows("SELECT entry_id, leaf_index, seal_number FROM seal_leaves ORDER BY leaf_index")
        self.leaves = {entry: (leaf, seal) for entry, leaf, seal in rows}

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a query."""
        return [tuple(row) for row in await self.connection.exec_driver_sql(statement)]

    async def do(self, *statements: str) -> int:
        """Run statements with every guard off, and turn the guards on again; returns how many rows the last one changed."""
        present = {name for (name,) in await self.rows("SELECT relname FROM pg_class WHERE relkind = 'r'")} & {*TABLES}
        guards = [
            row
            for row in await self.rows(
                "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE tgenabled = 'A'"
            )
            if row[0] in present
        ]
        await self.connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table, name in guards:
            await self.connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        changed = 0
        for statement in statements:
            changed = (await self.connection.exec_driver_sql(statement)).rowcount
        for table, name in guards:
            await self.connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
        await self.connection.exec_driver_sql("SET LOCAL session_replication_role = origin")
        return changed

    def sealed_entry(self) -> int:
        """Draw an entry that is sealed."""
        return self.chance.choice(list(self.leaves))

    def at(self, what: str, *entries: int, kinds: set[DamageKind] | None = None) -> Expected:
        """Expect it at the first of these entries in the order of the leaves."""
        entry = min((entry for entry in entries if entry in self.leaves), key=lambda entry: self.leaves[entry])
        leaf, seal = self.leaves[entry]
        return Expected(what, kinds or {DamageKind.ENTRY}, seal, entry, leaf)

    async def first_of(self, account: int) -> list[int]:
        """The entries with a line on an account."""
        return [entry for (entry,) in await self.rows(f"SELECT entry_id FROM lines WHERE account_id = {account}")]

    async def update(self, table: str, where: str) -> tuple[str, bool]:
        """Change one column of a row to something else; returns the column, and whether anything was changed."""
        columns = await self.rows(
            "SELECT column_name, udt_name FROM information_schema.columns"
            f" WHERE table_schema = 'public' AND table_name = '{table}' AND is_generated = 'NEVER' ORDER BY 1"
        )
        name, kind = self.chance.choice([column for column in columns if (table, column[0]) not in SKIPPED])
        value = self._other_value(name, kind)
        try:
            async with self.connection.begin_nested():
                changed = await self.do(
                    f"UPDATE {table} SET {name} = {value} WHERE {where} AND {name} IS DISTINCT FROM {value}"
                )
        except DBAPIError:
            return name, False  # what even a constraint refuses is not done
        return name, changed == 1

    def _other_value(self, name: str, kind: str) -> str:
        by = self.chance.choice([1, 2, -1, 7, 100, 10_000])
        match kind:
            case "int2" | "int4" | "int8":
                return f"coalesce({name}, 0) + {by}"
            case "xid8":
                return f"({name}::text::bigint + {abs(by)})::text::xid8"
            case "timestamptz":
                return f"{name} + interval '1 microsecond' * {by}"
            case "bytea":
                return f"decode(repeat('{self.chance.randrange(16, 256):x}', length({name})), 'hex')"
            case "jsonb":
                return self.chance.choice(
                    [f"""{name} || '{{"USD": {abs(by)}}}'""", """'{"EUR": 5}'""", f"""{name} || '{{"x": []}}'"""]
                )
            case _:
                return self.chance.choice([f"coalesce({name}, '') || 'x'", f"'{self.chance.choice(TEXTS)}'"])
