"""Posting: once for each reference, all or none, and read back as it was given."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal, posting, reports
from ledger.accounts import Account, AccountType, Side, clearing
from ledger.entries import Entry, credit, debit
from ledger.errors import AccountConflict, InvalidEntry, ReferenceConflict, UnbalancedEntry
from ledger.money import Money
from ledger.reversal_errors import ReversalExceeds
from tests.ledger.samples import HAPPENED, capture, fact, fee, two_currencies, usd


async def test_an_entry_is_read_back_as_it_was_posted(connection: AsyncConnection) -> None:
    """Nothing of a fact is lost on its way into the books."""
    entry = capture().model_copy(update={"reason_code": "late", "description": "naïve 日本 \\ \"' 😀"})
    before = datetime.now(UTC)
    posted = (await journal.post(connection, [entry]))[0]
    await connection.commit()
    record = await reports.entry_by_reference(connection, entry.reference)
    assert record is not None
    names = ("reference", "rule", "description", "event_at", "actor", "charge_id", "operation_id", "reason_code")
    assert [getattr(record, name) for name in names] == [getattr(entry, name) for name in names]
    assert [(line.account, line.side, line.amount_minor, line.currency) for line in record.lines] == [
        ("clearing:stripe", Side.DEBIT, 4999, "USD"),
        ("revenue:sales", Side.CREDIT, 4999, "USD"),
    ]
    assert (posted.entry_id, posted.recorded_at) == (record.entry_id, record.recorded_at)
    assert before - timedelta(seconds=5) < record.recorded_at < datetime.now(UTC) + timedelta(seconds=5)


async def test_the_same_entry_again_returns_the_first(connection: AsyncConnection) -> None:
    """A step that is repeated after a crash finds what it did, and does nothing twice."""
    first = await journal.post(connection, [capture()])
    await connection.commit()
    again = await journal.post(connection, [capture()])
    assert [row.is_new for row in first + again] == [True, False]
    assert again[0].entry_id == first[0].entry_id
    assert again[0].recorded_at == first[0].recorded_at
    assert len(await reports.entries(connection)) == 1


async def test_the_order_of_lines_and_the_time_zone_are_not_content(connection: AsyncConnection) -> None:
    """The same fact written down in another way is the same fact."""
    entry = capture()
    first = await journal.post(connection, [entry])
    elsewhere = HAPPENED.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    other = entry.model_copy(update={"lines": entry.lines[::-1], "event_at": elsewhere})
    assert (await journal.post(connection, [other]))[0].entry_id == first[0].entry_id


OTHER_CONTENT: list[dict[str, Any]] = [
    {"rule": "refunded"},
    {"description": "other"},
    {"event_at": HAPPENED + timedelta(microseconds=1)},
    {"actor": "person:mallory"},
    {"charge_id": "ch_2"},
    {"charge_id": None},
    {"operation_id": "ch_1:capture:2"},
    {"reason_code": "other"},
    {"lines": capture(amount_minor=5000).lines},
    {"lines": posting.captured(fact(invoice="in_1")).lines},
    {"lines": capture().lines * 2},
]


async def test_other_content_under_a_used_reference_is_refused(connection: AsyncConnection) -> None:
    """Two facts that claim one name are a fault that a person must see, not a second entry and not silence."""
    await journal.post(connection, [capture()])
    await connection.commit()
    for change in OTHER_CONTENT:
        with pytest.raises(ReferenceConflict, match="ch_1:capture:1 is already posted with other content"):
            await journal.post(connection, [capture().model_copy(update=change)])
        await connection.rollback()
    assert len(await reports.entries(connection)) == 1


async def test_entries_are_posted_all_or_none(connection: AsyncConnection) -> None:
    """A capture without its fee would be half a step."""
    await journal.post(connection, [capture("ch_1")])
    await connection.commit()
    with pytest.raises(ReferenceConflict, match="ch_1:capture:1"):
        await journal.post(connection, [capture("ch_2"), capture("ch_1", amount_minor=1), fee("ch_2")])
    await connection.commit()
    assert [entry.reference for entry in await reports.entries(connection)] == ["ch_1:capture:1"]


async def test_results_come_in_the_order_given_with_repeats_among_them(connection: AsyncConnection) -> None:
    """Each poster of a batch finds its own result, also where the batch names an entry twice."""
    await journal.post(connection, [capture("ch_2")])
    given = [fee("ch_3"), capture("ch_2"), capture("ch_1"), fee("ch_3")]
    posted = await journal.post(connection, given)
    assert [row.reference for row in posted] == [entry.reference for entry in given]
    assert [row.is_new for row in posted] == [True, False, True, False]
    assert posted[0].entry_id == posted[3].entry_id
    assert len(await reports.entries(connection)) == 3


async def test_one_reference_twice_in_a_batch_with_other_content_is_refused(connection: AsyncConnection) -> None:
    """A batch is no way around the rule."""
    with pytest.raises(ReferenceConflict, match="ch_1:capture:1"):
        await journal.post(connection, [capture(), capture(amount_minor=1)])


async def test_nothing_is_posted_for_nothing(connection: AsyncConnection) -> None:
    """An outcome that moves no money has no entries."""
    assert await journal.post(connection, []) == []


async def test_nothing_stays_of_a_transaction_that_is_given_up(connection: AsyncConnection) -> None:
    """The entry and what it belongs to are written together or not at all."""
    await journal.post(connection, [capture()])
    await connection.rollback()
    assert await reports.entries(connection) == []
    assert (await journal.post(connection, [capture()]))[0].is_new


async def test_currencies_have_accounts_of_their_own(connection: AsyncConnection) -> None:
    """A balance is in one currency."""
    await journal.post(connection, [two_currencies()])
    found = await reports.account_balances(connection, prefix="clearing:")
    assert [(row.account, row.currency, row.balance_minor) for row in found] == [
        ("clearing:stripe", "JPY", 800),
        ("clearing:stripe", "USD", 500),
    ]


@pytest.mark.parametrize(
    "other",
    [
        Account(code="clearing:stripe", type=AccountType.LIABILITY, normal_side=Side.DEBIT),
        Account(code="clearing:stripe", type=AccountType.ASSET, normal_side=Side.CREDIT),
    ],
    ids=["type", "normal side"],
)
@pytest.mark.parametrize("currency", ["USD", "EUR"])
async def test_an_account_keeps_its_type_and_normal_side(
    connection: AsyncConnection, other: Account, currency: str
) -> None:
    """A code that means two things, in whatever currency, would give a balance sheet that means nothing."""
    await journal.post(connection, [capture()])
    await connection.commit()
    money = Money(amount_minor=1, currency=currency)
    lines = debit(other, money), credit(clearing("paypal"), money)
    with pytest.raises(AccountConflict, match="clearing:stripe is in the chart with another type or normal side"):
        await journal.post(connection, [fee().model_copy(update={"lines": lines})])


async def test_an_entry_is_undone_once_and_only_if_it_is_there(connection: AsyncConnection) -> None:
    """Taking an entry back twice would book the opposite of what happened."""
    with pytest.raises(InvalidEntry, match=r"reverses ch_1:capture:1:unknown, which is not posted"):
        await journal.post(connection, [posting.outcome_known(fact())])
    await connection.rollback()
    await journal.post(connection, [posting.outcome_unknown(fact())])
    await journal.post(connection, [posting.outcome_known(fact())])
    await connection.commit()
    record = await reports.entry_by_reference(connection, "ch_1:capture:1:known")
    assert record is not None
    assert record.reverses == "ch_1:capture:1:unknown"
    assert not (await journal.post(connection, [posting.outcome_known(fact())]))[0].is_new
    with pytest.raises(ReversalExceeds, match=r"in entry ch_1:capture:1:unknown, of which 0\.00 USD is left"):
        await journal.post(connection, [posting.outcome_known(fact()).model_copy(update={"reference": "again"})])


async def test_the_database_refuses_what_python_was_tricked_into(connection: AsyncConnection) -> None:
    """The posting function checks for itself, since the application is not its only caller."""
    lines = debit(clearing("stripe"), usd(2)), credit(clearing("paypal"), usd(1))
    entry = capture()
    with pytest.raises(UnbalancedEntry, match="ch_1:capture:1"):
        await journal.post(connection, [entry.model_copy(update={"lines": lines})])
    await connection.rollback()
    with pytest.raises(InvalidEntry, match="1 lines"):
        await journal.post(connection, [entry.model_copy(update={"lines": entry.lines[:1]})])


async def test_a_batch_has_a_limit(connection: AsyncConnection) -> None:
    """One posting cannot hold up the others without end."""
    with pytest.raises(InvalidEntry, match="at most 1000 entries"):
        await journal.post(connection, [capture()] * 1001)


async def test_the_content_hash_can_be_taken_again_from_the_tables(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """What is stored proves what was posted: a verifier needs the tables and nothing else."""
    await journal.post(connection, [capture(), fee(), two_currencies(), posting.outcome_unknown(fact())])
    await journal.post(
        connection, [posting.outcome_known(fact()).model_copy(update={"description": 'é "\\/ 日\u2028'})]
    )
    await connection.commit()
    rows = superuser.execute(
        "SELECT e.content_hash, e.reference, e.rule, e.description, extract(epoch FROM e.event_at)::text, e.charge_id,"
        " e.operation_id, e.actor, e.reason_code, r.reference, (SELECT array_agg(ARRAY[a.code, l.currency, l.side,"
        " l.amount_minor::text]) FROM lines l JOIN accounts a USING (account_id) WHERE l.entry_id = e.entry_id)"
        " FROM entries e LEFT JOIN entries r ON r.entry_id = e.reverses_entry_id"
    ).fetchall()
    assert len(rows) == 5
    for stored, *header, lines in rows:
        content = sorted([code, currency, side, int(amount)] for code, currency, side, amount in lines)
        canonical = json.dumps([*header, content], ensure_ascii=False)
        assert stored == hashlib.sha256(canonical.encode()).digest()


async def test_other_trouble_of_the_database_is_not_taken_for_a_refusal(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """What may pass when it is tried again must not look like what never will."""
    superuser.execute("REVOKE EXECUTE ON FUNCTION post_entries FROM quittance_app")
    with pytest.raises(Exception, match="permission denied") as caught:
        await journal.post(connection, [capture()])
    assert not isinstance(caught.value, InvalidEntry)


async def test_a_posting_is_one_round_trip(connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a step is counted in round trips; many entries cost as many as one."""
    sent: list[str] = []
    await connection.exec_driver_sql("SELECT 1")  # the connection is open and its transaction begun
    execute = psycopg.AsyncCursor.execute

    async def counted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(query))
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    entries: list[Entry] = [capture(), fee(), posting.outcome_unknown(fact())]
    await journal.post(connection, entries)
    assert len(sent) == 1
