"""The recovery of one unpaid invoice, on one page. What is to be done is decided in `billing/dunning`; here it is done.

Nothing here knows of Temporal, so the same code runs in the simulation of ten thousand of them.
"""

from datetime import datetime
from typing import Protocol

from activities.dunning_messages import (
    DunningView,
    Next,
    NextKind,
    NoticeToSend,
    Outlook,
    Surplus,
)
from billing.dunning.entitlement import Access


class DunningWorld(Protocol):
    """One unpaid invoice, and what can be done about it. Every step may be done again, and changes nothing then."""

    def now(self) -> datetime:
        """Tell the time."""
        ...

    async def look(self) -> Outlook:
        """Ask the books what is to be done now."""
        ...

    async def tell_access(self, access: Access) -> None:
        """Tell what the customer may use from now on."""
        ...

    def send(self, notice: NoticeToSend) -> None:
        """Have a notice sent, once; nobody waits for it."""
        ...

    async def pay_back(self, surplus: Surplus) -> None:
        """Begin to refund what a try collected too much."""
        ...

    async def begin_try(self, step: Next, number: int) -> datetime | None:
        """Begin the try; where something has happened that forbids it, return when to look again."""
        ...

    async def follow(self, charge_id: str) -> None:
        """See that the charge of a try that is not decided is under way."""
        ...

    async def end(self, step: Next) -> datetime | None:
        """Carry out what the policy has for the end; where money is still on its way, return when to look again."""
        ...

    async def wait(self, until: datetime | None) -> None:
        """Wait until something has happened, or the time has come."""
        ...

    def show(self, view: DunningView) -> None:
        """Show people where it stands."""
        ...


async def run(world: DunningWorld) -> DunningView:
    """Ask what is to be done, do it, and wait for whatever comes first: a fact, a command, or the time."""
    while True:
        outlook = await world.look()
        world.show(outlook.view)
        if outlook.is_over:
            return outlook.view
        if outlook.access is not None:
            await world.tell_access(outlook.access)
            continue
        if outlook.surplus is not None:
            await world.pay_back(outlook.surplus)
        for notice in outlook.notices:
            world.send(notice)
        if outlook.open_try is not None:
            await world.follow(outlook.open_try)
        await _go_on(world, outlook)


async def _go_on(world: DunningWorld, outlook: Outlook) -> None:
    step = outlook.next
    match step.kind:
        case NextKind.TRY if step.at <= world.now():
            look_again_at = await world.begin_try(step, outlook.next_number)
        case NextKind.GIVE_UP:
            look_again_at = await world.end(step)
        case _:
            await world.wait(outlook.wake_at)
            return
    if look_again_at is not None:
        await world.wait(look_again_at)
