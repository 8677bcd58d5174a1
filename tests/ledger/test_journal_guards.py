"""The tables guard themselves: also their owner, and a superuser who turned ordinary triggers off, cannot write wrong books.

Only taking the guards themselves away (DDL) helps, which no part of the system does and the schema's test would show.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal
from tests.ledger.samples import capture, two_currencies

Unchanged = Callable[[], AbstractContextManager[None]]

CHANGES = [
    "UPDATE entries SET description = 'other' WHERE entry_id = 1",
    "UPDATE entries SET line_count = 3",
    "UPDATE lines SET amount_minor = 1",
    "UPDATE lines SET line_id = DEFAULT",
    "UPDATE accounts SET normal_side = 'credit'",
    "UPDATE account_codes SET type = 'memo'",
    "DELETE FROM lines",
    "DELETE FROM entries",
    "DELETE FROM accounts WHERE code = 'expense:gateway_fees'",
    "DELETE FROM account_codes",
    "TRUNCATE lines",
    "TRUNCATE lines, entries, accounts, account_codes",
    "TRUNCATE account_codes CASCADE",
    "TRUNCATE entries RESTART IDENTITY CASCADE",
    "MERGE INTO lines l USING (VALUES (1)) v (id) ON l.line_id = v.id WHEN MATCHED THEN DELETE",
    "MERGE INTO lines l USING (VALUES (1)) v (id) ON l.line_id = v.id WHEN MATCHED THEN UPDATE SET side = 'credit'",
    "INSERT INTO account_codes VALUES ('clearing:stripe', 'asset', 'debit') ON CONFLICT (code) DO UPDATE SET type='memo'",
]

# Wrong in one way each, upon an entry of two lines (a debit and a credit of 5 dollars) that would be right.
HEADER = (
    "INSERT INTO entries (reference, rule, description, event_at, actor, line_count, totals, content_hash)"
    " VALUES ('by_hand', 'by_hand', 'by hand', now(), 'person:owner', {count}, '{totals}', '')"
)
LINE = (
    "INSERT INTO lines (entry_id, line_number, account_id, side, amount_minor, currency,"
    " sequence, before_minor, after_minor, event_at, recorded_at, event_high)"
    " SELECT ENTRY, {number}, account_id, '{side}', {amount}, '{currency}', 1000 + {number}, 0, {amount}, now(), now(), now()"
    " FROM accounts WHERE code = '{code}' AND currency = 'USD'"
)
LAST = "(SELECT max(entry_id) FROM entries)"


def header(count: int = 2, totals: str = '{"USD": 5}') -> str:
    """Statement that inserts an entry by hand."""
    return HEADER.format(count=count, totals=totals)


def line(number: int, side: str, amount: int = 5, code: str = "clearing:stripe", currency: str = "USD") -> str:
    """Statement that inserts a line by hand, of the entry that stands for ENTRY."""
    return LINE.format(number=number, side=side, amount=amount, code=code, currency=currency)


def whole(head: str, *lines: str) -> str:
    """Statement that inserts an entry and its lines at once, as the posting function does."""
    parts = [f"e AS ({head} RETURNING entry_id)"]
    parts += [f"l{n} AS ({each.replace('ENTRY', '(SELECT entry_id FROM e)')})" for n, each in enumerate(lines)]  # noqa: S608 # our own words
    return f"WITH {', '.join(parts)} SELECT"


def later(*lines: str) -> list[str]:
    """Statements that insert lines of the last entry by themselves."""
    return [each.replace("ENTRY", LAST) for each in lines]


DEBIT, CREDIT = line(1, "debit"), line(2, "credit", code="revenue:sales")
RIGHT = whole(header(), DEBIT, CREDIT)
WRONG = {
    "no lines": [header()],
    "one line": [whole(header(), DEBIT)],
    "one line, stated as one": [whole(header(count=1), DEBIT)],
    "a line more than stated": [whole(header(), DEBIT, CREDIT, line(3, "debit"))],
    "a line more than stated, in place of another": [whole(header(), DEBIT, CREDIT, line(2, "debit"))],
    "lines not numbered": [whole(header(), DEBIT, line(0, "credit"))],
    "debits are not credits": [whole(header(), DEBIT, line(2, "credit", 4))],
    "two debits": [whole(header(), DEBIT, line(2, "debit"))],
    "other totals than stated": [whole(header(totals='{"USD": 6}'), DEBIT, CREDIT)],
    "another currency than stated": [whole(header(totals='{"EUR": 5}'), DEBIT, CREDIT)],
    "an amount of nothing": [whole(header(totals='{"USD": 0}'), line(1, "debit", 0), line(2, "credit", 0))],
    "a negative amount": [whole(header(totals='{"USD": -5}'), line(1, "debit", -5), line(2, "credit", -5))],
    "a side that is none": [whole(header(), DEBIT, line(2, "left"))],
    "a currency that is not the account's": [
        whole(header(totals='{"EUR": 5}'), line(1, "debit", currency="EUR"), line(2, "credit", currency="EUR")),
    ],
    "a memo account against a real one": [whole(header(), DEBIT, line(2, "credit", code="memo:unresolved:contra"))],
    "an account that is not there": [whole(header(), DEBIT, CREDIT.replace("account_id, 'credit'", "-1, 'credit'"))],
    "an entry that is not there": [RIGHT, DEBIT.replace("ENTRY", f"{LAST} + 1000")],
    "more lines once the entry is there": [RIGHT, *later(line(3, "debit"), line(4, "credit"))],
    "a line in place of one that is there": [RIGHT, *later(DEBIT)],
    "lines that come after their entry": [header(), *later(DEBIT, CREDIT)],
    "a line that does not move its amount": [whole(header(), DEBIT.replace("0, 5, now()", "0, 4, now()"), CREDIT)],
    "a place in the account that is taken": [whole(header(), DEBIT.replace("1000 + 1,", "1,"), CREDIT)],
    "a reference that is taken": [whole(header().replace("'by_hand', 'by", "'exchange_1', 'by"), DEBIT, CREDIT)],
}
# Ours, and those of check, unique and foreign key constraints; 0A000 is TRUNCATE where a foreign key points at the table.
REFUSALS = {"QT403", "QT422", "23514", "23505", "23503", "23502", "0A000", "428C9"}
PAIR = line(3, "debit") + " UNION ALL " + line(4, "credit").partition(")")[2]
LATER = later(line(3, "debit"), PAIR)


@pytest.fixture(autouse=True)
async def books(connection: AsyncConnection, superuser: psycopg.Connection) -> None:
    """Books with an entry, and a memo account to misuse."""
    await journal.post(connection, [two_currencies()])
    await journal.post(connection, [capture()])
    await connection.commit()
    superuser.execute("INSERT INTO account_codes VALUES ('memo:unresolved:contra', 'memo', 'credit')")
    superuser.execute(
        "INSERT INTO accounts (code, type, currency, normal_side)"
        " VALUES ('memo:unresolved:contra', 'memo', 'USD', 'credit')"
    )


def commit(connection: psycopg.Connection, *statements: str) -> None:
    """Run statements in one transaction, to its end."""
    try:
        for statement in statements:
            connection.execute(statement.encode())
        connection.commit()
    finally:
        connection.rollback()


@pytest.fixture(params=["owner", "superuser without triggers"])
def writer(request: pytest.FixtureRequest, owner: psycopg.Connection) -> psycopg.Connection:
    """The owner of the tables; or a superuser who turned off what can be turned off without DDL."""
    if request.param != "owner":
        commit(owner, "RESET ROLE", "SET session_replication_role = replica")
    return owner


def let_in(connection: psycopg.Connection, attempts: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Try each list of statements in a transaction of its own; return what was not refused by a check of the data."""
    through = {}
    for name, statements in attempts.items():
        try:
            commit(connection, *statements)
        except psycopg.Error as error:
            if error.sqlstate not in REFUSALS:
                through[name] = f"refused for another reason: {error}"
        else:
            through[name] = "let in"
    return through


