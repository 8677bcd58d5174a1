"""One charge's whole system in memory: books, gateways, and the processes of the charge, its refunds and its later facts."""

from dataclasses import dataclass, field

from activities.attempts import Attempts
from activities.recent_outcomes import RecentOutcomes
from gateways.port import OperationKind, OperationRequest
from gateways.routing.policy import of_order
from gateways.routing.windows import EMPTY
from ledger.charges import ChargeRequest
from ledger.refunds import RefundRequest, RefundStatus
from tests.simulation.books import Books
from tests.simulation.calls import Calls
from tests.simulation.chance import Chance
from tests.simulation.charge_steps import ChargeSteps as ChargeLedger
from tests.simulation.gateway import Gateway
from tests.simulation.late_steps import LateSteps
from tests.simulation.payments import CAPABILITIES, Habits
from tests.simulation.refund import Refund
from tests.simulation.refund_steps import RefundSteps
from tests.simulation.timeline import BEGINNING, Task, Timeline
from tests.simulation.weather import Road, Weather
from tests.simulation.world import BeganAnew, Troubles, VirtualWorld
from workflows import charge_process
from workflows.charge_commands import CancelCommand, CaptureCommand, ConfirmCommand, VoidCommand
from workflows.charge_steps import ChargeSteps
from workflows.reconcile_process import LateFacts

GATEWAYS = ("stripe", "paypal")


class NoOutcomes(RecentOutcomes):
    """Nothing is known of earlier outcomes, and nothing is read."""

    def __init__(self) -> None:
        self._windows = EMPTY

    def refresh(self) -> None:
        """Read nothing."""


@dataclass
class Conditions:
    """What a run is like."""

    request: ChargeRequest
    habits: Habits
    weather: dict[str, Weather]
    troubles: Troubles
    hints_lost: float = 0.3
    full_after: int | None = None
    """After so many steps a run of the charge's process begins anew."""


