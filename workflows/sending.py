"""Notices are sent beside everything else, so that a mail server that is away holds up no payment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.dunning_messages import NoticeToSend
from activities.notices import START_TO_CLOSE, Notices
from billing.expiring_methods import ExpiringNotice

RETRIES = RetryPolicy(initial_interval=timedelta(seconds=30), maximum_interval=timedelta(hours=1))
SENT_WITHIN = timedelta(days=1)
"""For how long a mail server that is away is asked again; then the notice is looked at anew, and may be out of date."""


class Sending:
    """The notices that one process is sending."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._under_way: dict[str, asyncio.Task[None]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    def send(self, notice: NoticeToSend | ExpiringNotice) -> None:
        """Have a notice sent; whoever waits is woken when that is done, or has come to nothing."""
        if notice.key in self._under_way:
            return
        match notice:
            case NoticeToSend():
                words = f"{notice.template} by {notice.channel}: {notice.why}"
                step = self._step(Notices.send_notice, notice, words)
            case ExpiringNotice():
                step = self._step(Notices.send_expiring_notice, notice, f"a card expires, by {notice.channel}")
        self._under_way[notice.key] = asyncio.create_task(step)

    async def _step(
        self, activity: Callable[[Any, Any], Awaitable[Any]], notice: NoticeToSend | ExpiringNotice, words: str
    ) -> None:
        try:
            await workflow.execute_activity_method(
                activity,
                notice,
                start_to_close_timeout=START_TO_CLOSE,
                schedule_to_close_timeout=SENT_WITHIN,
                retry_policy=RETRIES,
                summary=words[:200],
            )
        except ActivityError as error:
            workflow.logger.warning("notice.not_sent", extra={"key": notice.key, "why": str(error.cause)})
        finally:
            del self._under_way[notice.key]
            self._wake()