def test_nobody_changes_what_is_written(writer: psycopg.Connection, unchanged: Unchanged) -> None:
    """The books are only added to, whoever asks."""
    with unchanged():
        assert let_in(writer, {statement: [statement] for statement in CHANGES}) == {}


def test_nobody_writes_a_wrong_entry(writer: psycopg.Connection, unchanged: Unchanged) -> None:
    """Every entry has its lines, balances, and is in its accounts' currencies, also where no posting function is used.

    `session_replication_role` switches ordinary triggers and foreign keys off; the guards stay on.
    """
    with unchanged():
        assert let_in(writer, WRONG) == {}


def test_a_right_entry_by_hand_is_let_in(writer: psycopg.Connection, superuser: psycopg.Connection) -> None:
    """The faults above are refused for what they are, not because everything is."""
    commit(writer, RIGHT)
    assert superuser.execute(
        "SELECT count(*) FROM lines JOIN entries USING (entry_id) WHERE rule = 'by_hand'"
    ).fetchone() == (2,)


@pytest.mark.parametrize("statement", LATER, ids=["one", "a balanced pair"])
def test_no_line_is_added_to_an_entry_of_an_earlier_transaction(
    writer: psycopg.Connection, unchanged: Unchanged, statement: str
) -> None:
    """A balance check on entries alone would let them in, since no entry is inserted."""
    with unchanged(), pytest.raises(psycopg.Error, match="already posted"):
        commit(writer, statement)


def test_no_line_is_added_to_an_entry_that_another_transaction_is_posting(
    owner: psycopg.Connection, superuser: psycopg.Connection, unchanged: Unchanged
) -> None:
    """An entry belongs to one transaction from its first line to its last."""
    with unchanged():
        owner.execute(RIGHT.encode())
        number = owner.execute("SELECT max(entry_id) FROM entries").fetchone()
        assert number is not None
        late = line(3, "debit").replace("ENTRY", str(number[0]))
        with pytest.raises(psycopg.Error, match=r"no such entry|is not present"):
            superuser.execute(late.encode())
        owner.rollback()


def test_no_line_is_added_to_an_entry_that_was_left_without(
    superuser: psycopg.Connection, owner: psycopg.Connection, unchanged: Unchanged
) -> None:
    """Who once took a guard away and left an entry unfinished cannot finish it quietly with the guard in place."""
    superuser.execute("ALTER TABLE entries DISABLE TRIGGER entries_are_complete")
    superuser.execute(header(count=4).encode())
    superuser.execute("ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_are_complete")
    with unchanged(), pytest.raises(psycopg.Error, match="already posted"):
        commit(owner, *later(DEBIT, CREDIT))


@pytest.mark.parametrize("count", [0, 1, 201])
def test_the_number_of_lines_of_an_entry_has_its_limits(owner: psycopg.Connection, count: int) -> None:
    """Nothing is not an entry, even if it balances."""
    with pytest.raises(psycopg.Error, match="entry_has_two_lines"):
        commit(owner, header(count=count, totals="{}"))
