"""The ledger steps of a split: each is one short database transaction, and running it again changes nothing.

They are local activities. They lock the split's row and no charge's, so they never stand in the way of a leg.
"""

from temporalio import activity

from activities.database_errors import translated
from activities.split_decisions import Step, decide
from ledger import split_legs, splits
from ledger.database import Database
from ledger.record import Record
from ledger.splits import SplitRequest, SplitView


class SplitStanding(Record):
    """Where the split stands, and what comes next."""

    view: SplitView
    step: Step


class CancelSplit(Record):
    """Somebody calls the split off."""

    split_id: str
    actor: str


class NamedLeg(Record):
    """One leg of a split."""

    split_id: str
    number: int


class RefuseLeg(NamedLeg):
    """A leg whose charge was not made, and why."""

    why: str


class SplitBooks:
    """Local activities of the split."""

    def __init__(self, engine: Database) -> None:
        self._engine = engine

    @activity.defn(name="open_split")
    @translated
    async def open_split(self, request: SplitRequest) -> None:
        """Write the split and its legs down; what was written before stands."""
        async with self._engine.begin() as connection:
            await splits.open_split(connection, request)

    @activity.defn(name="look_at_legs")
    @translated
    async def look_at_legs(self, split_id: str) -> SplitStanding:
        """Read where the legs stand, write down what that makes of the split, and say what comes next."""
        async with self._engine.begin() as connection:
            split = await splits.known(connection, split_id, lock=True)
            legs = await split_legs.of_split(connection, split_id, split.request.charges)
            verdict = decide(split, legs)
            said = {"status": verdict.status, "because": verdict.because, "message": verdict.message}
            if any(getattr(split, name) != value for name, value in said.items()):
                split = await splits.change(connection, split_id, said)
        return SplitStanding(view=split.view(legs), step=verdict.step)

    @activity.defn(name="begin_leg")
    @translated
    async def begin_leg(self, leg: NamedLeg) -> None:
        """Write down that a leg's charge is started, before it is."""
        async with self._engine.begin() as connection:
            await split_legs.begin(connection, leg.split_id, leg.number)

    @activity.defn(name="refuse_leg")
    @translated
    async def refuse_leg(self, leg: RefuseLeg) -> None:
        """Write down that a leg's charge was not made; where it was after all, that stands."""
        async with self._engine.begin() as connection:
            await split_legs.refuse(connection, leg.split_id, leg.number, leg.why)

    @activity.defn(name="cancel_split")
    @translated
    async def cancel_split(self, cancel: CancelSplit) -> None:
        """Call the split off: from now on it is only undone."""
        async with self._engine.begin() as connection:
            split = await splits.known(connection, cancel.split_id, lock=True)
            if split.canceled_by is None:
                await splits.change(connection, cancel.split_id, {"canceled_by": cancel.actor})
