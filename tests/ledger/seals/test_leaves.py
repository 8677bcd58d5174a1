"""The bytes of a leaf: one form for each content, for all columns that there are, and the same in both writings."""

import json
from hashlib import sha256

import psycopg
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.seals import recomputation
from ledger.seals.leaves import EntryContent, canonical, content_bytes, covered_columns, leaf_hash, read_row
from ledger.seals.signing import SealKey, TrustedKeys
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import fill, post, seal_all, verified

values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.text(st.characters(exclude_categories=["Cs"]))
)
rows = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), values, max_size=6)


def test_a_leaf_is_the_hash_of_these_bytes() -> None:
    """The form that docs/ledger.md describes, letter by letter; who changes it makes every seal unreadable."""
    content = EntryContent(
        entry={"totals": {"USD": 12345678901234567890}, "entry_id": 7, "actor": 'ä "\n\x1f', "charge_id": None},
        lines=[{"line_number": 1, "account_id": 2, "rate": read_row("1.50")}],
        accounts=[{"account_id": 2, "code": "a:b"}],
    )
    expected = (
        '{"accounts":[{"account_id":2,"code":"a:b"}],'
        '"entry":{"actor":"ä \\"\\n\\u001f","charge_id":null,"entry_id":7,"totals":{"USD":12345678901234567890}},'
        '"lines":[{"account_id":2,"line_number":1,"rate":"\\u00001.50"}]}'
    )
    assert content_bytes(content).decode() == expected
    assert leaf_hash(content) == sha256(b"\0" + expected.encode()).digest()


@given(rows, st.lists(rows, max_size=3), rows)
def test_both_writings_of_a_leaf_agree(
    entry: dict[str, object], lines: list[dict[str, object]], account: dict[str, object]
) -> None:
    """What seals and what verifies were written apart, and mean the same bytes."""
    numbered = [line | {"account_id": 1} for line in lines]
    content = EntryContent(entry, numbered, [account] if lines else [])
    writer = recomputation.LeafWriter(covered_columns([content]))
    assert writer.leaf(entry, numbered, {1: account}) == leaf_hash(content)


@given(rows, rows)
def test_two_contents_never_have_one_form(one: dict[str, object], other: dict[str, object]) -> None:
    """Nothing can be moved from one column to another, or from text to number, unseen."""
    assert (canonical(one) == canonical(other)) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


def test_a_fraction_is_not_its_text() -> None:
    """The number 1.50, the number 1.5 and the texts of both are four contents."""
    assert len({canonical(read_row(text)) for text in ("1.50", "1.5", '"1.50"', '"1.5"')}) == 4


async def test_a_column_that_comes_later_is_covered_from_then_on(
    engine: AsyncEngine, sealing_engine: AsyncEngine, owner: psycopg.Connection, key: SealKey, trusted: TrustedKeys
) -> None:
    """A migration that adds a column to a table of the journal leaves earlier seals as they are; later ones cover it."""
    await fill(engine, 2)
    await seal_all(sealing_engine, key)
    for table in ("entries", "lines", "accounts"):
        owner.execute(f"ALTER TABLE {table} ADD COLUMN later numeric NOT NULL DEFAULT 1.50".encode())
    owner.commit()
    await post(engine, capture("with_it"))
    await seal_all(sealing_engine, key)
    found = await verified(engine, trusted)
    assert (found.damage, found.seals, found.entries) == (None, 2, 6)
    owner.execute("ALTER TABLE lines DISABLE TRIGGER never_changed")
    owner.execute("UPDATE lines SET later = 1.5000 WHERE line_id = (SELECT max(line_id) FROM lines)")
    owner.execute("ALTER TABLE lines ENABLE ALWAYS TRIGGER never_changed")
    owner.commit()
    damage = (await verified(engine, trusted)).damage
    assert damage is not None
    assert (damage.seal, damage.reference) == (2, "with_it:capture:1")
