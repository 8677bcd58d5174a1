"""Those who act on a charge from outside, at moments that the seed draws: merchant, customer, operations, and accidents."""

from dataclasses import dataclass
from datetime import timedelta

from ledger.charges import ChargeStatus
from ledger.refunds import RefundRequest
from ledger.reviews import Word
from tests.simulation.chance import Chance
from tests.simulation.system import System
from workflows.charge import CALLED_OFF
from workflows.charge_commands import CancelCommand, CaptureCommand, ConfirmCommand, VoidCommand
from workflows.review_messages import ResolveReview

MERCHANT = "person:merchant"


@dataclass
class People:
    """They see what the product's own entrances let them do, and no more."""

    system: System
    chance: Chance

    def cancel(self) -> None:
        """Call the charge off; an ended process is taken up again, as the command line does."""
        system, command = self.system, CancelCommand(actor=MERCHANT)
        charge = system.books.charge
        if charge is None or charge.status in CALLED_OFF:
            return
        if system.process.is_over:
            system.note("the merchant cancels what has ended")
            system.cancellations.append(command)
            system.is_promised = True
            system.start(command)
        elif not system.charge.over:
            system.note("the merchant cancels")
            system.cancellations.append(command)
            system.is_promised = True
            system.charge.cancellation = system.charge.cancellation or command

    def capture(self) -> None:
        """Take all of an authorization, or a part."""
        if self._may_command():
            whole = self.system.charge.view.authorized_minor
            part = None if self.chance.happens(0.6) else self.chance.number(1, whole)
            self.system.note(f"the merchant captures {part or 'all'}")
            self.system.command(CaptureCommand(amount_minor=part, actor=MERCHANT))

    def void(self) -> None:
        """Release an authorization."""
        if self._may_command():
            self.system.note("the merchant voids")
            self.system.command(VoidCommand(actor=MERCHANT))

    def confirm(self) -> None:
        """Stand by the charge, where that is asked for and in time."""
        system, confirm_by = self.system, self.system.conditions.request.confirm_by
        if confirm_by is None or system.process.is_over or system.charge.over:
            return
        if system.charge.cancellation is None and system.timeline.now < confirm_by:
            system.note("the merchant confirms")
            system.charge.confirmation = system.charge.confirmation or ConfirmCommand(actor=MERCHANT)
            system.confirmations.append(system.charge.confirmation)

    def refund(self) -> None:
        """Ask for some of the money back."""
        system = self.system
        charge = system.books.charge
        if charge is not None and charge.captured_minor:
            part = None if self.chance.happens(0.3) else self.chance.number(1, charge.captured_minor)
            refund_id = f"re_{len(system.refunds) + 1}"
            system.start_refund(
                RefundRequest(refund_id=refund_id, charge_id=charge.charge_id, amount_minor=part, actor=MERCHANT)
            )

    def act(self) -> None:
        """The customer does what the gateway waits for."""
        waiting = [
            (gateway, payment)
            for gateway in self.system.gateways.values()
            for payment in gateway.payments.values()
            if payment.status == "action"
        ]
        if waiting:
            gateway, payment = self.chance.one_of(waiting)
            self.system.note("the customer acts")
            gateway.customer_acts(payment)
            if self.chance.happens(0.5):
                self.system.charge.hinted = True

    def hint(self) -> None:
        """A webhook comes that says nothing new."""
        operations = list(self.system.books.operations)
        if operations:
            self.system.hint(self.chance.one_of(operations))

    def reset(self) -> None:
        """Somebody resets the process, or its history is lost and it is started again from the books."""
        if not self.system.process.is_over:
            self.system.reset(with_wishes=self.chance.happens(0.7))

    def review(self) -> None:
        """Whoever is asked looks, and says what they think, or gives a command."""
        system = self.system
        if system.process.is_over or system.charge.view.status is not ChargeStatus.NEEDS_REVIEW:
            return
        deed = self.chance.number(1, 6)
        if deed <= 3 and system.charge.desk.word is None:
            word = Word.SUCCEEDED if self.chance.happens(0.4) else Word.FAILED
            system.note(f"a person resolves it as {word}")
            system.charge.desk.word = ResolveReview(as_=word, because="looked at it", by="alice")
        elif deed == 4:
            self.cancel()
        elif deed == 5:
            self.capture()
        else:
            self.void()

    def _may_command(self) -> bool:
        """Whether the validators of the updates `capture` and `void` let a command pass."""
        process = self.system.charge
        view = process.view
        held_in_review = view.status is ChargeStatus.NEEDS_REVIEW and view.authorized_minor and not view.captured_minor
        allowed = view.status is ChargeStatus.AUTHORIZED or bool(held_in_review)
        free = process.command is None and process.cancellation is None
        return allowed and free and not self.system.process.is_over and not process.over


def soon_or_late(chance: Chance) -> timedelta:
    """Draw a delay from a blink to some days: the short ones meet calls that are under way."""
    return chance.seconds(0.02, 12 * 86400) if chance.happens(0.5) else chance.seconds(0.02, 90)
