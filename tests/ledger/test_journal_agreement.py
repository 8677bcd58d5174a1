"""Python, the posting function and the tables' own check agree on what balances, for whatever is generated.

Each states the rule by itself; `balances` below is a fourth statement of it, that they are held against.
"""

import itertools
import json
from collections import Counter
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import history, journal, reports
from ledger.accounts import Account
from ledger.entries import MAX_LINE_MINOR, Entry, Line
from ledger.errors import InvalidEntry, LedgerError
from ledger.journal import _content
from ledger.money import Money
from tests.ledger.samples import capture

CHART = [
    Account.model_validate({"code": code, "type": kind, "normal_side": side})
    for code, kind, side in [
        ("clearing:stripe", "asset", "debit"),
        ("clearing:paypal", "asset", "debit"),
        ("revenue:sales", "revenue", "credit"),
        ("liability:deferred_revenue", "liability", "credit"),
        ("memo:unresolved:stripe", "memo", "debit"),
        ("memo:unresolved:contra", "memo", "credit"),
    ]
]
CURRENCIES = ["USD", "EUR", "JPY", "KWD"]
references = itertools.count(1)

# Few amounts, so that lines often balance by chance, and the largest.
amounts = st.sampled_from([1, 2, 3, 100, MAX_LINE_MINOR])
generated_lines = st.builds(
    lambda account, side, amount, currency: Line.model_validate(
        {"account": account, "side": side, "money": {"amount_minor": amount, "currency": currency}}
    ),
    account=st.sampled_from(CHART),
    side=st.sampled_from(["debit", "credit"]),
    amount=amounts,
    currency=st.sampled_from(CURRENCIES),
)


REAL, MEMO = CHART[:4], CHART[4:]


@st.composite
def balanced_lines(draw: st.DrawFn, *charts: list[Account]) -> list[Line]:
    """Lines that balance: transfers within one of the charts, each split over several lines, then all are shuffled."""
    lines: list[Line] = []
    for _ in range(draw(st.integers(1, 4))):
        chart = draw(st.sampled_from(charts))
        currency = draw(st.sampled_from(CURRENCIES))
        parts = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=5))
        side, other = draw(st.permutations(["debit", "credit"]))
        for part, at in [*((part, side) for part in parts), (sum(parts), other)]:
            money = Money(amount_minor=part, currency=currency)
            account = draw(st.sampled_from(chart))
            lines.append(Line.model_validate({"account": account, "side": at, "money": money}))
    return draw(st.permutations(lines))


def balances(lines: list[Line]) -> bool:
    """Say whether an entry of these lines is right, in the plainest way."""
    surplus: Counter[tuple[str, bool]] = Counter()
    for line in lines:
        key = line.money.currency, line.account.code.startswith("memo:")
        surplus[key] += {"debit": 1, "credit": -1}[line.side] * line.money.amount_minor
    return len(lines) >= 2 and not any(surplus.values())


def unchecked(lines: list[Line]) -> Entry:
    """Make an entry without asking whether it is right."""
    changes = {"reference": f"generated_{next(references)}", "lines": tuple(lines)}
    return capture().model_copy(update=changes)


def python_accepts(entry: Entry) -> bool:
    """Whether the entry can be made in Python."""
    try:
        Entry(**dict(entry))
    except InvalidEntry:
        return False
    return True


def function_accepts(application: psycopg.Connection, entry: Entry) -> bool:
    """Whether the posting function takes the entry."""
    try:
        application.execute("SELECT post_entries(%s::jsonb)", [json.dumps([_content(entry)])])
    except psycopg.Error as error:
        assert error.sqlstate == "QT422", error  # noqa: PT017 # any other failure is a fault of the function
        return False
    finally:
        application.rollback()
    return True


