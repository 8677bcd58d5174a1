"""What PostgreSQL refuses of adjustments, spoken to as the application's role: there is no way around another person."""

import json
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.adjustment_requests import AdjustmentRequest
from ledger.journal import _content
from tests.ledger.adjustment_samples import (
    BANK,
    EXPIRE,
    POST,
    THRESHOLD_MINOR,
    ask,
    asked,
    entry_with,
    hold_role,
    lose_role,
    pass_time,
    say,
    set_tier,
    two_lines,
    without_guard,
)
from tests.ledger.hostile import went_through
from tests.ledger.samples import capture
from tests.ledger.test_journal_attacks import post as post_entries

SMALL = asked()
LARGE = asked("adj_2", amount_minor=THRESHOLD_MINOR + 1)
OTHER_HASH = "0" * 64


@pytest.fixture(autouse=True)
def people(superuser: psycopg.Connection) -> None:
    """Alice, bob and carol are accountants, and one approval is enough up to 1,000.00 USD."""
    hold_role(superuser, "alice", "bob", "carol")
    set_tier(superuser)


@pytest.fixture
def small(application: psycopg.Connection) -> AdjustmentRequest:
    """A request that one other person may approve."""
    ask(application, SMALL)
    return SMALL


@pytest.fixture
def large(application: psycopg.Connection) -> AdjustmentRequest:
    """A request that two other persons have to approve."""
    ask(application, LARGE)
    return LARGE


def refusal(connection: psycopg.Connection, statement: str, values: Any = ()) -> tuple[str | None, str | None]:
    """What a statement that must fail fails with: the state and the name of the rule."""
    with pytest.raises(psycopg.Error) as refused:  # noqa: PT012 # some rules are checked at the end
        connection.execute(statement.encode(), values)
        connection.commit()
    connection.rollback()
    return refused.value.sqlstate, refused.value.diag.constraint_name


def may_not(connection: psycopg.Connection, request: AdjustmentRequest, person: str, *how: Any) -> str | None:
    """The rule by which a decision is refused."""
    with pytest.raises(psycopg.Error) as refused:
        say(connection, request, person, *how)
    connection.rollback()
    return refused.value.diag.constraint_name


def posted(connection: psycopg.Connection) -> int:
    """How many entries of adjustments there are."""
    [(count,)] = connection.execute("SELECT count(*) FROM entries WHERE rule = 'adjustment'").fetchall()
    connection.commit()
    return int(count)


