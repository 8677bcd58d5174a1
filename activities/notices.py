"""Notices to customers: each is claimed, then sent by mail or told as an event, then settled; at most once.

The claim is committed before the message leaves. What a server did not take gives it back, and the step is tried again; whoever
ends on the way has lost the notice rather than doubled it, and the books say so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final

import structlog
from jinja2 import TemplateError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.database_errors import translated
from activities.dunning_messages import NoticeToSend
from activities.mailer import SENDING_SECONDS, MailRefused, MailSent, MailServerAway, MailUnknown
from activities.post import Post
from billing import expiring_methods, notice_books, notice_reading, wanted_notice
from billing.dunning.notice_ladder import Channel, Template
from billing.dunning.policy import Policies
from billing.expiring_methods import ExpiringNotice
from billing.notice_books import LOST_AFTER
from billing.notices.errors import AddressFault, TemplateFault
from billing.notices.mail import message_of
from billing.notices.rendering import Templates
from billing.wanted_notice import NoticeResult, Outcome, WantedNotice
from ledger.database import Connection, Database

log = structlog.get_logger()

NO_ADDRESS: Final = "the customer has no e-mail address, or it was erased"
START_TO_CLOSE: Final = timedelta(seconds=2 * SENDING_SECONDS)
"""For whoever calls these steps: longer than sending takes, and than `notice_books.LOST_AFTER`."""

LinkFor = Callable[[str, datetime], Awaitable[str | None]]
"""Makes the link by which the customer of an invoice pays; None where there is none."""


class Notices:
    """Activities; without `post` no mail goes out, and notices are told as events only."""

    def __init__(
        self,
        engine: Database,
        templates: Templates,
        policies: Policies,
        post: Post | None = None,
        link_for: LinkFor | None = None,
    ) -> None:
        self._engine = engine
        self._templates = templates
        self._policies = policies
        self._post = post
        self._link_for = link_for
        if post is None:
            log.info("notices.not_mailed", remedy="set SMTP_URL and NOTICE_FROM")

    @activity.defn(name="send_notice")
    @translated
    async def send_notice(self, notice: NoticeToSend) -> NoticeResult:
        """Send a notice of a dunning, unless it is out of date, or another worker has it."""
        now = activity.info().started_time
        return await _shielded(self._send(lambda books: self._of_invoice(books, notice, now), now))

    @activity.defn(name="send_expiring_notice")
    @translated
    async def send_expiring_notice(self, notice: ExpiringNotice) -> NoticeResult:
        """Send a notice of a card that expires."""
        now = activity.info().started_time
        return await _shielded(self._send(lambda books: self._of_method(books, notice, now), now))

    @property
    def _merchant(self) -> str:
        return self._post.sender.merchant if self._post else ""

    async def _of_invoice(self, connection: Connection, notice: NoticeToSend, now: datetime) -> WantedNotice:
        telling = await notice_reading.of_invoice(
            connection, notice.invoice_id, notice.key, notice.template, merchant=self._merchant, now=now
        )
        also = None
        if notice.template is Template.CARD_EXPIRING:
            also = await expiring_methods.row_of_first(connection, telling.customer_id, notice.key)
        row = notice_books.of_invoice(notice.invoice_id, notice.key)
        return WantedNotice(row, notice.template, notice.channel, notice.due_at, telling, also)

    async def _of_method(self, connection: Connection, notice: ExpiringNotice, now: datetime) -> WantedNotice:
        edition = self._policies.at(now)
        telling = await expiring_methods.telling(connection, notice, edition, merchant=self._merchant)
        row = notice_books.of_method(notice.method_id, notice.key)
        return WantedNotice(row, Template.CARD_EXPIRING, notice.channel, notice.due_at, telling)

    async def _send(
        self, wanted_of: Callable[[Connection], Coroutine[Any, Any, WantedNotice]], now: datetime
    ) -> NoticeResult:
        async with self._engine.connect() as connection:
            wanted = await wanted_of(connection)
        wanted = await self._with_link(wanted, now)
        async with self._engine.begin() as connection:
            settled = await wanted_notice.take(connection, wanted, now)
            if settled is not None:
                if settled.outcome is Outcome.UNDER_WAY:
                    # It may be an earlier attempt of ours, whose COMMIT or answer was lost: somebody has to say what became of it.
                    what = f"{wanted.row.name} is claimed, and not settled"
                    raise ApplicationError(what, type="NoticeUnderWay", next_retry_delay=LOST_AFTER)
                return settled
            prepared = self._prepared(wanted, now)
            if isinstance(prepared, NoticeResult):
                return await wanted_notice.settle(connection, wanted, prepared, now)
            post, message = prepared
        # From here on it is ours, whatever happens to this worker.
        result = await self._mailed(wanted, post, message)
        async with self._engine.begin() as connection:
            return await wanted_notice.settle(connection, wanted, result, now)

    async def _with_link(self, wanted: WantedNotice, now: datetime) -> WantedNotice:
        """Add a link of its own to a mail about something that is owed; none is made for what is not sent."""
        telling = wanted.telling
        is_mailed = wanted.channel is Channel.EMAIL and telling.email is not None and self._post is not None
        if not (is_mailed and telling.is_due and telling.facts.is_owed and wanted.row.kind == "invoice"):
            return wanted
        link = await self._link_for(wanted.row.of, now) if self._link_for else None
        return wanted._replace(telling=telling._replace(facts=telling.facts.model_copy(update={"link": link})))

    def _prepared(self, wanted: WantedNotice, now: datetime) -> tuple[Post, EmailMessage] | NoticeResult:
        """Return the message, or what becomes of a notice of which there is none."""
        if wanted.channel is Channel.EVENT or self._post is None:
            return NoticeResult(outcome=Outcome.TOLD)
        telling = wanted.telling
        if telling.email is None:
            return NoticeResult(outcome=Outcome.FAILED, why=NO_ADDRESS)
        try:
            rendered = self._templates.render(telling.facts)
            name = telling.facts.reader.name
            message = message_of(
                rendered, self._post.sender, to=telling.email, to_name=name, key=wanted.row.name, at=now
            )
        except AddressFault as error:
            return NoticeResult(outcome=Outcome.FAILED, why=str(error))
        except (TemplateError, TemplateFault) as error:
            # Nothing is claimed: it goes out when the templates are mended.
            what = (
                f"{wanted.template} cannot be written: {str(error).partition(chr(10))[0]}: see `dunning notice check`"
            )
            raise ApplicationError(what, type="TemplateFault") from None
        return self._post, message

    async def _mailed(self, wanted: WantedNotice, post: Post, message: EmailMessage) -> NoticeResult:
        """Hand the message over; a server that did not take it gives the claim back, and the step is tried again."""
        try:
            match await post.mailer.send(message):
                case MailSent():
                    return NoticeResult(outcome=Outcome.SENT)
                case MailRefused(why) | MailUnknown(why):
                    return NoticeResult(outcome=Outcome.FAILED, why=why)
        except MailServerAway as error:
            async with self._engine.begin() as connection:
                await wanted_notice.release(connection, wanted)
            raise ApplicationError(str(error), type=type(error).__name__) from None


async def _shielded(step: Coroutine[Any, Any, NoticeResult]) -> NoticeResult:
    """A message is not called back because a task was cancelled: what became of it is written down first."""
    return await asyncio.shield(step)
