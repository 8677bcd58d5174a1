"""Notices to customers: each is claimed, then sent by mail or told as an event, then settled; at most once.

The claim is committed before the message leaves. What a server did not take gives it back, and the step is tried again; whoever
ends on the way has lost the notice rather than doubled it, which the next try, or `dunning show`, says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.database_errors import translated
from activities.mailer import SENDING_SECONDS, Mailer, MailRefused, MailSent, MailServerAway, MailUnknown
from billing import events, expiring_methods, notice_claims, notice_reading
from billing.dunning.notice_ladder import Channel, Template
from billing.dunning.policy import Policies
from billing.events import Event
from billing.expiring_methods import ExpiringNotice, ExpiringNotices
from billing.notice_claims import LOST, Claim, NoticeRow
from billing.notice_reading import Telling
from billing.notices.errors import AddressFault
from billing.notices.mail import Sender, message_of
from billing.notices.rendering import Templates
from ledger.database import Connection, Database
from ledger.record import Record

log = structlog.get_logger()

NO_ADDRESS: Final = "the customer has no e-mail address, or it was erased"
START_TO_CLOSE: Final = timedelta(seconds=2 * SENDING_SECONDS)
"""For whoever calls these steps: longer than sending takes, and than `notice_claims.LOST_AFTER`."""

LinkFor = Callable[[Connection, str, datetime], Awaitable[str | None]]
"""Makes the link by which the customer of an invoice pays, or None where there is none."""


class NoticeToSend(Record):
    """A notice of a dunning that is due."""

    invoice_id: str
    key: str
    template: Template
    channel: Channel
    due_at: datetime
    why: str


class ExpiryAsk(Record):
    """Whose cards are looked at."""

    subscription_id: str


class Outcome(StrEnum):
    """What became of a notice."""

    SENT = "sent"
    """By mail."""
    TOLD = "told"
    """As an event, for the merchant's own systems."""
    FAILED = "failed"
    """It will not be sent; why is in the books."""
    OUTDATED = "outdated"
    """What it would say is not so any more."""
    DONE_BEFORE = "done_before"
    """It was sent, or failed, before."""
    UNDER_WAY = "under_way"
    """Another worker is at it."""


class NoticeResult(Record):
    """What became of it, and why."""

    outcome: Outcome
    why: str | None = None


class Post(NamedTuple):
    """By what mail goes out."""

    mailer: Mailer
    sender: Sender


class _Wanted(NamedTuple):
    """A notice, whatever it is of."""

    row: NoticeRow
    also: NoticeRow | None
    """A row that stands for the same notice elsewhere."""
    subject: str
    template: Template
    channel: Channel
    due_at: datetime
    body: dict[str, Any]


class Notices:
    """Activities; `post` is None where no mail goes out, and notices are told as events only."""

    def __init__(
        self,
        engine: Database,
        post: Post | None,
        templates: Templates,
        policies: Policies,
        *,
        merchant: str = "",
        link_for: LinkFor | None = None,
    ) -> None:
        self._engine = engine
        self._post = post
        self._templates = templates
        self._policies = policies
        self._merchant = merchant or (post.sender.merchant if post else "")
        self._link_for = link_for
        if post is None:
            log.info("notices.not_mailed", remedy="set SMTP_URL and NOTICE_FROM")

    @activity.defn(name="send_notice")
    @translated
    async def send_notice(self, notice: NoticeToSend) -> NoticeResult:
        """Send a notice of a dunning, unless it is out of date, or another one has it."""
        return await _shielded(self._send_notice(notice, activity.info().started_time))

    @activity.defn(name="expiring_notices")
    @translated
    async def expiring_notices(self, ask: ExpiryAsk) -> ExpiringNotices:
        """Say what a subscription's customer is to be told of a card that expires, and when to look again."""
        now = activity.info().started_time
        async with self._engine.connect() as connection:
            return await expiring_methods.expiring_notices(
                connection, ask.subscription_id, self._policies.at(now), now
            )

    @activity.defn(name="send_expiring_notice")
    @translated
    async def send_expiring_notice(self, notice: ExpiringNotice) -> NoticeResult:
        """Send a notice of a card that expires."""
        return await _shielded(self._send_expiring(notice, activity.info().started_time))

    async def _send_notice(self, notice: NoticeToSend, now: datetime) -> NoticeResult:
        async with self._engine.begin() as connection:
            told = await notice_reading.of_invoice(
                connection, notice.invoice_id, notice.key, notice.template, merchant=self._merchant, now=now
            )
            also = None
            if notice.template is Template.CARD_EXPIRING:
                also = await expiring_methods.row_of_first(connection, told.customer_id, notice.key)
            if told.facts.is_owed and self._link_for is not None:
                link = await self._link_for(connection, notice.invoice_id, now)
                told = told._replace(facts=told.facts.model_copy(update={"link": link}))
            wanted = _Wanted(
                notice_claims.of_invoice(notice.invoice_id, notice.key),
                also,
                f"invoice/{notice.invoice_id}",
                notice.template,
                notice.channel,
                notice.due_at,
                {"invoice": notice.invoice_id, "why": notice.why},
            )
            claimed = await self._claim(connection, wanted, told, now)
        return claimed or await self._mail(wanted, told, now)

    async def _send_expiring(self, notice: ExpiringNotice, now: datetime) -> NoticeResult:
        async with self._engine.begin() as connection:
            edition = self._policies.at(now)
            told = await expiring_methods.telling(connection, notice, edition, merchant=self._merchant)
            wanted = _Wanted(
                notice_claims.of_method(notice.method_id, notice.key),
                None,
                f"method/{notice.method_id}",
                Template.CARD_EXPIRING,
                notice.channel,
                notice.due_at,
                {"subscription": notice.subscription_id, "method": notice.method_id},
            )
            claimed = await self._claim(connection, wanted, told, now)
        return claimed or await self._mail(wanted, told, now)

    async def _claim(
        self, connection: Connection, wanted: _Wanted, told: Telling, now: datetime
    ) -> NoticeResult | None:
        """Take the notice, and settle it at once where no mail goes out; None where it is ours to mail."""
        for row in filter(None, (wanted.row, wanted.also)):
            ...
        return None


async def _shielded(step: Coroutine[Any, Any, NoticeResult]) -> NoticeResult:
    """A message is not called back because a task was cancelled: what became of it is written down first."""
    return await asyncio.shield(step)
