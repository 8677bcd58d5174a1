"""The guard of cards: however many ask at once and whatever falls over, no card is tried more often than a rule allows."""

import itertools
import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import card_ceilings
from billing.dunning.ceilings import CEILINGS, CardAsk, CardTry, NetworkCeilings, next_allowed
from tests.billing.claims import CARD, GATE, NOW, OUTCOMES, Guard, claimed_at_once
from tests.conftest import Database

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARDS = (f"card_{number:032x}" for number in itertools.count(1))
MOST, MADE, RIVALS, PROCESSES, CONNECTIONS = 20, 15, 1000, 4, 5


@pytest.fixture
def connection(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    """A connection with the application's role."""
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def guard(connection: "psycopg.Connection[Any]") -> Guard:
    """The guard of a database of this test's own."""
    return Guard(connection)


def test_a_claim_again_is_the_same_claim(guard: Guard) -> None:
    """A worker whose answer was lost asks once more, and uses up nothing."""
    first = guard.claim("ch_1:capture:1")
    assert first == guard.claim("ch_1:capture:1", NOW + DAY) == (True, NOW, None)
    guard.settle("ch_1:capture:1", "refused")
    assert guard.claim("ch_1:capture:1").granted
    assert guard.count() == 1
    with pytest.raises(psycopg.Error, match="ch_1:capture:1 was claimed for another card"):
        guard.claim("ch_1:capture:1", card=next(CARDS))


def test_invoices_checkouts_and_commands_have_one_budget(guard: Guard) -> None:
    """The network counts the card: whoever tries it, and for what, the twenty-first of thirty days is refused."""
    for number in range(MOST):
        guard.tried(f"in_{number % 2}.{number}:capture:1", NOW + number * HOUR, amount_minor=100 + number)
    later = NOW + MOST * HOUR
    assert guard.claim("in_0.99:capture:1", later) == (False, NOW + 30 * DAY, "20 tries in 30 days (visa)")
    assert guard.claim("checkout:authorize:1", NOW + 30 * DAY - timedelta(seconds=1)).next_at == NOW + 30 * DAY
    assert guard.claim("checkout:authorize:1", NOW + 30 * DAY).granted
    assert guard.count() == MOST + 1


def test_what_is_not_decided_counts_as_refused(guard: Guard) -> None:
    """Nobody knows yet what came of it: until it is known to have been approved, it may have been declined."""
    for number in range(10):
        assert guard.claim(f"ch_{number}:capture:1", network="mastercard").granted
    assert not guard.claim("ch_10:capture:1", network="mastercard").granted
    assert not guard.claim("ch_10:capture:1", network=None, ours=True).granted
    guard.settle("ch_0:capture:1", "unreachable")
    assert guard.claim("ch_10:capture:1", network="mastercard").granted
    guard.settle("ch_10:capture:1", "approved")
    assert guard.claim("ch_11:capture:1", network="mastercard").granted


def test_an_approval_begins_a_row_anew(guard: Guard) -> None:
    """Mastercard counts declines in a row: a customer who has paid in between is not held to those before."""
    for number in range(9):
        guard.tried(f"ch_{number}:capture:1", network="mastercard")
    guard.tried("ch_9:capture:1", outcome="approved", network="mastercard")
    for number in range(10, 20):
        guard.tried(f"ch_{number}:capture:1", network="mastercard")
    assert guard.claim("ch_20:capture:1", network="mastercard").next_at == NOW + DAY


def test_what_came_of_a_try_is_written_down_once(guard: Guard) -> None:
    """A late step says nothing new, and an approval is not made of a decline afterwards."""
    assert guard.claim("ch_1:capture:1").granted
    assert guard.settle("ch_1:capture:1", "refused")
    assert not guard.settle("ch_1:capture:1", "approved")
    assert not guard.settle("ch_2:capture:1", "approved")
    row = guard.connection.execute(
        "SELECT is_decided, is_approved, at_network, is_technical FROM card_tries"
    ).fetchone()
    assert row == (True, False, True, False)


def test_our_own_minimum_binds_who_asks_for_it(guard: Guard) -> None:
    """A rung waits a day after a decline; a person's command and a renewed card need not, but they count."""
    guard.tried("in_1.0:capture:1")
    rung = guard.claim("in_1.1:capture:1", NOW + HOUR, ours=True)
    assert rung == (False, NOW + DAY, "our own minimum: a day between two declines of one card")
    guard.tried("in_1.1:capture:1", NOW + 2 * HOUR)
    assert guard.claim("in_1.2:capture:1", NOW + DAY, ours=True).next_at == NOW + DAY + 2 * HOUR
    assert guard.claim("in_1.2:capture:1", NOW + DAY + 2 * HOUR, ours=True).granted


def test_a_clock_that_is_behind_wins_nothing(guard: Guard) -> None:
    """A try is never earlier than the one before it, so that no window is emptied by setting a clock back."""
    for number in range(MOST):
        guard.tried(f"ch_{number}:capture:1")
    assert guard.claim("ch_20:capture:1", NOW - 60 * DAY).next_at == NOW + 30 * DAY
    guard.tried("ch_21:capture:1", NOW + 30 * DAY)
    assert guard.claim("ch_22:capture:1", NOW) == (True, NOW + 30 * DAY, None)


def test_never_is_never(guard: Guard, connection: "psycopg.Connection[Any]") -> None:
    """However long ago, and whatever is said of it later: the network fines each try of such a card."""
    guard.claim("ch_1:capture:1")
    guard.settle("ch_1:capture:1", "refused", "visa 43: stolen card")
    assert guard.claim("ch_2:capture:1", NOW + 900 * DAY) == (False, None, "visa 43: stolen card")
    connection.execute("SELECT mark_card_never(%s, 'another reason')", [CARD])
    assert guard.claim("ch_2:capture:1", NOW).why == "visa 43: stolen card"
    assert guard.count() == 1


def test_without_ceilings_nothing_is_tried(guard: Guard, database: Database) -> None:
    """A database whose ceilings were not brought up knows no rule, which is not the same as having none."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("DELETE FROM card_ceilings")
    with pytest.raises(psycopg.OperationalError, match="no ceilings of cards are known: bring them up with"):
        guard.claim("ch_1:capture:1")
    card_ceilings.bring_up_to_date(database.superuser_url)
    assert guard.claim("ch_1:capture:1").granted


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_snapshot_that_is_older_than_the_lock_is_refused(
    connection: "psycopg.Connection[Any]", isolation: str
) -> None:
    """It would not show the tries that others claimed while it waited."""
    connection.execute(f"SET default_transaction_isolation = '{isolation}'".encode())
    with pytest.raises(psycopg.Error, match="cards are counted at READ COMMITTED only"):
        Guard(connection).claim("ch_1:capture:1")


def test_the_ceilings_are_those_that_the_program_ships(database: Database) -> None:
    """A rule that changed is replaced, and several machines may bring them up at once."""
    older = NetworkCeilings(CEILINGS.rows[:2])
    query = b"SELECT network, region, most, effective_from, effective_until FROM card_ceilings ORDER BY 1, 2, 3, 4"
    wanted = [(row.network, row.region, row.most, row.effective_from, row.effective_until) for row in CEILINGS.rows]
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        before = superuser.execute(b"SELECT xmin::text FROM card_ceilings").fetchall()
        card_ceilings.bring_up_to_date(database.superuser_url)
        assert superuser.execute(b"SELECT xmin::text FROM card_ceilings").fetchall() == before
        card_ceilings.bring_up_to_date(database.superuser_url, older)
        assert len(superuser.execute(query).fetchall()) == len(older.rows)
        card_ceilings.bring_up_to_date(database.superuser_url)
        found = superuser.execute(query).fetchall()
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


class Step(NamedTuple):
    """A try in a random history: how long after the one before, of what, and what came of it."""

    after_minutes: int
    amount_minor: int
    ours: bool
    outcome: str | None


STEPS = st.builds(
    Step,
    st.one_of(
        st.integers(-200, 3 * 60), st.integers(0, 40).map(lambda hours: 60 * hours), st.integers(0, 60 * 24 * 40)
    ),
    st.sampled_from((100, 100, 100, 250)),
    st.booleans(),
    st.sampled_from((None, *OUTCOMES, "refused", "refused")),
)
STARTS = st.sampled_from([NOW, datetime(2022, 10, 13, tzinfo=NOW.tzinfo), datetime(2025, 5, 23, tzinfo=NOW.tzinfo)])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=STARTS,
    network=st.sampled_from(("visa", "mastercard", "ach", None)),
    country=st.sampled_from(("BR", "US", None)),
    steps=st.lists(STEPS, min_size=1, max_size=60),
)
def test_the_database_counts_as_the_rules_do(
    connection: "psycopg.Connection[Any]", start: datetime, network: str | None, country: str | None, steps: list[Step]
) -> None:
    """What the policy foresees and what the guard grants are one and the same, over any history of a card."""
    guard, card = Guard(connection), next(CARDS)
    tries: list[CardTry] = []
    at = start
    for number, step in enumerate(steps):
        at += timedelta(minutes=step.after_minutes)
        moment = max(at, tries[-1].at) if tries else at
        rules = [rule for rule in CEILINGS.of(network, country, moment) if step.ours or not rule.is_ours]
        expected = next_allowed(rules, tries, CardAsk(card, step.amount_minor, "USD"), moment)
        operation = f"{card}.{number}:capture:1"
        found = guard.claim(
            operation,
            at,
            card=card,
            network=network,
            country=country,
            amount_minor=step.amount_minor,
            ours=step.ours,
        )
        assert (found.granted, found.next_at) == (expected == moment, expected)
        if found.granted:
            approved, at_network, technical = OUTCOMES[step.outcome or "refused"]
            tries.append(CardTry(moment, card, step.amount_minor, "USD", approved, at_network, technical))
            if step.outcome is not None:
                guard.settle(operation, step.outcome)
    assert guard.count(card) == len(tries)


def _rivals(url: str, pool: ProcessPoolExecutor, superuser: "psycopg.Connection[Any]") -> list["Future[list[str]]"]:
    """Let them begin, all at the same time."""
    names = [f"rival_{number}:capture:1" for number in range(RIVALS)]
    superuser.execute("SELECT pg_advisory_lock(%s)", [GATE])
    racing = [pool.submit(claimed_at_once, url, names[number::PROCESSES], CONNECTIONS) for number in range(PROCESSES)]
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    while superuser.execute(waiting, [GATE]).fetchall() != [(PROCESSES * CONNECTIONS,)]:
        time.sleep(0.01)
    superuser.execute("SELECT pg_advisory_unlock(%s)", [GATE])
    return racing


def test_a_thousand_at_once_pass_no_ceiling(guard: Guard, database: Database) -> None:
    """Four processes over twenty connections ask for five tries that are left: five of the thousand are granted."""
    for number in range(MADE):
        guard.tried(f"ch_{number}:capture:1")
    with (
        psycopg.connect(database.superuser_url, autocommit=True) as superuser,
        ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        granted = [name for racing in _rivals(database.app_url, pool, superuser) for name in racing.result()]
    assert (len(granted), len(set(granted)), guard.count()) == (MOST - MADE, MOST - MADE, MOST)


def test_a_thousand_at_once_pass_no_ceiling_while_connections_break(guard: Guard, database: Database) -> None:
    """Server processes are ended in the middle of claims, and each is asked for again: still five, and each is a row."""
    for number in range(MADE):
        guard.tried(f"ch_{number}:capture:1")
    chance, killed = random.Random(36), 0
    with (
        psycopg.connect(database.superuser_url, autocommit=True) as superuser,
        ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        racing = _rivals(database.app_url, pool, superuser)
        while not all(each.done() for each in racing):
            busy = superuser.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'quittance_app' AND datname = %s AND state <> 'idle'",
                [database.name],
            ).fetchall()
            if busy:
                superuser.execute("SELECT pg_terminate_backend(%s)", chance.choice(busy))
                killed += 1
            time.sleep(0.002)
        granted = [name for each in racing for name in each.result()]
    assert killed > 10
    rows = guard.connection.execute("SELECT operation_id FROM card_tries WHERE operation_id LIKE 'rival%'").fetchall()
    assert sorted(granted) == sorted(name for (name,) in rows)
    assert guard.count() == MOST