def test_what_another_person_approved_is_posted_exactly_and_once(
    application: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """The entry is the one that was asked for, under the adjustment's reference; a step that runs again finds it."""
    assert say(application, small, "bob") == "approved"
    [(entry_id, first)] = application.execute(POST, [small.adjustment_id]).fetchall()
    application.commit()
    assert application.execute(POST, [small.adjustment_id]).fetchall() == [(entry_id, False)]
    assert (first, posted(application)) == (True, 1)
    found = application.execute(
        "SELECT reference, rule, description, actor, reason_code, event_at, charge_id FROM entries WHERE entry_id = %s",
        [entry_id],
    ).fetchall()
    entry = small.entry()
    assert found == [
        (entry.reference, "adjustment", entry.description, "person:alice", entry.reason_code, entry.event_at, None)
    ]
    assert ask(application, small) is False


@pytest.mark.parametrize("person", ["alice", "Alice", "ALICE"])
@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_nobody_decides_what_they_asked_for(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest, person: str, verdict: str
) -> None:
    """It is the person who counts: no role, and no other spelling of the name, makes another one of them."""
    hold_role(superuser, person)
    assert may_not(application, small, person, verdict) == "adjustment_is_decided_by_another_person"
    lose_role(superuser, person)
    assert may_not(application, small, person, verdict) == "adjustment_is_decided_by_another_person"


def test_only_who_has_the_role_at_that_moment_decides_or_asks(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """Whoever never had the role, and whoever has lost it, may neither ask nor decide; who gets it may."""
    assert may_not(application, small, "eve") == "adjustment_decider_has_the_role"
    lose_role(superuser, "bob")
    assert may_not(application, small, "bob") == "adjustment_decider_has_the_role"
    with pytest.raises(psycopg.Error, match="eve may not request an adjustment: that needs the role accountant"):
        ask(application, asked("adj_3", requester="eve"))
    application.rollback()
    hold_role(superuser, "eve")
    assert say(application, small, "eve") == "approved"


def test_a_person_counts_once(
    application: psycopg.Connection, superuser: psycopg.Connection, large: AdjustmentRequest
) -> None:
    """Two approvals are two persons: not one twice, not one under two spellings, and not one who changes sides."""
    hold_role(superuser, "Bob")
    assert say(application, large, "bob") == "requested"
    for again in (("bob",), ("Bob",), ("bob", "reject")):
        assert may_not(application, large, *again) == "adjustment_is_decided_once_by_each"
    assert refusal(application, POST, [large.adjustment_id])[1] == "adjustment_follows_its_decisions"
    assert say(application, large, "carol") == "approved"


def test_an_approval_counts_only_while_its_person_has_the_role(
    application: psycopg.Connection, superuser: psycopg.Connection, large: AdjustmentRequest
) -> None:
    """Who loses the role before the last approval has approved nothing: somebody else has to."""
    hold_role(superuser, "dave")
    assert say(application, large, "bob") == "requested"
    lose_role(superuser, "bob")
    assert say(application, large, "carol") == "requested"
    assert say(application, large, "dave") == "approved"


def test_a_role_cannot_be_taken_away_between_the_check_and_the_decision(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """Whoever takes it away waits until the decision is committed: no decision is younger than the end of its role."""
    application.execute(
        "SELECT decide_adjustment('adj_1', 'bob', 'approve', 'x', %s)", [bytes.fromhex(small.entry_hash())]
    )
    superuser.execute("SET lock_timeout = '200ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        lose_role(superuser, "bob")
    application.commit()
    lose_role(superuser, "bob")


def test_nothing_is_decided_after_the_decision_or_the_time(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest, large: AdjustmentRequest
) -> None:
    """A rejection is final, and so is the end of the time, also while nobody has written it down yet."""
    assert say(application, small, "bob", "reject") == "rejected"
    assert may_not(application, small, "carol") == "adjustment_is_open"
    pass_time(superuser, large.adjustment_id, timedelta(days=1))
    assert may_not(application, large, "bob") == "adjustment_is_decided_in_time"
    assert application.execute(EXPIRE, [large.adjustment_id]).fetchall() == [("expired",)]
    application.commit()
    assert may_not(application, large, "bob") == "adjustment_is_open"
    for request in (small, large):
        assert refusal(application, POST, [request.adjustment_id])[1] == "adjustment_follows_its_decisions"
    assert posted(application) == 0


def test_time_is_over_by_the_clock_of_the_database(application: psycopg.Connection) -> None:
    """Nobody ends a request before its time, and it is over to the second."""
    short = asked(valid_seconds=1)
    ask(application, short)
    assert application.execute(EXPIRE, [short.adjustment_id]).fetchall() == [("requested",)]
    application.commit()
    time.sleep(1.05)
    assert may_not(application, short, "bob") == "adjustment_is_decided_in_time"
    assert application.execute(EXPIRE, [short.adjustment_id]).fetchall() == [("expired",)]


def test_an_approval_does_not_last_for_ever(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """What was approved and could not be posted in time is not posted by surprise later."""
    say(application, small, "bob")
    pass_time(superuser, small.adjustment_id, timedelta(days=1))
    assert refusal(application, POST, [small.adjustment_id])[1] == "adjustment_follows_its_decisions"
    assert application.execute(EXPIRE, [small.adjustment_id]).fetchall() == [("expired",)]


def test_a_decision_is_of_the_entry_that_was_frozen(application: psycopg.Connection, small: AdjustmentRequest) -> None:
    """Who has seen something else has approved nothing."""
    assert may_not(application, small, "bob", "approve", OTHER_HASH) == "adjustment_is_decided_as_it_is"


def test_the_same_id_never_stands_for_something_else(application: psycopg.Connection, small: AdjustmentRequest) -> None:
    """A request that comes again is the same one; with other content, or from somebody else, it is refused."""
    assert ask(application, small) is False
    for other in (asked(amount_minor=5001), asked(requester="bob"), asked(evidence="none"), asked(valid_seconds=60)):
        with pytest.raises(psycopg.Error, match="adjustment adj_1 exists with other content") as refused:
            ask(application, other)
        application.rollback()
        assert refused.value.sqlstate == "QT409"


@pytest.mark.parametrize(
    ("entry", "entry_hash", "fault"),
    [
        (SMALL.canonical_entry(), OTHER_HASH, "hash is not"),
        (json.dumps(json.loads(SMALL.canonical_entry())), None, "not written as canonical JSON"),
        (SMALL.canonical_entry().replace('"rule":', '"rule":"x","rule":'), None, "not written as canonical JSON"),
        (entry_with(SMALL, reference="adjustment/other"), None, "not the one of this request"),
        (entry_with(SMALL, actor="person:bob"), None, "not the one of this request"),
        (entry_with(SMALL, reason_code="other"), None, "not the one of this request"),
        (entry_with(SMALL, description="other"), None, "not the one of this request"),
        (entry_with(SMALL, rule="captured"), None, "not the one of this request"),
        (entry_with(SMALL, charge_id="ch_1"), None, "not the one of this request"),
        (entry_with(SMALL, reverses="ch_1:capture:1"), None, "reverses ch_1:capture:1, which is not posted"),
        (entry_with(SMALL, reverses=None), None, "reverses nothing, which is not posted"),
        (entry_with(SMALL, event_at=None), None, "says not when"),
        (entry_with(SMALL, event_at="soon"), None, "cannot be read"),
        (entry_with(SMALL, lines=[]), None, "2 to 200 lines"),
        (entry_with(SMALL, lines=None), None, "cannot be read"),
        (entry_with(SMALL, lines=json.loads(SMALL.canonical_entry())["lines"] * 2), None, None),
        (entry_with(SMALL, lines=json.loads(SMALL.canonical_entry())["lines"][:1] * 2), None, "debits are not"),
        ("not json", None, "cannot be read"),
        ("[]", None, "not the one of this request"),
    ],
)
def test_only_a_sound_entry_of_this_request_is_taken(
    application: psycopg.Connection, entry: str, entry_hash: str | None, fault: str | None
) -> None:
    """What is approved later can be read now, in one way only, and can be posted."""
    if fault is None:
        assert ask(application, SMALL, entry, entry_hash)
        return
    with pytest.raises(psycopg.Error, match=fault) as refused:
        ask(application, SMALL, entry, entry_hash)
    assert refused.value.sqlstate == "QT422"


@pytest.mark.parametrize(
    ("lines", "needed"),
    [
        (two_lines(THRESHOLD_MINOR), 1),
        (two_lines(THRESHOLD_MINOR + 1), 2),
        (two_lines(THRESHOLD_MINOR // 2) + two_lines(THRESHOLD_MINOR // 2 + 1), 2),
        (two_lines(1, "EUR"), 2),
        (two_lines(1) + two_lines(1, "EUR"), 2),
        (two_lines(1) + two_lines(500, "JPY"), 1),
        (two_lines(1) + two_lines(501, "JPY"), 2),
        (two_lines(1, "GBP"), 2),
    ],
)
def test_the_amount_says_how_many_have_to_approve(
    application: psycopg.Connection, superuser: psycopg.Connection, lines: Any, needed: int
) -> None:
    """The database counts by its own amounts, currency by currency; one that it does not list, or no more, needs two."""
    set_tier(superuser, "JPY", 500)
    set_tier(superuser, "GBP", 500)
    set_tier(superuser, "GBP", None)
    ask(application, asked(lines=lines))
    [(found, tier)] = application.execute("SELECT approvals_needed, tier FROM adjustments").fetchall()
    assert found == needed
    assert set(tier) == {line.money.currency for line in lines}


def test_the_journal_takes_no_adjustment_past_its_approval(
    application: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """Not by its rule, not by its reference, not the very entry before or after it was approved or posted."""
    forged = [
        json.loads(small.canonical_entry()),
        json.loads(entry_with(small, rule="captured")),
        json.loads(entry_with(small, reference="ch_1:capture:1")),
        json.loads(entry_with(small, reference="adjustment/adj_9")),
    ]

    def try_all() -> None:
        for entry in forged:
            with pytest.raises(psycopg.Error, match="posted by its own approval only") as refused:
                post_entries(application, entry)
            application.rollback()
            assert (refused.value.sqlstate, refused.value.diag.constraint_name) == ("QT422", "adjustment_is_approved")

    try_all()
    say(application, small, "bob")
    try_all()
    application.execute(POST, [small.adjustment_id])
    application.commit()
    try_all()
    assert posted(application) == 1


def test_a_posting_that_was_begun_and_undone_opens_no_door(
    application: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """Within one transaction, what was rolled back to a savepoint leaves nothing that another entry could slip in by."""
    say(application, small, "bob")
    application.execute("SAVEPOINT before")
    application.execute(POST, [small.adjustment_id])
    application.execute("ROLLBACK TO before")
    with pytest.raises(psycopg.Error, match="posted by its own approval only"):
        post_entries(application, json.loads(small.canonical_entry()))
    application.rollback()
    assert posted(application) == 0


def test_what_was_changed_after_the_request_is_not_posted(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest, large: AdjustmentRequest
) -> None:
    """Even who turns the guards off and writes another entry, and its hash, gets it neither approved nor posted."""
    say(application, small, "bob")
    for entry, table_hash in ((entry_with(small, event_at="2026-02-01T00:00:00Z"), False), (entry_with(small), True)):
        changed = entry.replace("5000", "9000")
        with without_guard(superuser, "adjustments", "adjustment_follows_its_decisions"):
            superuser.execute(
                "UPDATE adjustments SET entry = %s, entry_hash = CASE WHEN %s THEN sha256(%s) ELSE entry_hash END"
                " WHERE adjustment_id = %s",
                [changed, table_hash, changed.encode(), small.adjustment_id],
            )
        assert refusal(application, POST, [small.adjustment_id])[1] == "adjustment_follows_its_decisions"
    with without_guard(superuser, "adjustments", "adjustment_follows_its_decisions"):
        superuser.execute("UPDATE adjustments SET entry = %s WHERE adjustment_id = 'adj_2'", [entry_with(small)])
    assert may_not(application, large, "bob") == "adjustment_is_decided_as_it_is"
    assert posted(application) == 0


@pytest.mark.parametrize(
    "tampered",
    [
        """jsonb_set(given, '{0,description}', '"other"')""",
        """jsonb_set(given, '{0,event_at}', '"2026-02-01T00:00:00Z"')""",
        """jsonb_set(given, '{0,charge_id}', '"ch_1"')""",
        "replace(given::text, '5000', '5001')::jsonb",
        "replace(given::text, 'receivable:cus_1', 'receivable:cus_2')::jsonb",
    ],
)
def test_the_entry_that_is_posted_is_held_against_the_one_that_was_approved(
    application: psycopg.Connection, superuser: psycopg.Connection, small: AdjustmentRequest, tampered: str
) -> None:
    """When the transaction ends: a posting function that writes anything else than it is given posts no adjustment."""
    say(application, small, "bob")
    [(result,)] = superuser.execute("SELECT pg_get_function_result('post_entries'::regproc)").fetchall()
    superuser.execute("ALTER FUNCTION public.post_entries(jsonb) RENAME TO post_what_is_given")
    superuser.execute(
        f"CREATE FUNCTION public.post_entries(given jsonb) RETURNS {result} LANGUAGE sql AS $$"  # noqa: S608 # as above
        f" SELECT * FROM public.post_what_is_given({tampered}) $$".encode()
    )
    assert refusal(application, POST, [small.adjustment_id]) == ("QT422", "adjustment_is_posted_as_approved")
    assert posted(application) == 0


CHANGES = [
    "INSERT INTO adjustments (adjustment_id) VALUES ('x')",
    "UPDATE adjustments SET state = 'approved'",
    "UPDATE adjustments SET requester = 'eve'",
    "DELETE FROM adjustments",
    "TRUNCATE adjustments CASCADE",
    "INSERT INTO adjustment_decisions VALUES ('adj_1', 'bob', 'approve', 'x', '', now())",
    "UPDATE adjustment_decisions SET person = 'carol'",
    "DELETE FROM adjustment_decisions",
    "TRUNCATE adjustment_decisions",
    "INSERT INTO adjustment_tiers (currency, one_approval_up_to_minor) VALUES ('EUR', 1000000000)",
    "UPDATE adjustment_tiers SET one_approval_up_to_minor = 1000000000",
    "DELETE FROM adjustment_tiers",
    "INSERT INTO people_roles (person, role) VALUES ('eve', 'accountant')",
    "UPDATE people_roles SET person = 'eve'",
    "SELECT * FROM adjustments FOR UPDATE",
    "SELECT adjustment_approvals(a) FROM adjustments a",
    "SELECT same_adjustment('adj_1', 'alice', '', 1)",
    "SELECT canonical_json('{}')",
]


def test_the_application_has_the_four_functions_and_nothing_else(
    application: psycopg.Connection, small: AdjustmentRequest
) -> None:
    """With its password nobody writes a request, a decision, a threshold or a role past them."""
    say(application, small, "bob")
    assert went_through(application, CHANGES) == []


OWNERS_CHANGES = [
    "UPDATE adjustments SET entry = '{}'",
    "UPDATE adjustments SET requester = 'bob'",
    "UPDATE adjustments SET approvals_needed = 1, tier = '{}'",
    "UPDATE adjustments SET expires_at = now() + interval '1 year'",
    "UPDATE adjustments SET state = 'approved' WHERE state = 'requested'",
    "UPDATE adjustments SET state = 'rejected' WHERE state = 'requested'",
    "UPDATE adjustments SET state = 'expired'",
    "UPDATE adjustments SET state = 'posted', posted_entry_id = 1",
    "UPDATE adjustments SET state = 'requested' WHERE state <> 'requested'",
    "UPDATE adjustments SET posting_transaction = pg_current_xact_id() WHERE state = 'requested'",
    "DELETE FROM adjustments",
    "TRUNCATE adjustments CASCADE",
    "INSERT INTO adjustment_decisions VALUES ('adj_2', 'alice', 'approve', 'x', '', now())",
    "INSERT INTO adjustment_decisions VALUES ('adj_2', 'eve', 'approve', 'x', '', now())",
    "INSERT INTO adjustment_decisions VALUES ('adj_2', 'carol', 'approve', 'x', '', now())",
    "UPDATE adjustment_decisions SET person = 'carol'",
    "DELETE FROM adjustment_decisions",
    "TRUNCATE adjustment_decisions",
    "DELETE FROM adjustment_tiers",
    "UPDATE adjustment_tiers SET one_approval_up_to_minor = 1",
]


@pytest.mark.parametrize("replica", [False, True])
def test_not_even_the_owner_changes_what_was_asked_or_decided(
    application: psycopg.Connection,
    superuser: psycopg.Connection,
    small: AdjustmentRequest,
    large: AdjustmentRequest,
    *,
    replica: bool,
) -> None:
    """The checks are in the tables, not in the functions: they hold for whoever writes, also past triggers turned off."""
    post_entries(application, json.loads(entry_with(small, rule="captured", reference="entry_1", lines=_bank())))
    application.commit()
    say(application, small, "bob")
    if replica:
        superuser.execute("SET session_replication_role = replica")
    assert went_through(superuser, OWNERS_CHANGES) == []


def _bank() -> list[dict[str, Any]]:
    fields = {"code": BANK.code, "type": BANK.type, "normal_side": BANK.normal_side, "amount_minor": 1}
    return [{**fields, "currency": "USD", "side": side} for side in ("debit", "credit")]


def test_other_postings_are_as_they_were(application: psycopg.Connection) -> None:
    """What is no adjustment is posted as before."""
    assert post_entries(application, _content(capture()))
