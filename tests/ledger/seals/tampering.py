"""Ways in which somebody who may do anything in the database could bend the books, each with where it has to be found.

A tampering is drawn by chance: what it changes, where, and to what. It turns the guards off and on again, as a careful
hand would; those that leave traces in the guards are ways of their own.
"""
# ruff: noqa: S608 # the statements are ours, and their values drawn here

from collections.abc import Awaitable, Callable
from copy import copy

from ledger.seals.damage import DamageKind
from ledger.seals.entry_reading import EntryReader
from ledger.seals.journal_checks import GUARDS
from ledger.seals.recomputation import LeafWriter
from ledger.seals.sealing import seal_next
from ledger.seals.signing import SealKey
from tests.ledger.seals.hand import Expected, Hand

BATCH = 7
"""Entries under a seal of the books that are tampered with."""
BLANK = {"leaf_hash": "sha256('')", "entry_id": "0"}
Tampering = Callable[[Hand], Awaitable[Expected | None]]
"""Does it; returns where it must be found, or None where chance led to nothing that changes anything."""


async def change_an_entry(hand: Hand) -> Expected | None:
    """Another amount, person, moment, anything."""
    entry = hand.sealed_entry()
    column, done = await hand.update("entries", f"entry_id = {entry}")
    return hand.at(f"entries.{column} of {entry}", entry) if done else None


async def change_a_line(hand: Hand) -> Expected | None:
    """Another amount, side, account, entry, anything."""
    entry = hand.sealed_entry()
    [(line,), *_] = hand.chance.sample(await hand.rows(f"SELECT line_id FROM lines WHERE entry_id = {entry}"), 1)
    column, done = await hand.update("lines", f"line_id = {line}")
    [(now,)] = await hand.rows(f"SELECT entry_id FROM lines WHERE line_id = {line}")
    return hand.at(f"lines.{column} of {line}", entry, now) if done else None


async def change_an_account(hand: Hand) -> Expected | None:
    """Another type or name, and all that was posted there means something else."""
    [(account,)] = hand.chance.sample(await hand.rows("SELECT account_id FROM accounts ORDER BY 1"), 1)
    entries = await hand.first_of(account)
    if not hand.leaves.keys() & {*entries}:
        return None
    column, done = await hand.update("accounts", f"account_id = {account}")
    return hand.at(f"accounts.{column} of {account}", *entries) if done else None


async def delete_an_entry(hand: Hand) -> Expected:
    """With its lines, and perhaps with its leaf."""
    entry = hand.sealed_entry()
    statements = [f"DELETE FROM lines WHERE entry_id = {entry}", f"DELETE FROM entries WHERE entry_id = {entry}"]
    leaf, seal = hand.leaves[entry]
    if hand.chance.random() < 0.5:
        await hand.do(*statements)
        return hand.at(f"entry {entry} deleted", entry)
    await hand.do(*statements, f"DELETE FROM seal_leaves WHERE entry_id = {entry}")
    return Expected(f"entry {entry} deleted with its leaf", {DamageKind.LEAF}, seal=seal, leaf_index=leaf)


async def delete_a_line(hand: Hand) -> Expected:
    """One leg of a posting."""
    entry = hand.sealed_entry()
    number = hand.chance.choice([1, 2])
    await hand.do(f"DELETE FROM lines WHERE entry_id = {entry} AND line_number = {number}")
    return hand.at(f"line {number} of {entry} deleted", entry)


async def delete_an_account(hand: Hand) -> Expected | None:
    """Its lines remain, and belong to nobody."""
    [(account,)] = hand.chance.sample(await hand.rows("SELECT account_id FROM accounts ORDER BY 1"), 1)
    entries = await hand.first_of(account)
    if not hand.leaves.keys() & {*entries}:
        return None
    await hand.do(f"DELETE FROM accounts WHERE account_id = {account}")
    return hand.at(f"account {account} deleted", *entries)