@dataclass
class System:
    """A charge and all that there is around it."""

    conditions: Conditions
    chance: Chance
    timeline: Timeline = field(default_factory=Timeline)
    trace: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    runs: int = 0
    commands: int = 0
    cancellations: list[CancelCommand] = field(default_factory=list)
    """Those that an open process took."""
    confirmations: list[ConfirmCommand] = field(default_factory=list)
    is_promised: bool = False
    """A cancellation was taken, so in the end nothing may be kept."""

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.books = Books(self.timeline)
        self.gateways = {name: self._gateway(name) for name in GATEWAYS}
        self.calls = {name: self._calls(name) for name in GATEWAYS}
        chooser = Attempts(CAPABILITIES, of_order(GATEWAYS), NoOutcomes())
        self._ledgers = (ChargeLedger(self.books, chooser), LateSteps(self.books), RefundSteps(self.books))
        self.refunds: dict[str, tuple[Refund, Task]] = {}
        self.late: tuple[LateFacts, Task] | None = None
        self.start()

    def start(self, cancellation: CancelCommand | None = None) -> None:
        """Run the charge's process from its beginning, as after a reset, or as one that has ended is taken up again."""
        self.runs += 1
        self.charge = ChargeSteps(self.conditions.request, self.world("charge"))
        self.charge.cancellation = cancellation
        self.process = self.timeline.spawn(f"charge run {self.runs}", self._run(self.charge))

    def reset(self, *, with_wishes: bool) -> None:
        """End the run where it stands and begin anew; Temporal gives the new run the updates that the old one took."""
        self.timeline.kill(self.process)
        written = self.books.charge is not None and self.books.charge.canceled_by is not None
        self.is_promised = self.is_promised and (with_wishes or written)
        self.note(f"reset {'with' if with_wishes else 'without'} what was wished")
        refunds = self.charge.refunds if with_wishes else {}
        cancellation = self.cancellations[0] if self.cancellations and with_wishes else None
        self.start(cancellation)
        self.charge.refunds = refunds
        if with_wishes and self.confirmations:
            self.charge.confirmation = self.confirmations[0]

    def command(self, command: CaptureCommand | VoidCommand) -> None:
        """Hand a command to the charge's process, under an id of its own."""
        self.commands += 1
        self.charge.command, self.charge.command_id = command, f"update-{self.commands}"

    def world(self, who: str) -> VirtualWorld:
        """Make the world of a process."""
        names = {name: getattr(ledger, name) for ledger in self._ledgers for name in dir(ledger) if name[0] != "_"}
        return VirtualWorld(
            self.timeline,
            self.chance,
            self.books,
            names,
            self.calls,
            self,
            self.conditions.troubles,
            lambda words: self.note(f"{who}: {words}"),
            full_after=self.conditions.full_after if who == "charge" else None,
            waits_for_nobody=self._waits_for_nobody,
        )

    def _waits_for_nobody(self) -> bool:
        """Whether every update of the charge has its answer."""
        charge = self.charge
        canceling = charge.cancellation is not None and charge.view.canceled_by is None
        confirming = charge.confirmation is not None and charge.view.confirmed_at is None
        return charge.command is None and charge.desk.word is None and not canceling and not confirming

    def start_refund(self, request: RefundRequest) -> None:
        """Start the process of a refund, unless it runs."""
        present = self.refunds.get(request.refund_id)
        if present is None or present[1].is_over:
            refund = Refund(request, self.world(request.refund_id), self.chance)
            self.refunds[request.refund_id] = refund, self.timeline.spawn(request.refund_id, refund.run())

    def start_reconcile(self) -> None:
        """Start the search for later facts, unless it runs."""
        if self.late is None or self.late[1].is_over:
            facts = LateFacts(self.conditions.request.charge_id, self.world("reconcile"))
            self.late = facts, self.timeline.spawn("reconcile", facts.run())

    def refund_told(self, refund_id: str, status: RefundStatus) -> None:
        """Send the signal of a refund to the charge; what an ended process is told is lost."""
        self.note(f"{refund_id} is {status}")
        self.charge.refunds[refund_id] = status

    def hint(self, operation_id: str, *, is_later: bool | None = None) -> None:
        """Hand a webhook to the process that it concerns; without a verdict, what is decided is for later facts."""
        operation = self.books.operations.get(operation_id)
        refund = self.refunds.get(operation.refund_id) if operation and operation.refund_id else None
        if is_later is None:
            is_later = operation is not None and operation.is_decided and operation.fee_status != "pending"
        if refund is not None and not refund[1].is_over:
            refund[0].hinted = True
        elif not is_later and not self.process.is_over and (operation is None or operation.refund_id is None):
            self.charge.hinted = True
        elif self.books.charge is not None:
            self._hint_late()

    def _hint_late(self) -> None:
        self.start_reconcile()
        if self.late is not None:
            self.late[0].hinted = True

    def note(self, words: str) -> None:
        """Write a line of the trace."""
        at = (self.timeline.now - BEGINNING).total_seconds()
        status = self.books.charge.status if self.books.charge is not None else "-"
        self.trace.append(f"{at:14.3f} {status:<18} {words}")

    async def _run(self, charge: ChargeSteps) -> None:
        standing = await charge.open()
        charge.view = standing.view
        try:
            await charge_process.run(charge, standing)
        except BeganAnew:
            self.note("the process begins anew")
            self.start()
        else:
            self.note("the process has ended")

    def _gateway(self, name: str) -> Gateway:
        gateway = Gateway(name, self.timeline, self.chance, self.conditions.habits, self._changed)
        gateway.first_asked = self._first_asked
        return gateway

    def _calls(self, name: str) -> Calls:
        road = Road(name, self.timeline, self.chance, self.conditions.weather[name])
        return Calls(self.gateways[name], road, self.timeline, self.chance, self.books)

    def _changed(self, operation_id: str, reference: str) -> None:
        self.note(f"something happens to {reference}")
        if not self.chance.happens(self.conditions.hints_lost):
            self.timeline.after(self.chance.seconds(0.05, 3600), lambda: self.hint(operation_id))

    def _first_asked(self, request: OperationRequest) -> None:
        self.note(f"{request.operation_id} reaches {request.gateway}")
        if request.operation_id not in self.books.operations:
            self.violations.append(f"I3: {request.operation_id} is asked for and not written down")
        if (
            request.operation_id in self.gateways[request.gateway].stored
            and request.kind is not OperationKind.AUTHORIZE
        ):
            payment = self.gateways[request.gateway].payment(request)
            if payment.status != "approved":
                self.violations.append(f"I3: {request.operation_id} is sent again under a key that is forgotten")
