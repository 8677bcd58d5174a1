"""References under a crowd: many post the same at once, some with other content; each is posted once, as the first said."""

import asyncio
import random
from collections import Counter, defaultdict
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import journal
from ledger.entries import Entry
from ledger.errors import ReferenceConflict
from ledger.group_commit import GroupCommit
from tests.ledger.samples import capture
from tests.ledger.test_account_lines import assert_kept

ALTERED = 0.2
AT_ONCE = 20


async def crowd(engine: AsyncEngine, references: int, duplicates: int) -> dict[str, Counter[Any]]:
    """Post each reference many times, a fifth with other content, partly through the group commit and partly alone."""
    chance = random.Random(f"{references} x {duplicates}")
    first = [capture(f"ch_{number}", 1000 + number) for number in range(references)]
    async with engine.begin() as connection:  # so that it is known which content is the right one
        await journal.post(connection, first[: references // 2])
    wishes: list[tuple[Entry, bool]] = [
        (entry.model_copy(update={"description": f"altered {copy}"}) if altered else entry, altered)
        for entry in first
        for copy in range(duplicates)
        for altered in [copy > 0 and chance.random() < ALTERED]
    ]
    chance.shuffle(wishes)
    group, room, seen = GroupCommit(engine), asyncio.Semaphore(AT_ONCE), defaultdict[str, Counter[Any]](Counter)

    async def post(entry: Entry, *, is_altered: bool, is_alone: bool) -> None:
        async with room:
            try:
                if is_alone:
                    async with engine.begin() as connection:
                        (posted,) = await journal.post(connection, [entry])
                else:
                    (posted,) = await group.post([entry])
            except ReferenceConflict:
                seen[entry.reference]["refused", is_altered] += 1
            else:
                seen[entry.reference]["new" if posted.is_new else "known", entry.description] += 1

    await asyncio.gather(
        *(post(entry, is_altered=altered, is_alone=chance.random() < 0.5) for entry, altered in wishes)
    )
    return seen


def assert_each_once(seen: dict[str, Counter[Any]], superuser: psycopg.Connection, known: int) -> None:
    """One content for each reference, and all others refused."""
    posted: dict[str, str] = dict(superuser.execute("SELECT reference, description FROM entries").fetchall())
    assert posted.keys() == seen.keys()
    for reference, counted in seen.items():
        contents = {words for (answer, words) in counted if answer in {"new", "known"}}
        assert contents == {posted[reference]}
        news = sum(count for (answer, _), count in counted.items() if answer == "new")
        assert news == (0 if int(reference.split(":")[0].removeprefix("ch_")) < known else 1)
    assert_kept(superuser)


async def test_each_reference_is_posted_once_in_short(engine: AsyncEngine, superuser: psycopg.Connection) -> None:
    """A duplicate finds the first one, and whoever alters it is refused."""
    seen = await crowd(engine, references=10, duplicates=20)
    assert_each_once(seen, superuser, known=5)
    assert sum(count for counted in seen.values() for (answer, _), count in counted.items() if answer == "refused")


@pytest.mark.faults
async def test_each_reference_is_posted_once(engine: AsyncEngine, superuser: psycopg.Connection) -> None:
    """Fifty references, two hundred who post each."""
    assert_each_once(await crowd(engine, references=50, duplicates=200), superuser, known=25)
