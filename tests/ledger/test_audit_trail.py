"""The audit trail: everything that somebody did is in it once, with who, when, why and from what."""

from datetime import UTC, datetime, timedelta

import psycopg
from hypothesis import given
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import audit_trail, journal, posting
from ledger.accounts import Account, AccountType, Side
from ledger.entries import Entry
from ledger.moments import Span
from tests.ledger import pasts
from tests.ledger.adjustment_samples import POST, ask, asked, hold_role, say, set_tier
from tests.ledger.months import appoint
from tests.ledger.pasts import line, many_pasts
from tests.ledger.samples import capture, fact

WALLET = Account(code="wallet:user:alice", type=AccountType.LIABILITY, normal_side=Side.CREDIT)


@many_pasts
@given(batches=pasts.postings())
async def test_every_entry_is_in_it_once_in_the_order_of_recording(
    connection: AsyncConnection, batches: list[list[Entry]]
) -> None:
    """Streamed or listed, of all time or of a part, nothing is left out and nothing comes twice."""
    past = await pasts.post(connection, batches)
    posted = list(dict.fromkeys((each.recorded_at, each.reference) for each in past.lines))
    streamed = [event async for event in audit_trail.stream(connection, Span())]
    assert [(event.at, event.subject) for event in streamed] == sorted(posted)
    assert await audit_trail.events(connection, Span()) == (streamed, False)
    last, has_earlier = await audit_trail.events(connection, Span(), limit=2)
    assert (last, has_earlier) == (streamed[-2:], len(streamed) > 2)
    first = past.recordings[len(past.recordings) // 2]
    part, _ = await audit_trail.events(connection, Span(first=first))
    assert part == [event for event in streamed if first is None or event.at >= first]


async def test_what_people_do_to_accounts_is_in_it(connection: AsyncConnection) -> None:
    """Freezing, limits and holds are told with who did it and why, beside the entries."""
    bank = pasts.CHART[1]
    paid_in = pasts.entry("paid_in", 1, [line(bank, Side.DEBIT, 900), line(WALLET, Side.CREDIT, 900)])
    await pasts.post(connection, [[paid_in]])
    expires = datetime.now(UTC) + timedelta(days=1)
    held = {"expires": expires}
    for call in (
        "place_hold('h_1', 'wallet:user:alice', 'USD', 400, :expires, 'person:bob', 'a booking')",
        "end_hold('h_1', 'voided', NULL, 'person:carol', 'called off')",
        "change_account('wallet:user:alice', 'USD', 'frozen', NULL, 'person:dora', 'looks stolen')",
    ):
        await connection.execute(text(f"SELECT {call}"), held if ":expires" in call else {})
    events, _ = await audit_trail.events(connection, Span())
    assert [(event.what, event.actor, event.subject, event.detail, event.reason) for event in events] == [
        ("entry_posted", "person:alice", "paid_in", "entry paid_in", None),
        ("hold_placed", "person:bob", "h_1", "400 minor units of wallet:user:alice USD", "a booking"),
        ("hold_ended", "person:carol", "h_1", "voided, with 0 of 400 minor units", "called off"),
        (
            "account_changed",
            "person:dora",
            "wallet:user:alice USD",
            "frozen, may fall to 0 minor units",
            "looks stolen",
        ),
    ]
    of_bob, _ = await audit_trail.events(connection, Span(), actor="person:bob")
    assert of_bob == [events[1]]


async def test_adjustments_and_periods_are_in_it(connection: AsyncConnection, superuser: psycopg.Connection) -> None:
    """Who asked, who approved and what was posted of it stand beside each other, as does who closed which period."""
    hold_role(superuser, "alice", "bob")
    set_tier(superuser)
    request = asked()
    ask(superuser, request)
    say(superuser, request, "bob")
    superuser.execute(POST, ["adj_1"])
    appoint(superuser, closer="carol", accountant="alice bob")
    [(first,)] = superuser.execute("SELECT min(name) FROM periods").fetchall()
    superuser.execute("SELECT close_period(%s, 'carol', 'all is booked')", [first])
    events, _ = await audit_trail.events(connection, Span())
    assert [(event.what, event.actor, event.subject) for event in events if event.what != "entry_posted"] == [
        ("adjustment_requested", "person:alice", "adj_1"),
        ("adjustment_approved", "person:bob", "adj_1"),
        ("period_changed", "person:carol", first),
    ]
    [posted] = [event for event in events if event.what == "entry_posted"]
    assert posted.subject == "adjustment/adj_1"
    by_what = {event.what: event for event in events}
    assert by_what["adjustment_requested"].reason == "write_off: the customer is bankrupt"
    assert by_what["adjustment_approved"].reason == "looked at it"
    assert by_what["period_changed"].detail == "open to closed"


async def test_an_entry_and_what_undoes_it_are_linked_both_ways(connection: AsyncConnection) -> None:
    """From either of the two an auditor comes to the other."""
    await journal.post(connection, [posting.outcome_unknown(fact())])
    await journal.post(connection, [posting.outcome_known(fact())])
    (unknown, known), _ = await audit_trail.events(connection, Span())
    assert (unknown.reversed_by, known.reverses) == ((known.subject,), unknown.subject)
    assert (unknown.reverses, known.reversed_by) == (None, ())


async def test_nothing_is_listed_without_end(connection: AsyncConnection) -> None:
    """A list has a page; the stream has no end of its own."""
    for begin in (0, 1000):
        await journal.post(connection, [capture(f"ch_{number}") for number in range(begin, begin + 600)])
    events, has_earlier = await audit_trail.events(connection, Span(), limit=10**9)
    assert (len(events), has_earlier) == (audit_trail.MAX_LISTED, True)
    assert len([event async for event in audit_trail.stream(connection, Span())]) == 1200


def test_the_views_show_no_more_than_their_reader_may_see(superuser: psycopg.Connection) -> None:
    """A view runs with its owner's rights unless that is said: a reader of a view must not see more than of the tables."""
    [views] = superuser.execute(
        "SELECT array_agg(relname::text ORDER BY relname) FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' AND 'security_invoker=true' = ANY (reloptions)"
    ).fetchall()
    assert {"account_log", "audit_events", "entry_origins"} <= set(views[0])
