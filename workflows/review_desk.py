"""Where a process that is in review takes a person's word: held against the gateway first, then against who may say it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.review_books import ResolveReview as Settlement
from gateways.port import OperationRequest
from workflows.gateway_steps import NotKnown
from workflows.review_messages import GATEWAY_NOT_READ, ResolveReview
from workflows.world import World

Standing = TypeVar("Standing")


class ReviewDesk:
    """Takes one word at a time; whoever gave it waits until it is taken or refused."""

    def __init__(self) -> None:
        self.word: ResolveReview | None = None
        self._refusal: ApplicationError | None = None

    async def hear(self, word: ResolveReview) -> None:
        """Hand a word to the process, and wait for what it makes of it; raises the refusal."""
        self.word = word
        await workflow.wait_condition(lambda: self.word is not word)
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise refusal

    def refuse_unless_free(self) -> None:
        """Refuse a second word while the first is being held against the gateway."""
        if self.word is not None:
            raise ApplicationError("somebody else is resolving this review now", type="ReviewClosed")

    async def settle(
        self,
        world: World,
        operation: OperationRequest | None,
        refund_id: str | None,
        step: Callable[[Settlement], Awaitable[Standing]],
    ) -> Standing | None:
        """Read the gateway, then take the word by a ledger step; None where it was refused, and the case stays open."""
        word = self.word
        if word is None:
            return None
        try:
            return await step(await self._held_against_gateway(world, word, operation, refund_id))
        except ApplicationError as error:
            self._refusal = error
            return None
        finally:
            self.word = None

    async def _held_against_gateway(
        self, world: World, word: ResolveReview, operation: OperationRequest | None, refund_id: str | None
    ) -> Settlement:
        if operation is None:
            raise ApplicationError(
                "no operation waits for an outcome, so there is none to resolve: capture, void or cancel the charge",
                type="ResolutionRefused",
            )
        read = await world.read(operation)
        if isinstance(read, NotKnown):
            raise ApplicationError(f"{operation.gateway} could not be read: {read.reason}", type=GATEWAY_NOT_READ)
        return Settlement(
            charge_id=operation.charge_id,
            refund_id=refund_id,
            operation=operation,
            as_=word.as_,
            because=word.because,
            by=word.by,
            read=read,
        )
