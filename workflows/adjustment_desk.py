"""Where an adjustment takes persons' words, one after the other; whoever gave one waits until it is taken or refused."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.adjustment_books import DecideAdjustment

Standing = TypeVar("Standing")


class _Word:
    """A word that waits, and what has become of it."""

    def __init__(self, decision: DecideAdjustment) -> None:
        self.decision = decision
        self.is_answered = False
        self.refusal: ApplicationError | None = None

    def answer(self, refusal: ApplicationError | None) -> None:
        self.is_answered, self.refusal = True, refusal


class AdjustmentDesk:
    """The words that wait; the process takes them."""

    def __init__(self) -> None:
        self._waiting: deque[_Word] = deque()

    @property
    def has_word(self) -> bool:
        """Whether there is one to take."""
        return bool(self._waiting)

    def is_heard(self, person: str) -> bool:
        """Whether a word of this person waits already."""
        return any(word.decision.person.lower() == person.lower() for word in self._waiting)

    async def hear(self, decision: DecideAdjustment) -> None:
        """Hand a word to the process, and wait for what it makes of it; raises the refusal."""
        word = _Word(decision)
        self._waiting.append(word)
        await workflow.wait_condition(lambda: word.is_answered)
        if word.refusal is not None:
            raise word.refusal

    async def take(self, step: Callable[[DecideAdjustment], Awaitable[Standing]]) -> Standing | None:
        """Take the first word by a ledger step; None where the books refuse it, which is told to whoever gave it."""
        word = self._waiting[0]
        try:
            standing = await step(word.decision)
        except ApplicationError as error:
            word.answer(error)
            return None
        else:
            word.answer(None)
            return standing
        finally:
            self._waiting.popleft()

    def turn_away(self, refusal: ApplicationError) -> None:
        """Refuse all words that wait: nothing is decided any more."""
        while self._waiting:
            self._waiting.popleft().answer(refusal)