def tables_accept(owner: psycopg.Connection, entry: Entry) -> bool:
    """Whether the tables take the entry from their owner, who goes around the function."""
    totals: Counter[str] = Counter()
    for line in entry.lines:
        totals[line.money.currency] += line.money.amount_minor * (line.side == "debit")
    rows = [
        [place, line.side, line.money.amount_minor, line.account.code, line.money.currency]
        for place, line in enumerate(entry.lines, start=1)
    ]
    try:
        owner.execute(
            "WITH e AS (INSERT INTO entries (reference, rule, description, event_at, actor, line_count, totals, content_hash)"
            " VALUES (%s, 'by_hand', 'by hand', now(), 'person:owner', %s, %s::jsonb, '') RETURNING entry_id)"
            " INSERT INTO lines (entry_id, line_number, account_id, side, amount_minor, currency,"
            " sequence, before_minor, after_minor, event_at, recorded_at, event_high)"
            " SELECT e.entry_id, l.place, a.account_id, l.side, l.amount, a.currency, l.place, 0, l.amount, now(), now(), now()"
            " FROM e, unnest(%s::integer[], %s::text[], %s::bigint[], %s::text[], %s::text[]) l (place, side, amount, code, unit)"
            " JOIN accounts a ON a.code = l.code AND a.currency = l.unit",
            [entry.reference, len(entry.lines), json.dumps(totals), *([row[n] for row in rows] for n in range(5))],
        )
    except psycopg.Error as error:
        assert error.sqlstate in {"QT422", "23514"}, error  # noqa: PT017 # as above
        return False
    finally:
        owner.rollback()
    return True


@pytest.fixture
def accounts_opened(superuser: psycopg.Connection) -> None:
    """All accounts of the generated lines, opened by hand."""
    for account in CHART:
        superuser.execute("INSERT INTO account_codes VALUES (%s, %s, %s)", [*dict(account).values()])
        for currency in CURRENCIES:
            superuser.execute(
                "INSERT INTO accounts (code, type, normal_side, currency) VALUES (%s, %s, %s, %s)",
                [*dict(account).values(), currency],
            )
    superuser.execute("INSERT INTO balances (account_id) SELECT account_id FROM accounts")


shared_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)


@shared_database
@given(lines=st.lists(generated_lines, max_size=6) | balanced_lines(REAL, MEMO) | balanced_lines(CHART))
def test_all_three_checks_agree(
    application: psycopg.Connection, owner: psycopg.Connection, accounts_opened: None, lines: list[Line]
) -> None:
    """What one of them let through, the next would have to stop: none may be wider or narrower than the rule."""
    entry = unchecked(lines)
    verdicts = {
        "python": python_accepts(entry),
        "function": function_accepts(application, entry),
        "tables": tables_accept(owner, entry),
    }
    assert verdicts == dict.fromkeys(verdicts, balances(lines))


@shared_database
@given(lines=balanced_lines(REAL, MEMO), spoiled=st.integers(0, 10**6), change=st.integers(1, 10**9))
def test_a_balanced_entry_that_is_off_by_anything_is_refused_by_all(
    application: psycopg.Connection,
    owner: psycopg.Connection,
    accounts_opened: None,
    lines: list[Line],
    spoiled: int,
    change: int,
) -> None:
    """One wrong amount, by whatever it is wrong, never gets into the books."""
    place = spoiled % len(lines)
    money = Money(amount_minor=lines[place].money.amount_minor + change, currency=lines[place].money.currency)
    entry = unchecked([*lines[:place], lines[place].model_copy(update={"money": money}), *lines[place + 1 :]])
    assert not python_accepts(entry)
    assert not function_accepts(application, entry)
    assert not tables_accept(owner, entry)


text = st.text(max_size=30)


@shared_database
@given(
    data=st.fixed_dictionaries({"reference": text, "description": text, "actor": text, "reason_code": text | st.none()})
)
async def test_every_header_that_python_takes_is_taken_by_the_database(
    connection: AsyncConnection, data: dict[str, Any]
) -> None:
    """A step must not fail in its last moment because a customer's name has an unusual letter."""
    data["reference"] += f"#{next(references)}"
    try:
        entry = Entry(**(dict(capture()) | data))
    except ValidationError:
        return
    await journal.post(connection, [entry])
    await connection.commit()
    record = await reports.entry_by_reference(connection, entry.reference)
    assert record is not None
    assert record.model_dump(include=set(data)) == data
    assert not (await journal.post(connection, [entry]))[0].is_new


@shared_database
@given(batch=st.lists(balanced_lines(REAL, MEMO), min_size=1, max_size=5))
async def test_whatever_is_posted_the_trial_balance_is_zero(
    connection: AsyncConnection, batch: list[list[Line]]
) -> None:
    """In every currency, debits are credits, at all times; also of the memo accounts by themselves."""
    try:
        await journal.post(connection, [Entry(**dict(unchecked(lines))) for lines in batch])
    except LedgerError as error:  # pragma: no cover # the failure that this test is for
        pytest.fail(f"refused: {error}")
    await connection.commit()
    surplus: Counter[tuple[str, bool]] = Counter()
    for row in await history.trial_balance(connection):
        surplus[row.currency, row.type == "memo"] += row.debit_minor - row.credit_minor
    assert not any(surplus.values())
