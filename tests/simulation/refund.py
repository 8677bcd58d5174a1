"""The process of a refund as the simulation has it: as `RefundWorkflow`, without Temporal."""

from datetime import timedelta

from temporalio.exceptions import ApplicationError

from activities.gateway_calls import Watched
from activities.refund_books import RecordRefund, RefundStanding
from activities.review_decision import TAKEN_FOR_FAILED
from gateways.port import Declined, Outcome, Pending, Refused, Succeeded
from ledger.refunds import RefundRequest, RefundStatus
from ledger.reviews import Word
from tests.simulation.chance import Chance
from tests.simulation.world import VirtualWorld
from workflows import asking
from workflows.gateway_steps import NotKnown, Woken
from workflows.refund import FOLLOWED_AFTER, PENDING_DEADLINE


class Refund:
    """One refund."""

    def __init__(self, request: RefundRequest, world: VirtualWorld, chance: Chance) -> None:
        self.request = request
        self.status = RefundStatus.PROCESSING
        self.hinted = False
        self._world = world
        self._chance = chance
        self._may_still_appear = False

    async def run(self) -> None:
        """Reserve, refund, post; then follow it until it can no longer fail."""
        try:
            standing: RefundStanding = await self._world.step("reserve_refund", self.request)
        except ApplicationError:
            self._tell(RefundStatus.REFUSED)
            return
        standing = await self._carry_out(standing)
        self._tell(standing.view.status)
        if self.status is RefundStatus.SUCCEEDED or self._may_still_appear:
            await self._follow(standing)

    async def _carry_out(self, standing: RefundStanding) -> RefundStanding:
        if standing.view.status in {RefundStatus.SUCCEEDED, RefundStatus.FAILED}:
            return standing
        operation, answer = standing.operation, None
        if standing.seen_before:
            answer = await asking.ask_again(self._world, operation, standing.ask_until)
        else:
            answer = await self._world.ask(operation)
        while True:
            standing = await self._record(standing, answer)
            self._may_still_appear = isinstance(answer, Refused) and answer.code in TAKEN_FOR_FAILED
            if not isinstance(answer, NotKnown | Pending):
                return standing
            later = await self._later(standing, answer)
            if later is None:
                return await self._review(standing)
            answer = later

    async def _later(self, standing: RefundStanding, answer: Outcome | NotKnown) -> Outcome | NotKnown | None:
        if isinstance(answer, NotKnown) and standing.ask_until is not None:
            return await asking.ask_until_known(self._world, standing.operation, standing.ask_until, self._was_hinted)
        until = self._world.now() + PENDING_DEADLINE
        while (left := until - self._world.now()) > timedelta(0):
            found = await self._world.watch(standing.operation, Watched.DECISION, left, "", self._was_hinted)
            if not isinstance(found, Woken):
                return found
        return None

    async def _review(self, standing: RefundStanding) -> RefundStanding:
        """A person looks every few hours, until their word and the gateway's agree."""
        while not self._world.books.operations[standing.operation.operation_id].is_decided:
            await self._world.timeline.sleep(self._chance.seconds(3600, 40 * 3600))
            read = await self._world.read(standing.operation)
            if isinstance(read, NotKnown):
                continue
            operation = self._world.books.operations[standing.operation.operation_id]
            word = Word.SUCCEEDED if isinstance(read, Succeeded) else Word.FAILED
            standing = await self._world.step("resolve_refund_review", (operation, read, word))
            self._may_still_appear = standing.view.status is RefundStatus.FAILED
        return standing

    async def _record(self, standing: RefundStanding, answer: Outcome | NotKnown) -> RefundStanding:
        said = {"unknown_because": answer.reason} if isinstance(answer, NotKnown) else {"outcome": answer}
        record = RecordRefund.model_validate({"operation": standing.operation, **said})
        told: RefundStanding = await self._world.step("record_refund", record)
        return told

    async def _follow(self, standing: RefundStanding) -> None:
        decided_at = self._world.now()
        changed = (Succeeded,) if self._may_still_appear else (Declined, Refused)
        for after in FOLLOWED_AFTER:
            while (left := decided_at + after - self._world.now()) > timedelta(0):
                await self._world.wait(self._was_hinted, left, "")
                seen = await asking.read_patiently(self._world, standing.operation)
                if isinstance(seen, changed):
                    self._tell((await self._record(standing, seen)).view.status)
                    return

    def _tell(self, status: RefundStatus) -> None:
        self.status = status
        self._world.tell_charge(self.request.refund_id, status)

    def _was_hinted(self) -> bool:
        hinted, self.hinted = self.hinted, False
        return hinted
