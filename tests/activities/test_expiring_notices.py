"""Cards that expire are told of before anything fails: once for each step and month, whoever asks."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from activities.dunning_messages import NoticeToSend
from billing import expiring_methods, methods, notice_books, subscription_books
from billing.dunning.notice_ladder import Channel, Template
from billing.expiring_methods import ExpiringNotice, ExpiringNotices
from ledger.database import create_engine
from tests.activities.mail_server import MailServer, mail_server
from tests.activities.told_customers import POLICIES, Told, post_to, run_at
from tests.billing.owed_samples import ALICE
from tests.conftest import Database

ENDS_ON = date(2031, 12, 31)
STEP_30 = datetime(2031, 12, 2, 9, tzinfo=UTC)
STEP_7 = datetime(2031, 12, 25, 9, tzinfo=UTC)
KEY_30, KEY_7 = (f"card_expiring.days_before_expiry.{days}/2031-12" for days in (30, 7))


@pytest.fixture
async def books(database: Database) -> AsyncIterator[Told]:
    """A customer who owes something, and subscribes to a plan with a card of 12/2031."""
    engine = create_engine(database.app_url, 10)
    books = Told(engine)
    await books.owing(expires_on=ENDS_ON)
    await books.subscribe()
    yield books
    await engine.dispose()


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server."""
    async with mail_server() as running:
        yield running


async def asked(books: Told, at: datetime, subscription_id: str = "sub_1") -> ExpiringNotices:
    """Ask what is due, as the subscription's process does when it looks."""
    return await books.step(
        lambda connection: expiring_methods.expiring_notices(connection, subscription_id, POLICIES.at(at), at)
    )


async def send(books: Told, server: MailServer, notice: ExpiringNotice, at: datetime) -> str:
    """Send it; what became of it."""
    result = await run_at(at, books.notices(post_to(server)).send_expiring_notice, notice)
    return str(result.outcome)


async def test_each_step_is_told_once(books: Told, server: MailServer) -> None:
    """The process learns when to look again, and sends each step of the ladder in its time."""
    before = await asked(books, STEP_30 - timedelta(seconds=1))
    assert (before.due, before.next_at) == ((), STEP_30)
    found = await asked(books, STEP_30)
    assert [(notice.key, notice.method_id, notice.due_at) for notice in found.due] == [(KEY_30, "pm_1", STEP_30)]
    assert found.next_at == STEP_7
    assert await send(books, server, found.due[0], STEP_30) == "sent"
    assert await send(books, server, found.due[0], STEP_30) == "done_before"
    assert (await asked(books, STEP_30)).due == ()
    last = await asked(books, STEP_7)
    assert ([notice.key for notice in last.due], last.next_at) == ([KEY_7], None)
    [message] = server.messages
    body = message.get_body(("plain",))
    assert body is not None
    assert "your Visa card (valid until December 2031)" in body.get_content()
    [(kind, told)] = await books.told()
    assert (kind, told["method"], told["facts"]["card"]) == (
        "notice.sent",
        "pm_1",
        {"brand": "visa", "expires": "2031-12-01"},
    )


async def test_of_several_that_came_due_together_only_the_newest_is_sent(books: Told) -> None:
    """Whoever was not told in time is told once."""
    assert [notice.key for notice in (await asked(books, STEP_7)).due] == [KEY_7]


async def test_a_card_that_is_over_is_not_said_to_expire(books: Told) -> None:
    """It has expired; that is what a decline tells."""
    assert await asked(books, datetime(2032, 1, 1, tzinfo=UTC)) == ExpiringNotices()


async def test_two_subscriptions_tell_of_one_card_once(books: Told, server: MailServer) -> None:
    """The customer has one card, and is told of it once."""
    await books.subscribe("sub_2")
    [first], [second] = [(await asked(books, STEP_30, name)).due for name in ("sub_1", "sub_2")]
    assert await send(books, server, first, STEP_30) == "sent"
    assert await send(books, server, second, STEP_30) == "done_before"
    assert len(server.messages) == 1


async def test_a_dunning_does_not_tell_of_it_again(books: Told, server: MailServer) -> None:
    """The ladder of an unpaid invoice has the same step: whichever comes first is the only one."""
    [notice] = (await asked(books, STEP_30)).due
    assert await send(books, server, notice, STEP_30) == "sent"
    same = NoticeToSend(
        invoice_id="in_1",
        key="card_expiring.days_before_expiry.30",
        template=Template.CARD_EXPIRING,
        channel=Channel.EMAIL,
        due_at=STEP_30,
        why="30 days before the expiry",
    )
    outcome, _ = await books.send(books.notices(post_to(server)), same, at=STEP_30)
    assert outcome == "done_before"
    assert len(server.messages) == 1


async def test_a_subscription_does_not_tell_what_a_dunning_told(books: Told, server: MailServer) -> None:
    """The same the other way round."""
    [notice] = (await asked(books, STEP_30)).due
    same = NoticeToSend(
        invoice_id="in_1",
        key="card_expiring.days_before_expiry.30",
        template=Template.CARD_EXPIRING,
        channel=Channel.EMAIL,
        due_at=STEP_30,
        why="30 days before the expiry",
    )
    assert (await books.send(books.notices(post_to(server)), same, at=STEP_30))[0] == "sent"
    assert await send(books, server, notice, STEP_30) == "done_before"
    assert (await asked(books, STEP_30)).due == ()
    row = await books.row(notice_books.of_method("pm_1", KEY_30))
    assert row is not None
    assert row.sent_at == STEP_30


async def test_another_card_in_front_ends_it(books: Told, server: MailServer) -> None:
    """What the customer has put right meanwhile is not asked for."""
    [notice] = (await asked(books, STEP_30)).due
    await books.card("pm_2", date(2035, 12, 31))
    await books.step(lambda connection: methods.prefer(connection, "pm_2"))
    assert await send(books, server, notice, STEP_30) == "outdated"
    assert await asked(books, STEP_30) == ExpiringNotices(next_at=datetime(2035, 12, 2, 9, tzinfo=UTC))


async def test_a_subscription_that_is_over_tells_nothing(books: Told) -> None:
    """Nobody is asked for a card that nothing will be paid with."""
    await books.step(
        lambda connection: subscription_books.cancel(
            connection, "sub_1", at_period_end=False, now=STEP_30, actor=ALICE, because="asked for"
        )
    )
    assert await asked(books, STEP_30) == ExpiringNotices()


async def test_a_card_without_an_end_tells_nothing(books: Told) -> None:
    """Wallets have none."""
    await books.card("pm_2", None)
    await books.step(lambda connection: methods.prefer(connection, "pm_2"))
    assert await asked(books, STEP_30) == ExpiringNotices()
