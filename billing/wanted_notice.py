"""A notice that is to go out: taken by one worker, told as an event where no mail goes out, and settled with what became of it.

Functions take a connection and never commit: the claim is a step, and what became of it is another. `now` is the caller's.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import events, notice_books
from billing.dunning.notice_ladder import Channel, Template
from billing.events import Event
from billing.notice_books import LOST, Claim, NoticeRow
from billing.notice_reading import Telling
from ledger.record import Record

log = structlog.get_logger()

TOLD_ELSEWHERE: Final = "the customer was told of this card before"


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


KINDS: Final = {Outcome.SENT: "notice.sent", Outcome.TOLD: "notice.due", Outcome.FAILED: "notice.failed"}
"""The events that tell what became of it."""


class NoticeResult(Record):
    """What became of it, and why."""

    outcome: Outcome
    why: str | None = None


class WantedNotice(NamedTuple):
    """One that is due, whatever it is of."""

    row: NoticeRow
    template: Template
    channel: Channel
    due_at: datetime
    telling: Telling
    also: NoticeRow | None = None
    """A row that stands for the same elsewhere: a card that expires is told of once, whoever asks."""

    @property
    def rows(self) -> tuple[NoticeRow, ...]:
        """All of its rows."""
        return (self.row,) if self.also is None else (self.row, self.also)

    def event(self, result: NoticeResult, now: datetime) -> Event:
        """Tell what became of it: everything that the customer was told but names, the address and the link."""
        facts = self.telling.facts.model_dump(mode="json", exclude={"template", "reader", "link"}, exclude_none=True)
        body: dict[str, Any] = {
            self.row.kind: self.row.of,
            "notice": self.row.key,
            "template": self.template,
            "channel": self.channel,
            "facts": facts,
        }
        return Event(
            key=self.row.name,
            kind=KINDS[result.outcome],
            subject=self.row.subject,
            customer_id=self.telling.customer_id,
            occurred_at=now,
            body=body if result.why is None else body | {"why": result.why},
        )


async def take(connection: AsyncConnection, wanted: WantedNotice, now: datetime) -> NoticeResult | None:
    """Claim it; None where it is ours to send, and otherwise what became of it before."""
    standing = await notice_books.standing_of(connection, wanted.row)
    is_free = standing is None or standing.claimed_at is None
    if is_free and not wanted.telling.is_due:
        return NoticeResult(outcome=Outcome.OUTDATED)
    for row in wanted.rows:
        claim = await notice_books.claim(
            connection, row, template=wanted.template, channel=wanted.channel, due_at=wanted.due_at, now=now
        )
        if claim is Claim.GRANTED:
            continue
        if row is not wanted.row:
            await notice_books.failed(connection, wanted.row, because=TOLD_ELSEWHERE, now=now)
            return NoticeResult(outcome=Outcome.DONE_BEFORE, why=TOLD_ELSEWHERE)
        if claim is Claim.LOST:
            return await settle(connection, wanted, NoticeResult(outcome=Outcome.FAILED, why=LOST), now)
        return NoticeResult(outcome=Outcome.UNDER_WAY if claim is Claim.UNDER_WAY else Outcome.DONE_BEFORE)
    return None


async def release(connection: AsyncConnection, wanted: WantedNotice) -> None:
    """Give it back: nothing has left the house."""
    for row in wanted.rows:
        await notice_books.release(connection, row)


async def settle(
    connection: AsyncConnection, wanted: WantedNotice, result: NoticeResult, now: datetime
) -> NoticeResult:
    """Write down what became of it, and tell it; what was settled meanwhile stays as it is."""
    is_ours = False
    for row in wanted.rows:
        if result.outcome is Outcome.FAILED:
            because = result.why or "no reason was given"
            is_ours |= await notice_books.failed(connection, row, because=because, now=now)
        else:
            is_ours |= await notice_books.sent(connection, row, now=now)
    if not is_ours:
        return NoticeResult(outcome=Outcome.DONE_BEFORE)
    await events.tell(connection, wanted.event(result, now))
    log.info(KINDS[result.outcome], notice=wanted.row.name, why=result.why)
    return result
