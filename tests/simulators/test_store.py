"""The simulators' state: transactions, parts that are undone, lists, and one process at a time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.store import StateInUse, Store, Transaction


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty state file."""
    opened = Store(tmp_path / "state")
    yield opened
    opened.close()


def test_failed_transaction_leaves_nothing(store: Store) -> None:
    """What a request wrote before it failed is not there."""
    with pytest.raises(RuntimeError), store.transaction(1) as transaction:
        _write_and_fail(transaction)
    with store.transaction(2) as transaction:
        assert transaction.get("thing", "a") is None


def test_undone_part(store: Store) -> None:
    """A part that raises is undone, and the rest of its transaction still counts."""
    with store.transaction(1) as transaction:
        transaction.put("thing", "a", {"n": 1})
        with pytest.raises(RuntimeError), transaction.undone_if_raised():
            _write_and_fail(transaction)
        transaction.put("thing", "b", {"n": 3})
    with store.transaction(2) as transaction:
        assert (transaction.get("thing", "a"), transaction.get("thing", "b")) == ({"n": 1}, {"n": 3})


def test_listing(store: Store) -> None:
    """Lists keep the order of creation through changes, and combine links, times and positions."""
    for n in range(6):
        with store.transaction(100 + n) as transaction:
            transaction.put("thing", f"t{n}", {"n": n}, {"colour": "red" if n % 2 else "blue", "size": None})
    with store.transaction(200) as transaction:
        transaction.put("thing", "t1", {"n": 1, "changed": True}, {"colour": "red"})
        transaction.put("other", "t1", {"n": 99}, {"colour": "red"})
        red = transaction.listing("thing", limit=10, links={"colour": "red"})
        assert [document["n"] for document in red.documents] == [5, 3, 1]
        late = transaction.listing("thing", limit=10, links={"colour": "red"}, created={"gte": 103})
        assert [document["n"] for document in late.documents] == [5, 3]
        page = transaction.listing("thing", limit=2, after="t4")
        assert ([document["n"] for document in page.documents], page.has_more) == ([3, 2], True)
        page = transaction.listing("thing", limit=2, before="t1")
        assert ([document["n"] for document in page.documents], page.has_more) == ([3, 2], True)


def test_delete(store: Store) -> None:
    """A deleted document is gone from lists as well."""
    with store.transaction(1) as transaction:
        transaction.put("thing", "a", {"n": 1}, {"colour": "red"})
        transaction.delete("thing", "a")
        transaction.delete("thing", "unknown")
        assert transaction.get("thing", "a") is None
        assert transaction.listing("thing", limit=1, links={"colour": "red"}).documents == []


def test_forget(store: Store) -> None:
    """Forgetting empties every table."""
    with store.transaction(1) as transaction:
        transaction.put("thing", "a", {"n": 1}, {"colour": "red"})
    store.forget()
    with store.transaction(2) as transaction:
        assert transaction.listing("thing", limit=1).documents == []


def test_one_process_at_a_time(store: Store, tmp_path: Path) -> None:
    """Two simulators never write the same file."""
    with pytest.raises(StateInUse, match="another simulator"):
        Store(tmp_path / "state")


def _write_and_fail(transaction: Transaction) -> None:
    transaction.put("thing", "a", {"n": 2})
    raise RuntimeError
