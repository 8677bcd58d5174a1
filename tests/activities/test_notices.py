"""Notices leave the house at most once, whatever dies or refuses on the way, and the books say what became of each."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.notices import NO_ADDRESS
from billing import customers, invoice_books, notice_books
from billing.dunning.notice_ladder import Channel, Template
from billing.notice_books import LOST, LOST_AFTER, NoticeState
from billing.notices.rendering import Templates
from ledger.database import create_engine
from tests.activities.mail_server import MailServer, mail_server
from tests.activities.told_customers import DUE_AT, EMAIL, KEY, Told, post_to, reminder
from tests.billing.owed_samples import ALICE
from tests.conftest import Database

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def books(database: Database) -> AsyncIterator[Told]:
    """Books of the application's role."""
    engine = create_engine(database.app_url, 10)
    yield Told(engine)
    await engine.dispose()


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server."""
    async with mail_server() as running:
        yield running


async def test_a_reminder_is_mailed_once_and_told(books: Told, server: MailServer) -> None:
    """The customer has it once, and the merchant's systems know of it, with no name and no address."""
    await books.owing(locale="de-AT")
    notices = books.notices(post_to(server))
    assert await books.send(notices) == ("sent", None)
    assert await books.send(notices) == ("done_before", None)
    [message] = server.messages
    assert str(message["Subject"]).replace("\N{NO-BREAK SPACE}", " ") == "Erinnerung: $ 19,00 sind noch offen"
    assert message["Message-ID"].endswith("@example.com>")
    [(kind, body)] = await books.told()
    assert (kind, body["notice"], body["channel"], body["facts"]["amount"]["amount_minor"]) == (
        "notice.sent",
        KEY,
        "email",
        1900,
    )
    assert "Ada" not in str(body)
    assert EMAIL not in str(body)
    row = await books.row()
    assert row is not None
    assert row.state_at(DUE_AT) is NoticeState.SENT


async def test_two_workers_send_it_once(books: Told, server: MailServer) -> None:
    """Whichever worker claims it sends it; the others see that, or look again."""
    await books.owing()
    many = [books.notices(post_to(server)) for _ in range(4)]
    found = await asyncio.gather(*(books.send(notices) for notices in many), return_exceptions=True)
    told = [str(each) if isinstance(each, BaseException) else each[0] for each in found]
    assert set(told) <= {"sent", "done_before", UNSETTLED}
    assert told.count("sent") == 1
    assert len(server.messages) == 1


UNSETTLED = f"NoticeUnderWay: notice/invoice/in_1:{KEY} is claimed, and not settled"
KILLED = """
import asyncio, sys
from datetime import datetime
from activities.mailer import Mailer
from ledger.database import create_engine
from tests.activities.told_customers import SENDER, Told, post_of

async def main():
    books = Told(create_engine(sys.argv[1], 2))
    await books.send(books.notices(post_of(sys.argv[2], SENDER, None)))

asyncio.run(main())
"""


async def test_a_worker_killed_between_claim_and_send_loses_it_and_that_shows(
    books: Told, server: MailServer, database: Database
) -> None:
    """It is lost rather than doubled: the next one does not send it, and says so in the books and to the merchant."""
    await books.owing()
    server.pauses_at = "MAIL"
    server.pause.clear()
    child = subprocess.Popen([sys.executable, "-c", KILLED, database.app_url, server.url], cwd=ROOT)  # noqa: ASYNC220
    try:
        async with asyncio.timeout(60):
            await server.has_paused.wait()
    finally:
        child.kill()
        child.wait()
    server.pause.set()
    row = await books.row()
    assert row is not None
    assert row.state_at(DUE_AT + timedelta(minutes=1)) is NoticeState.UNDER_WAY
    notices, later = books.notices(post_to(server)), DUE_AT + timedelta(minutes=1) + LOST_AFTER
    assert row.state_at(later) is NoticeState.LOST
    with pytest.raises(ApplicationError, match=UNSETTLED) as refused:
        await books.send(notices)
    assert (refused.value.non_retryable, refused.value.next_retry_delay) == (False, LOST_AFTER)
    assert await books.send(notices, at=later) == ("failed", LOST)
    assert await books.send(notices, at=later) == ("done_before", None)
    assert server.messages == []
    assert [(kind, body["why"]) for kind, body in await books.told()] == [("notice.failed", LOST)]


async def test_what_a_server_refuses_for_now_is_tried_again(books: Told, server: MailServer) -> None:
    """Nothing has left the house: the claim is given back, and the same notice goes out by the next try."""
    await books.owing()
    notices = books.notices(post_to(server))
    server.answers["RCPT"] = "451 4.7.1 greylisted"
    with pytest.raises(ApplicationError, match=r"does not take it now \(451 4\.7\.1\)") as refused:
        await books.send(notices)
    assert not refused.value.non_retryable
    row = await books.row()
    assert row is not None
    assert row.state_at(DUE_AT) is NoticeState.WAITING
    assert await books.told() == []
    del server.answers["RCPT"]
    assert await books.send(notices) == ("sent", None)
    assert len(server.messages) == 1


async def test_a_server_that_is_not_there_is_waited_for(books: Told) -> None:
    """An outage of the mail server loses nothing."""
    await books.owing()
    async with mail_server() as gone:
        pass
    with pytest.raises(ApplicationError, match="fell silent"):
        await books.send(books.notices(post_to(gone)))
    async with mail_server() as server:
        assert await books.send(books.notices(post_to(server))) == ("sent", None)


