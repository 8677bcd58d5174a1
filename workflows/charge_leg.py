"""A charge as a leg of a split: it tells the split where it stands, and hears what the split asks. For any other charge, nothing.

What is told is a hint, since the split reads the books; what is asked is heard once, however often it is said.
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import FailureError

from ledger.charges import ChargeStatus
from ledger.record import Record
from workflows.charge_commands import CancelCommand, CaptureCommand
from workflows.charge_steps import ChargeSteps

SPLITS = "split/"
"""How the names of splits' processes begin."""
COMMAND = "split"
"""Names the capture that a split asks for among the commands of a leg."""
Told = tuple[ChargeStatus, str | None, str | None]
"""What of a charge is told when it changes: its status, and what the gateway said of a no."""


class LegAsked(Record):
    """What a split asks of a leg; `content_hash` is that of the charge it means."""

    content_hash: str
    actor: str


class ChargeLeg:
    """The side of a charge that its split sees."""

    def __init__(self, charge: ChargeSteps) -> None:
        self._charge = charge
        parent = workflow.info().parent
        is_leg = parent is not None and parent.workflow_id.startswith(SPLITS)
        self._split_process = parent.workflow_id if parent is not None and is_leg else None
        self._told: Told = (ChargeStatus.PROCESSING, None, None)
        self._telling: asyncio.Task[None] | None = None

    def hear_capture(self, asked: LegAsked) -> None:
        """Take all that is reserved, once: the command has one name, so that what a gateway has refused is not asked for again."""
        charge = self._charge
        is_free = charge.command is None and charge.cancellation is None
        if self._is_meant(asked) and is_free and charge.view.status is ChargeStatus.AUTHORIZED:
            charge.command, charge.command_id = CaptureCommand(actor=asked.actor), COMMAND

    def hear_cancel(self, asked: LegAsked) -> None:
        """Call the charge off, once."""
        charge = self._charge
        if self._is_meant(asked) and not charge.over and charge.view.canceled_by is None:
            charge.cancellation = charge.cancellation or CancelCommand(actor=asked.actor)

    def begin_telling(self) -> None:
        """Tell the split of every change from now on."""
        if self._split_process is not None:
            self._telling = asyncio.create_task(self._tell(self._split_process))

    async def finish_telling(self) -> None:
        """Wait until the last change is told: what is still on its way when a process ends never arrives."""
        if self._telling is not None:
            await workflow.wait_condition(lambda: self._told == self._now())
            self._telling.cancel()

    async def _tell(self, split_process: str) -> None:
        split = workflow.get_external_workflow_handle(split_process)
        while True:
            await workflow.wait_condition(lambda: self._told != self._now())
            now = self._now()
            with suppress(FailureError):  # the split has ended, and needs to hear nothing any more
                await split.signal("leg_told", self._charge.view)
            self._told = now

    def _now(self) -> Told:
        view = self._charge.view
        return view.status, view.decline_code, view.message

    def _is_meant(self, asked: LegAsked) -> bool:
        return asked.content_hash == self._charge.request.content_hash()
