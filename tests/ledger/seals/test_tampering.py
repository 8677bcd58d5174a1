"""A thousand ways to bend the books as a superuser, each found and located. FAULT_SEED=n plays the tamperings of one seed."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import create_engine
from ledger.seals import anchors, signing
from ledger.seals.anchors import Anchor
from ledger.seals.signing import SealKey, TrustedKeys
from ledger.seals.verification import verify
from tests.conftest import Database
from tests.faults import seeds
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import fill, post, seal_all
from tests.ledger.seals.hand import Hand
from tests.ledger.seals.tampering import BATCH, WAYS

IN_THE_NORMAL_RUN = 69
IN_THE_LONG_RUN = 1_000
MOST_DRAWS = 100
"""A tampering is drawn again where a constraint refuses it, or it would have changed nothing."""


@pytest.fixture
async def hand(
    engine: AsyncEngine, sealing_engine: AsyncEngine, database: Database, key: SealKey, tmp_path: Path
) -> AsyncIterator[Hand]:
    """A superuser in a transaction, over books of eight seals and an entry without one."""
    await fill(engine, 27)
    await seal_all(sealing_engine, key, BATCH)
    await post(engine, capture("unsealed"))
    signing.create(tmp_path / "other.key")
    superusers = create_engine(database.superuser_url, 1)
    async with superusers.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        made = Hand(connection, random.Random(0), key, signing.load(tmp_path / "other.key"))
        await made.look()
        yield made
        await connection.rollback()
    await superusers.dispose()


@pytest.fixture
async def anchor(hand: Hand, trusted: TrustedKeys, tmp_path: Path) -> Anchor:
    """The newest seal, kept elsewhere before anything happens."""
    kept = await anchors.newest(hand.connection)
    assert kept is not None
    anchors.write(tmp_path / "anchor.json", kept)
    return anchors.load(tmp_path / "anchor.json", trusted)


async def play(hand: Hand, trusted: TrustedKeys, anchor: Anchor, count: int) -> Counter[str]:
    """Tamper so often, every way as often as any other; each is found where it was done, and then undone."""
    played: Counter[str] = Counter()
    for number in range(count):
        name = list(WAYS)[number % len(WAYS)]
        for _ in range(MOST_DRAWS):
            async with hand.connection.begin_nested() as undone:
                expected = await WAYS[name](hand)
                if expected is not None:
                    found = await verify(hand.connection, trusted, anchor)
                    assert expected.is_met_by(found.damage), f"{name}: {expected}, found {found.damage}"
                await undone.rollback()
            if expected is not None:
                played[name] += 1
                break
    return played


async def test_books_that_nobody_touched_verify(hand: Hand, trusted: TrustedKeys, anchor: Anchor) -> None:
    """What follows is found because it was done, and not because everything is."""
    found = await verify(hand.connection, trusted, anchor)
    assert (found.damage, found.seals, found.entries, found.unsealed_entries) == (None, 8, 55, 1)
    assert found.anchored_to == 8


async def test_tamperings_are_found_and_located(
    hand: Hand, trusted: TrustedKeys, anchor: Anchor, request: pytest.FixtureRequest
) -> None:
    """Three of every way, drawn with a seed of its own for each run."""
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as hand.chance:
        played = await play(hand, trusted, anchor, IN_THE_NORMAL_RUN)
    assert played == dict.fromkeys(WAYS, IN_THE_NORMAL_RUN // len(WAYS))


@pytest.mark.faults
async def test_a_thousand_tamperings_are_found_and_located(
    hand: Hand, trusted: TrustedKeys, anchor: Anchor, request: pytest.FixtureRequest
) -> None:
    """None is missed, and none is taken for another."""
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as hand.chance:
        played = await play(hand, trusted, anchor, seeds.scaled(IN_THE_LONG_RUN))
    assert played.total() == seeds.scaled(IN_THE_LONG_RUN)
