"""The ledger steps of a hold: each is one short database transaction, and running it again changes nothing."""

from pydantic import AwareDatetime
from temporalio import activity

from activities.database_errors import translated
from ledger import account_standing, holds, reports
from ledger.database import Connection, Database
from ledger.errors import LedgerError, ReferenceConflict
from ledger.hold_errors import HoldNotPending
from ledger.hold_posting import hold_posted
from ledger.holds import Hold, HoldRequest, HoldState
from ledger.money import Money
from ledger.record import Record


class PostHeld(Record):
    """Somebody takes what is held, or a part of it, for another account."""

    hold_id: str
    amount_minor: int | None
    """None for all of it."""
    to: str
    event_at: AwareDatetime
    actor: str
    because: str

    def minor_of(self, hold: Hold) -> int:
        """How much that is."""
        return hold.amount_minor if self.amount_minor is None else self.amount_minor


class VoidHeld(Record):
    """Somebody lets go of what is held."""

    hold_id: str
    actor: str
    because: str


class HoldBooks:
    """Local activities of the hold."""

    def __init__(self, engine: Database) -> None:
        self._engine = engine

    @activity.defn(name="place_hold")
    @translated
    async def place_hold(self, request: HoldRequest) -> Hold:
        """Set the amount aside, or refuse where less is available; what was placed before stands as it stands now."""
        async with self._engine.begin() as connection:
            return await holds.place(connection, request)

    @activity.defn(name="post_hold")
    @translated
    async def post_hold(self, request: PostHeld) -> Hold:
        """Post the entry that takes what is held, and let go of the rest; what was posted before so stands."""
        try:
            async with self._engine.begin() as connection:
                return await self._post(connection, request)
        except (ReferenceConflict, HoldNotPending) as refusal:
            # A worker that died left no trace of its try but in the books, and the next one tries at another time.
            async with self._engine.connect() as connection:
                return await self._posted_before(connection, request, refusal)

    async def _post(self, connection: Connection, request: PostHeld) -> Hold:
        hold = await holds.known(connection, request.hold_id)
        held = await account_standing.charted(connection, hold.account)
        to = await account_standing.charted(connection, request.to)
        money = Money(amount_minor=request.minor_of(hold), currency=hold.currency)
        entry = hold_posted(hold, held, to, money, event_at=request.event_at, actor=request.actor)
        return await holds.post(connection, hold.hold_id, entry, actor=request.actor, because=request.because)

    async def _posted_before(self, connection: Connection, request: PostHeld, refusal: LedgerError) -> Hold:
        hold = await holds.known(connection, request.hold_id)
        entry = await reports.entry_by_reference(connection, hold.entry_reference or "")
        to = set() if entry is None else {line.account for line in entry.lines}
        if request.to in to and hold.posted_minor == request.minor_of(hold):
            return hold
        raise refusal if hold.state is HoldState.PENDING else HoldNotPending(hold.hold_id, hold.state)

    @activity.defn(name="void_hold")
    @translated
    async def void_hold(self, request: VoidHeld) -> Hold:
        """Let go of what is held."""
        async with self._engine.begin() as connection:
            return await holds.void(connection, request.hold_id, actor=request.actor, because=request.because)

    @activity.defn(name="expire_hold")
    @translated
    async def expire_hold(self, hold_id: str) -> Hold:
        """Let go of what is held, since its time is over; refused before that."""
        async with self._engine.begin() as connection:
            return await holds.expire(connection, hold_id, actor=f"workflow:hold/{hold_id}")