async def test_a_refusal_for_good_is_written_down(books: Told, server: MailServer) -> None:
    """An address that does not exist is not tried again; the reason in the books does not repeat it."""
    await books.owing()
    server.answers["RCPT"] = f"550 5.1.1 {EMAIL} is unknown"
    notices = books.notices(post_to(server))
    outcome, why = await books.send(notices)
    assert (outcome, why) == ("failed", f"the mail server 127.0.0.1:{server.port} refused it (550 5.1.1)")
    assert await books.send(notices) == ("done_before", None)
    assert server.connections == 1
    assert [kind for kind, _ in await books.told()] == ["notice.failed"]


async def test_a_server_that_hangs_up_in_the_text_does_not_get_it_again(books: Told, server: MailServer) -> None:
    """It may have taken it: the customer is not told twice, and the books say that nobody knows."""
    await books.owing()
    server.hangs_up_at = "DATA"
    notices = books.notices(post_to(server))
    outcome, why = await books.send(notices)
    assert outcome == "failed"
    assert why is not None
    assert why.endswith("may have gone out")
    server.hangs_up_at = None
    assert await books.send(notices) == ("done_before", None)
    assert server.connections == 1


async def test_a_customer_who_cannot_be_reached_is_written_down(books: Told, server: MailServer) -> None:
    """A contact that was erased gets nothing, ever; the merchant learns of it."""
    await books.owing()
    await books.step(lambda connection: customers.erase_contact(connection, "cus_1", actor=ALICE))
    notices = books.notices(post_to(server))
    assert await books.send(notices) == ("failed", NO_ADDRESS)
    assert await books.send(notices) == ("done_before", None)
    assert server.connections == 0
    assert [(kind, body["why"]) for kind, body in await books.told()] == [("notice.failed", NO_ADDRESS)]


@pytest.mark.parametrize("channel", list(Channel))
async def test_without_a_mail_server_notices_are_told(books: Told, channel: Channel) -> None:
    """The merchant's own systems get the facts, and tell the customer."""
    await books.owing()
    assert await books.send(books.notices(None), reminder(channel=channel)) == ("told", None)
    [(kind, body)] = await books.told()
    assert (kind, body["template"], body["facts"]["cause"]) == ("notice.due", "reminder", "not_approved")


async def test_the_channel_event_needs_no_address(books: Told, server: MailServer) -> None:
    """What a policy gives to the merchant's systems goes to no mail server."""
    await books.owing(email=None)
    assert await books.send(books.notices(post_to(server)), reminder(channel=Channel.EVENT)) == ("told", None)
    assert server.connections == 0


async def test_what_was_paid_meanwhile_is_not_reminded_of(books: Told, server: MailServer) -> None:
    """A reminder that waited for its mail server is looked at again before it goes."""
    await books.owing()
    await books.pay(1900)
    assert await books.send(books.notices(post_to(server))) == ("outdated", None)
    assert server.connections == 0
    assert await books.row() is None


async def test_a_void_invoice_is_not_reminded_of(books: Told, server: MailServer) -> None:
    """What is called off is owed no more."""
    await books.owing()
    await books.step(lambda connection: invoice_books.void(connection, "in_1", actor=ALICE, because="mistake"))
    assert await books.send(books.notices(post_to(server))) == ("outdated", None)


async def test_a_link_comes_with_what_is_owed(books: Told, server: MailServer) -> None:
    """One is made for what is sent, and is in no event."""
    await books.owing()
    made = []

    async def link(invoice_id: str, _now: datetime) -> str | None:
        made.append(invoice_id)
        return f"https://pay.example.com/pay/{invoice_id}-token"

    notices = books.notices(post_to(server), link)
    assert await books.send(notices) == ("sent", None)
    assert await books.send(notices) == ("done_before", None)
    assert made == ["in_1"]
    body = server.messages[0].get_body(("plain",))
    assert body is not None
    assert "https://pay.example.com/pay/in_1-token" in body.get_content()
    assert "token" not in str(await books.told())


async def test_templates_that_cannot_be_written_claim_nothing(books: Told, server: MailServer, tmp_path: Path) -> None:
    """The notice goes out once they are mended."""
    await books.owing()
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "reminder.txt").write_text("{{ amount.nothing }}\n\ntext\n")
    with pytest.raises(ApplicationError, match=r"reminder cannot be written.*see `dunning notice check`"):
        await books.send(books.notices(post_to(server), templates=Templates(tmp_path)))
    assert await books.row() is None
    assert await books.send(books.notices(post_to(server))) == ("sent", None)


async def test_a_notice_of_an_invoice_that_nobody_recovers_is_refused(books: Told) -> None:
    """A mistake of the caller's is not tried again."""
    await books.owing()
    with pytest.raises(ApplicationError) as refused:
        await books.send(books.notices(None), reminder(invoice_id="in_9"))
    assert refused.value.non_retryable


async def test_a_settled_notice_stays_so(books: Told) -> None:
    """Nothing takes back what was told."""
    await books.owing()
    row = notice_books.of_invoice("in_1", KEY)
    asked: dict[str, Any] = {"template": Template.REMINDER, "channel": Channel.EMAIL, "due_at": DUE_AT, "now": DUE_AT}
    await books.step(lambda connection: notice_books.claim(connection, row, **asked))
    assert await books.step(lambda connection: notice_books.sent(connection, row, now=DUE_AT))
    assert not await books.step(lambda connection: notice_books.failed(connection, row, because="x", now=DUE_AT))
    await books.step(lambda connection: notice_books.release(connection, row))
    found = await books.row()
    assert found is not None
    assert (found.sent_at, found.failed_at) == (DUE_AT, None)
