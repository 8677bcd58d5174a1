"""The ledger steps of an adjustment: each is one short database transaction, and running it again changes nothing.

They are local activities. Who may do what, PostgreSQL decides; a step says what it decided.
"""

from temporalio import activity

from activities.database_errors import translated
from ledger import adjustments
from ledger.adjustment_requests import AdjustmentRequest, EntryHash
from ledger.adjustments import Adjustment, Verdict
from ledger.database import Database
from ledger.errors import AdjustmentRefused
from ledger.record import Identifier, Record
from ledger.reviews import Because

DECIDED_ALREADY = "adjustment_is_decided_once_by_each"
"""The rule by which PostgreSQL refuses a second decision of a person."""


class DecideAdjustment(Record):
    """A person approves or rejects the entry that they have seen."""

    adjustment_id: Identifier
    person: Identifier
    verdict: Verdict
    because: Because
    seen_hash: EntryHash


class AdjustmentBooks:
    """Local activities of the adjustment."""

    def __init__(self, engine: Database) -> None:
        self._engine = engine

    @activity.defn(name="request_adjustment")
    @translated
    async def request_adjustment(self, request: AdjustmentRequest) -> Adjustment:
        """Write the request down, or find it as it stands; raises what the books have against it."""
        async with self._engine.begin() as connection:
            return await adjustments.request(connection, request)

    @activity.defn(name="decide_adjustment")
    @translated
    async def decide_adjustment(self, decision: DecideAdjustment) -> Adjustment:
        """Write a decision down; raises what the books have against it, unless it is the very one that they have."""
        try:
            async with self._engine.begin() as connection:
                return await adjustments.decide(
                    connection,
                    decision.adjustment_id,
                    decision.verdict,
                    person=decision.person,
                    because=decision.because,
                    seen_hash=decision.seen_hash,
                )
        except AdjustmentRefused as error:
            if error.rule != DECIDED_ALREADY:
                raise
            # This step may have run before, and its answer have been lost.
            async with self._engine.connect() as connection:
                standing = await adjustments.known(connection, decision.adjustment_id)
            if not any(_is_same(decision, each) for each in standing.decisions):
                raise
            return standing

    @activity.defn(name="expire_adjustment")
    @translated
    async def expire_adjustment(self, adjustment_id: str) -> Adjustment:
        """End it if its time is over, by the clock of the database; where it is not, that is seen in the answer."""
        async with self._engine.begin() as connection:
            return await adjustments.expire(connection, adjustment_id)

    @activity.defn(name="post_adjustment")
    @translated
    async def post_adjustment(self, adjustment_id: str) -> Adjustment:
        """Post what was approved, once; raises what the books have against it."""
        async with self._engine.begin() as connection:
            return await adjustments.post(connection, adjustment_id)


def _is_same(decision: DecideAdjustment, written: adjustments.Decision) -> bool:
    asked = decision.person, decision.verdict, decision.because, decision.seen_hash
    return asked == (written.person, written.decision, written.because, written.seen_hash)