async def copied_row(hand: Hand, table: str, where: str, **changes: str) -> str:
    """Return the statement that puts in a row like another one."""
    columns = [
        name
        for (name,) in await hand.rows(
            f"SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
            f" AND column_name <> '{ {'entries': 'entry_id', 'lines': 'line_id'}[table] }' ORDER BY 1"
        )
    ]
    if table == "lines" and "sequence" in columns:
        changes = {"sequence": "sequence + 100000", **changes}
    values = ", ".join(changes.get(name, name) for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {where}"


async def insert_an_entry(hand: Hand) -> Expected | None:
    """An entry that looks as if it had been there for long; one that looks new is not told from what is new."""
    entry = hand.sealed_entry()
    if hand.leaves[entry][1] == await last_seal(hand):
        return None
    forged = await copied_row(
        hand, "entries", f"entry_id = {entry}", reference="reference || ':forged'", reverses_entry_id="NULL"
    )
    newest = "(SELECT max(entry_id) FROM entries)"
    await hand.do(forged, await copied_row(hand, "lines", f"entry_id = {entry}", entry_id=newest))
    [(made,)] = await hand.rows(newest.strip("()"))
    return Expected(f"entry {made} put in", {DamageKind.ENTRY}, entry_id=made)


async def insert_a_line(hand: Hand) -> Expected:
    """One more line in an entry that is sealed."""
    entry = hand.sealed_entry()
    await hand.do(
        await copied_row(hand, "lines", f"entry_id = {entry} AND line_number = 1", line_number="line_number + 100")
    )
    return hand.at(f"a line put into {entry}", entry)


async def exchange_lines(hand: Hand) -> Expected:
    """The first line is the second, and the other way round."""
    entry = hand.sealed_entry()
    await hand.do(
        f"UPDATE lines SET line_number = line_number + 500 WHERE entry_id = {entry} AND line_number <= 2",
        f"UPDATE lines SET line_number = 503 - line_number WHERE entry_id = {entry} AND line_number > 500",
    )
    return hand.at(f"lines of {entry} exchanged", entry)


async def exchange_entries(hand: Hand) -> Expected:
    """What was posted first was posted last."""
    one, other = hand.chance.sample(list(hand.leaves), 2)
    await hand.do(
        "UPDATE entries e SET (transaction_id, recorded_at) = (SELECT o.transaction_id, o.recorded_at + interval '1 us'"
        f" FROM entries o WHERE o.entry_id = {one} + {other} - e.entry_id) WHERE entry_id IN ({one}, {other})"
    )
    return hand.at(f"entries {one} and {other} exchanged", one, other)


async def exchange_leaves(hand: Hand) -> Expected:
    """The leaf of one is that of another, with or without the entry that it names."""
    one, other = sorted(hand.chance.sample(list(hand.leaves), 2), key=lambda entry: hand.leaves[entry])
    (first, seal), (second, _) = hand.leaves[one], hand.leaves[other]
    columns = hand.chance.choice([["leaf_hash"], ["entry_id"], ["entry_id", "leaf_hash"]])
    statements = []
    for column in columns:
        values = dict(await hand.rows(f"SELECT leaf_index, {column}::text FROM seal_leaves"))
        for leaf, value in ((first, BLANK[column]), (second, f"'{values[first]}'"), (first, f"'{values[second]}'")):
            statements.append(f"UPDATE seal_leaves SET {column} = {value} WHERE leaf_index = {leaf}")
    await hand.do(*statements)
    what = f"{' and '.join(columns)} of leaves {first} and {second} exchanged"
    # A leaf that moved with its entry fits it in its new place: only the root says no.
    located = first if len(columns) == 1 else None
    return Expected(what, {DamageKind.ENTRY, DamageKind.LEAF}, seal, leaf_index=located)


async def change_a_leaf(hand: Hand) -> Expected | None:
    """Another hash, index, seal or entry."""
    entry = hand.sealed_entry()
    leaf, seal = hand.leaves[entry]
    column, done = await hand.update("seal_leaves", f"leaf_index = {leaf}")
    kinds = {DamageKind.LEAF, DamageKind.ENTRY}
    return Expected(f"seal_leaves.{column} of {leaf}", kinds, seal, leaf_index=leaf) if done else None


async def delete_a_leaf(hand: Hand) -> Expected:
    """As if the entry had never been sealed."""
    entry = hand.sealed_entry()
    leaf, seal = hand.leaves[entry]
    await hand.do(f"DELETE FROM seal_leaves WHERE leaf_index = {leaf}")
    return Expected(f"leaf {leaf} deleted", {DamageKind.LEAF}, seal, leaf_index=leaf)


async def insert_a_leaf(hand: Hand) -> Expected:
    """For an entry that has none, beyond the last seal."""
    await hand.do(
        "INSERT INTO seal_leaves SELECT max(leaf_index) + 1, max(seal_number) + 1, (SELECT max(entry_id) FROM entries),"
        " sha256('x') FROM seal_leaves"
    )
    return Expected("a leaf put in", {DamageKind.LEAF}, leaf_index=len(hand.leaves))


async def change_a_seal(hand: Hand) -> Expected | None:
    """Another root, count, key, anything."""
    seal = hand.chance.randint(1, await last_seal(hand))
    column, done = await hand.update("seals", f"number = {seal}")
    kinds = {DamageKind.SEAL, DamageKind.ANCHOR}
    return Expected(f"seals.{column} of {seal}", kinds, seal=seal) if done else None


async def last_seal(hand: Hand) -> int:
    """The number of the last seal."""
    [(last,)] = await hand.rows("SELECT max(number) FROM seals")
    return int(last)


async def delete_a_seal(hand: Hand) -> Expected:
    """With or without its leaves."""
    seal = hand.chance.randint(1, await last_seal(hand))
    statements = [f"DELETE FROM seals WHERE number = {seal}"]
    if hand.chance.random() < 0.5:
        statements.append(f"DELETE FROM seal_leaves WHERE seal_number = {seal}")
    await hand.do(*statements)
    return Expected(f"seal {seal} deleted", {DamageKind.SEAL, DamageKind.ANCHOR}, seal=seal)


async def cut_the_tail(hand: Hand) -> Expected:
    """The last seals are gone with their leaves, and perhaps with their entries, as if they had never been."""
    first = hand.chance.randint(1, await last_seal(hand))
    entries = f"SELECT entry_id FROM seal_leaves WHERE seal_number >= {first}"
    statements = [f"DELETE FROM seal_leaves WHERE seal_number >= {first}", f"DELETE FROM seals WHERE number >= {first}"]
    if hand.chance.random() < 0.7:
        gone = ", ".join(str(entry) for (entry,) in await hand.rows(entries))
        statements += [
            f"DELETE FROM lines WHERE entry_id IN ({gone})",
            f"DELETE FROM entries WHERE entry_id IN ({gone})",
        ]
    await hand.do(*statements)
    return Expected(f"cut off from seal {first} on", {DamageKind.ANCHOR}, seal=first)


async def turn_a_guard_off(hand: Hand) -> Expected:
    """For good, for all but replicas, for ordinary users, or gone."""
    table, name = hand.chance.choice(sorted(GUARDS))
    how = hand.chance.choice(["DISABLE TRIGGER {}", "ENABLE REPLICA TRIGGER {}", "ENABLE TRIGGER {}", "drop"])
    statement = f"DROP TRIGGER {name} ON {table}" if how == "drop" else f"ALTER TABLE {table} " + how.format(name)
    await hand.connection.exec_driver_sql(statement)
    return Expected(statement, {DamageKind.GUARD})


async def rewrite(hand: Hand, key: SealKey, entry: int) -> int:
    """Change an entry, and seal it and all after it anew; returns the first seal that was made."""
    _, seal = hand.leaves[entry]
    await hand.do(
        f"UPDATE entries SET description = description || ', or so' WHERE entry_id = {entry}",
        f"DELETE FROM seal_leaves WHERE seal_number >= {seal}",
        f"DELETE FROM seals WHERE number >= {seal}",
    )
    while await seal_next(hand.connection, key, BATCH):
        pass
    return seal


async def seal_with_another_key(hand: Hand) -> Expected:
    """Everything agrees with itself, and nobody who is trusted signed it."""
    entry = hand.sealed_entry()
    seal = await rewrite(hand, hand.other_key, entry)
    return Expected(f"entry {entry} rewritten, sealed with another key", {DamageKind.SEAL}, seal=seal)


async def seal_in_the_name_of_the_right_key(hand: Hand) -> Expected:
    """Another key's signatures, under the name of the one that is trusted."""
    named = copy(hand.other_key)
    named.fingerprint = hand.key.fingerprint
    entry = hand.sealed_entry()
    seal = await rewrite(hand, named, entry)
    return Expected(f"entry {entry} rewritten, sealed in the name of the right key", {DamageKind.SEAL}, seal=seal)


async def seal_with_the_stolen_key(hand: Hand) -> Expected:
    """Everything agrees with itself, and is signed with the right key; only the anchor remembers."""
    entry = hand.sealed_entry()
    await rewrite(hand, hand.key, entry)
    return Expected(f"entry {entry} rewritten, sealed with the right key", {DamageKind.ANCHOR})


async def change_entry_and_leaf(hand: Hand) -> Expected:
    """The leaf is made to fit the changed entry; the root is what still says no."""
    entry = hand.sealed_entry()
    index, seal = hand.leaves[entry]
    await hand.do(f"UPDATE entries SET actor = 'person:nobody' WHERE entry_id = {entry}")
    [(columns,)] = await hand.rows(f"SELECT columns FROM seals WHERE number = {seal}")
    reader = EntryReader(hand.connection)
    [leaf] = await reader.leaves(index, index, 1)
    assert leaf.entry.entry is not None
    forged = LeafWriter(columns).leaf(leaf.entry.entry, leaf.entry.lines, reader.accounts).hex()
    await hand.do(f"UPDATE seal_leaves SET leaf_hash = decode('{forged}', 'hex') WHERE leaf_index = {index}")
    return Expected(f"entry {entry} changed with its leaf", {DamageKind.LEAF}, seal=seal)


async def bend_what_is_not_sealed(hand: Hand) -> Expected:
    """An entry without a seal is still held to balance."""
    [(entry,), *_] = await hand.rows(
        "SELECT entry_id FROM entries e WHERE NOT EXISTS (SELECT FROM seal_leaves s WHERE s.entry_id = e.entry_id)"
    )
    changes = [
        "SET amount_minor = amount_minor + 1",
        "SET side = CASE side WHEN 'debit' THEN 'credit' ELSE 'debit' END",
    ]
    change = hand.chance.choice(changes)
    await hand.do(
        "ALTER TABLE lines DROP CONSTRAINT IF EXISTS line_moves_its_amount",
        f"UPDATE lines {change} WHERE entry_id = {entry} AND line_number = {hand.chance.choice([1, 2])}",
    )
    return Expected(f"unsealed entry {entry}: {change}", {DamageKind.ENTRY}, entry_id=entry)


WAYS: dict[str, Tampering] = {
    way.__name__: way
    for way in (
        change_an_entry,
        change_a_line,
        change_an_account,
        delete_an_entry,
        delete_a_line,
        delete_an_account,
        insert_an_entry,
        insert_a_line,
        exchange_lines,
        exchange_entries,
        exchange_leaves,
        change_a_leaf,
        delete_a_leaf,
        insert_a_leaf,
        change_a_seal,
        delete_a_seal,
        cut_the_tail,
        turn_a_guard_off,
        seal_with_another_key,
        seal_in_the_name_of_the_right_key,
        seal_with_the_stolen_key,
        change_entry_and_leaf,
        bend_what_is_not_sealed,
    )
}
