"""The agenda: what is due happens once, in the order of time, at the moment that it was due."""

from pathlib import Path

import pytest

from simulators.agenda import Agenda
from simulators.store import Document, Store, Transaction


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty state file."""
    return Store(tmp_path / "state")


def _plan(store: Store, agenda: Agenda, due: int, **details: int) -> None:
    with store.transaction(0) as transaction:
        agenda.add(transaction, due, "note", details)


def test_order_and_time(store: Store) -> None:
    """Jobs run by due time, each at its own moment, and only once."""
    agenda, done = Agenda(store), []
    agenda.on("note", lambda transaction, details: done.append((transaction.now, details["n"])))
    for due, n in ((30, 3), (10, 1), (20, 2), (99, 9)):
        _plan(store, agenda, due, n=n)
    agenda.run_due(50)
    agenda.run_due(60)
    assert done == [(10, 1), (20, 2), (30, 3)]


def test_job_plans_a_job(store: Store) -> None:
    """What a job plans in turn happens in the same move of the clock, if it is due by then."""
    agenda, done = Agenda(store), []

    def again(transaction: Transaction, details: Document) -> None:
        done.append(transaction.now)
        if details["left"]:
            agenda.add(transaction, transaction.now + 5, "note", {"left": details["left"] - 1})

    agenda.on("note", again)
    _plan(store, agenda, 10, left=3)
    agenda.run_due(21)
    assert done == [10, 15, 20]


def test_kept_over_a_restart(store: Store) -> None:
    """A new process finds what was planned."""
    _plan(store, Agenda(store), 10, n=1)
    agenda, done = Agenda(store), []
    agenda.on("note", lambda _transaction, details: done.append(details["n"]))
    agenda.run_due(10)
    assert done == [1]


def test_failed_job_stays(store: Store) -> None:
    """A job that fails is not lost."""
    agenda, done = Agenda(store), []

    def fail_once(_transaction: Transaction, details: Document) -> None:
        done.append(details["n"])
        if len(done) == 1:
            raise RuntimeError

    agenda.on("note", fail_once)
    _plan(store, agenda, 10, n=1)
    with pytest.raises(RuntimeError):
        agenda.run_due(10)
    agenda.run_due(10)
    assert done == [1, 1]
