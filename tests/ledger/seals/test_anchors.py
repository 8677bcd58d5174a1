"""An anchor: what was kept elsewhere shows that a history was rewritten or cut, also by whoever has the key."""

import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.seals import anchors, signing
from ledger.seals.anchors import Anchor
from ledger.seals.damage import DamageKind
from ledger.seals.errors import AnchorFault
from ledger.seals.signing import SealKey, TrustedKeys
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import fill, post, seal_all, verified


@pytest.fixture
async def kept(engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey, tmp_path: Path) -> Path:
    """An anchor of books with three seals."""
    await fill(engine, 4)
    await seal_all(sealing_engine, key, limit=3)
    async with engine.connect() as connection:
        found = await anchors.newest(connection)
    assert found is not None
    anchors.write(tmp_path / "anchor.json", found)
    return tmp_path / "anchor.json"


async def test_books_that_went_on_lead_to_an_older_anchor(
    engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey, trusted: TrustedKeys, kept: Path
) -> None:
    """An anchor stays good for ever."""
    await post(engine, capture("later"))
    await seal_all(sealing_engine, key)
    found = await verified(engine, trusted, anchors.load(kept, trusted))
    assert (found.damage, found.seals, found.anchored_to) == (None, 4, 3)


async def test_another_history_does_not_lead_to_the_anchor(
    engine: AsyncEngine, trusted: TrustedKeys, kept: Path
) -> None:
    """Everything agrees with itself and is signed, and still it is not what it was."""
    anchor = anchors.load(kept, trusted)
    other = await verified(engine, trusted, Anchor(anchor.number, bytes(32)))
    assert other.damage is not None
    assert (other.damage.kind, other.damage.seal) == (DamageKind.ANCHOR, 3)
    cut = await verified(engine, trusted, Anchor(9, anchor.digest))
    assert cut.damage is not None
    assert (cut.damage.kind, cut.damage.seal, cut.anchored_to) == (DamageKind.ANCHOR, 4, None)


async def test_an_anchor_that_was_changed_is_no_anchor(trusted: TrustedKeys, kept: Path, tmp_path: Path) -> None:
    """Whoever forges one would have to sign it; whatever is not an anchor is said to be none."""
    good = json.loads(kept.read_text())
    spoiled = [
        good | {"seal": good["seal"] | {"number": 2}},
        good | {"seal": good["seal"] | {"root": "00" * 32}},
        good | {"signature": "00" * 64},
        good | {"signature": "zz"},
        good | {"kind": "other"},
        {"seal": {}},
        [],
        "text",
    ]
    for number, content in enumerate(spoiled):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(content))
        with pytest.raises(AnchorFault, match="cannot be used"):
            anchors.load(path, trusted)
    with pytest.raises(AnchorFault, match="No such file"):
        anchors.load(tmp_path / "nothing", trusted)
    signing.create(tmp_path / "other.key")
    with pytest.raises(AnchorFault, match="no trusted key"):
        anchors.load(kept, signing.load_trusted(tmp_path / "other.key.pub"))


async def test_books_without_a_seal_have_no_anchor(engine: AsyncEngine) -> None:
    """There is nothing that it could stand for."""
    async with engine.connect() as connection:
        assert await anchors.newest(connection) is None
