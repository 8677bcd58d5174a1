"""Keeps the counts that routing reads of our own outcomes fresh, beside the charges and never in their way.

A charge gets what was read last; reading goes on behind it, and a database that is slow makes the counts old, not the
charges slow.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog

from gateways.routing.policy import Policies, Policy
from gateways.routing.sliding import Outcome, SlidingOutcomes
from gateways.routing.windows import EMPTY, Windows, class_of
from ledger import outcomes
from ledger.database import OUTAGES, Database, outage_reason
from ledger.outcomes import AttemptOutcome

log = structlog.get_logger()

REFRESH_SECONDS = 3.0
READ_SECONDS = 5.0
OVERLAP = timedelta(seconds=45)
"""Outcomes are committed out of order: what may still come is read again. Longer than any transaction of ours lives."""


def counted(row: AttemptOutcome) -> Outcome | None:
    """Return an outcome as routing counts it; None where it tells nothing of its gateway."""
    outcome_class = class_of(row.outcome, row.code)
    if outcome_class is None:
        return None
    return Outcome(
        decided_at=row.decided_at,
        operation_id=row.operation_id,
        gateway=row.gateway,
        outcome_class=outcome_class,
        currency=row.currency,
        brand=row.brand,
        card_country=row.card_country,
    )


class RecentOutcomes:
    """The counts of one worker; policies that read no outcomes cost no reading."""

    def __init__(self, engine: Database, policies: Policies, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._engine = engine
        self._policies = policies
        self._refresh_seconds = refresh_seconds
        self._windows = EMPTY
        self._sliding: SlidingOutcomes | None = None
        self._measure: tuple[int, int] | None = None
        self._read_until: datetime | None = None
        self._begun_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    @property
    def windows(self) -> Windows:
        """What was read last."""
        return self._windows

    def refresh(self) -> None:
        """Begin to read what is new, where the last reading is some seconds ago; waits for nothing."""
        policy = self._policies.at(datetime.now(UTC))
        is_reading = self._reading is not None and not self._reading.done()
        if not policy.reads_outcomes or is_reading or time.monotonic() - self._begun_at < self._refresh_seconds:
            return
        self._begun_at = time.monotonic()
        self._reading = asyncio.create_task(self._refresh(policy))

    async def _refresh(self, policy: Policy) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._read(policy)
        except (*OUTAGES, TimeoutError) as error:
            log.warning("routing.outcomes_not_read", reason=outage_reason(error))

    async def _read(self, policy: Policy) -> None:
        window = timedelta(seconds=policy.window_seconds)
        measure = (policy.window_seconds, policy.window_outcomes)
        if self._sliding is None or self._measure != measure:
            # Another edition measures otherwise: begin anew.
            self._sliding, self._measure, self._read_until = (
                SlidingOutcomes(window, policy.window_outcomes),
                measure,
                None,
            )
        now = datetime.now(UTC)
        begin = max(now - window, (self._read_until or now - window) - OVERLAP)
        async with self._engine.connect() as connection:
            rows = await outcomes.since(connection, begin, policy.window_outcomes)
        self._sliding.add(outcome for row in rows if (outcome := counted(row)) is not None)
        if rows:
            self._read_until = max(rows[0].decided_at, self._read_until or rows[0].decided_at)
        self._windows = self._sliding.at(now)
