"""The life of a charge as a seed draws it: the same gateways, customer and merchant, however its events come.

People act upon what they see and not at moments, and nothing of what is drawn depends on what was drawn before, so that
whatever differs between two ways of a life's events is what the events have done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gateways.errors import OutcomeUnknown
from gateways.port import OperationRequest, Outcome
from ledger.charges import AtExpiry, CaptureMode, ChargeRequest, ChargeStatus
from ledger.entries import Entry
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.refunds import RefundRequest
from tests.simulation import verdict
from tests.simulation.announcements import AnnouncingGateway, DiceByOperation, Event
from tests.simulation.calls import Calls
from tests.simulation.chance import Chance
from tests.simulation.payments import Habits, Payment
from tests.simulation.people import MERCHANT, People
from tests.simulation.post import Inbox, Post
from tests.simulation.run import AMOUNT, PLAYED_FOR, READ_FOR
from tests.simulation.system import GATEWAYS, Conditions, System
from tests.simulation.timeline import BEGINNING
from tests.simulation.weather import TIMEOUT, Road, Weather
from tests.simulation.world import Troubles

LIVELY = Habits(
    declines=0.2,
    asks_customer=0.3,
    takes_time=0.35,
    succeeds_late=0.3,
    fee_comes_late=0.4,
    refuses_capture=0.0,
    refunds_fail=0.1,
    refunds_return=0.3,
)
"""Gateways at which a lot happens that only events tell soon."""
UNSTEADY = Weather(lost_before=0.05, rate_limited=0.05)
ANSWERS_LOST = 0.1
HEARD_WITHIN = timedelta(minutes=1)
RULES: Mapping[str, set[str]] = {
    "held": {"authorized"},
    "taken": {"captured", "captured_in_excess"},
    "fee": {"fee_charged"},
    "refund succeeded": {"refund_succeeded"},
    "refund failed": {"refund_failed", "excess_refund_returned"},
}
"""What the books say where an event tells of money."""
DAY_SECONDS = 86_400
CUSTOMER_SECONDS = (300, 1500)
"""A customer who acts does so too late for another attempt, and well before the time for it is over: no poll decides that."""
DOUBTS = {"outcome_unknown", "outcome_known"}
"""Entries that come and go while an outcome is not known: they tell of us and not of what happened."""


@dataclass(frozen=True)
class Ending:
    """What the books say in the end, without times; operations go by what they were for, whichever was asked first."""

    status: ChargeStatus
    captured_minor: int
    refunded_minor: int
    outcomes: dict[str, str | None]
    journal: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Life:
    """What came of a seed."""

    ending: Ending
    events: tuple[str, ...]
    """What happened at the gateways that they tell of, in order."""
    verdicts: tuple[tuple[str, str], ...]
    violations: tuple[str, ...]
    unheard: tuple[str, ...]
    trace: tuple[str, ...]


@dataclass
class AnnouncedSystem(System):
    """A charge with all that there is around it, and events on their way."""

    seed: int = 0
    post: Post = lambda _event, _deliver: None
    answers_lost: float = 0.0
    events: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    """Events of which the books did not say a minute later what they tell."""

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.inbox = Inbox(self)
        super().__post_init__()

    def purpose(self, operation_id: str) -> str:
        """Name an operation by what it is for: `capture for attempt:1`."""
        operation = self.books.operations[operation_id]
        return f"{operation.kind} for {operation.purpose}"

    def prove(self) -> None:
        """Do what `prove` is run for each night: have a charge that has ended looked at again."""
        if self.books.charge is not None and self.process.is_over:
            self.start_reconcile()

    def _gateway(self, name: str) -> AnnouncingGateway:
        dice = DiceByOperation(self.seed)
        gateway = AnnouncingGateway(name, self.timeline, dice, self.conditions.habits, self._changed)
        gateway.first_asked, gateway.announce, gateway.purpose = self._first_asked, self._announced, self.purpose
        return gateway

    def _calls(self, name: str) -> "Calls":
        road = Road(name, self.timeline, self.chance, self.conditions.weather[name])
        return CallsWithLostAnswers(
            self.gateways[name],
            road,
            self.timeline,
            self.chance,
            self.books,
            self.seed,
            self.purpose,
            self.answers_lost,
        )

    def _changed(self, operation_id: str, reference: str) -> None:
        super()._changed(operation_id, reference)
        for gateway in self.gateways.values():
            assert isinstance(gateway, AnnouncingGateway)
            gateway.announce_changes()

    def _announced(self, event: Event) -> None:
        self.note(f"event: {event.name}")
        self.events.append(event.name)
        self.post(event, self.inbox.deliver)
        self.timeline.after(HEARD_WITHIN, lambda: self._look_for(event))

    def _look_for(self, event: Event) -> None:
        """Look whether the books say what an event tells of an operation that somebody waits for or follows.

        The fee of what is given back can wait.
        """
        operations, rules = self.books.operations, RULES.get(event.what, set())
        (operation,) = (each for each in operations.values() if self.purpose(each.operation_id) == event.purpose)
        given_back = operation.excess or self.books.known().canceled_by is not None
        never_made = operation.compensates is not None and event.what == "refund failed"
        if not rules or never_made or (event.what == "fee" and given_back):
            return
        booked = (operations[_operation_id(entry)] for entry in self.books.entries.values() if entry.rule in rules)
        by_refund = operation.kind == "refund"
        if not any(
            each is operation or (not by_refund and each.payment_reference == operation.payment_reference)
            for each in booked
        ):
            self.unheard.append(event.name)


@dataclass
class CallsWithLostAnswers(Calls):
    """Calls whose answers are lost by what the operation is for and the number of the attempt."""

    seed: int
    purpose: Callable[[str], str]
    share: float

    async def _perform(self, operation: OperationRequest, attempt: int) -> Outcome:
        answer = await super()._perform(operation, attempt)
        if Chance(f"{self.seed} {self.purpose(operation.operation_id)} {attempt}").happens(self.share):
            await self.timeline.sleep(TIMEOUT)
            raise OutcomeUnknown(self.gateway.name, "no answer")
        return answer


def live(seed: int, post: Post, gateways: Sequence[str] = GATEWAYS, *, calm: bool = False) -> Life:
    """Play the life of a seed to its end, with events that come by this post; the customer can pay at these gateways.

    `calm` where no answer of a gateway is lost and no request is refused.
    """
    conditions = _conditions(Chance(f"{seed} life"), gateways)
    if not calm:
        conditions.weather = dict.fromkeys(GATEWAYS, UNSTEADY)
    lost = 0.0 if calm else ANSWERS_LOST
    system = AnnouncedSystem(conditions, Chance(seed), seed=seed, post=post, answers_lost=lost)
    system.timeline.spawn("customer", _customer(system))
    system.timeline.spawn("merchant", _merchant(system))
    for day in range(1, PLAYED_FOR.days):
        system.timeline.at(BEGINNING + timedelta(days=day), system.prove)
    try:
        system.timeline.run(BEGINNING + PLAYED_FOR)
        system.prove()
        system.timeline.run(BEGINNING + PLAYED_FOR + READ_FOR)
        return Life(
            ending=_ending(system),
            events=tuple(system.events),
            verdicts=tuple(system.inbox.verdicts),
            violations=tuple(verdict.violations(system)),
            unheard=tuple(system.unheard),
            trace=tuple(system.trace),
        )
    finally:
        system.timeline.close()


def _conditions(chance: Chance, gateways: Sequence[str]) -> Conditions:
    methods = tuple(PaymentMethod(gateway=name, token=f"{name}_token") for name in gateways)
    request = ChargeRequest(
        charge_id="ch_1",
        amount=Money(amount_minor=AMOUNT, currency="USD"),
        customer="cus_1",
        payment_methods=methods,
        gateway=chance.one_of(gateways),
        capture=CaptureMode.MANUAL if chance.happens(0.4) else CaptureMode.AUTOMATIC,
        at_expiry=AtExpiry.CAPTURE if chance.happens(0.3) else AtExpiry.VOID,
        invoice="in_1" if chance.happens(0.3) else None,
        actor="program:checkout",
    )
    return Conditions(request, LIVELY, dict.fromkeys(GATEWAYS, Weather()), Troubles(), hints_lost=1.0)


async def _customer(system: AnnouncedSystem) -> None:
    """Act upon each payment that waits for it, or leave it."""
    seen: set[str] = set()

    def waiting() -> list[tuple[AnnouncingGateway, Payment]]:
        found = ((gateway, payment) for gateway in system.gateways.values() for payment in gateway.payments.values())
        return [
            (gateway, payment)
            for gateway, payment in found
            if payment.status == "action" and payment.reference not in seen and isinstance(gateway, AnnouncingGateway)
        ]

    while True:
        await system.timeline.wait(lambda: bool(waiting()), None)
        gateway, payment = waiting()[0]
        seen.add(payment.reference)
        chance = Chance(f"{system.seed} customer of {system.purpose(payment.operation_id)}")
        if chance.happens(0.85):
            await system.timeline.sleep(chance.seconds(*CUSTOMER_SECONDS))
            gateway.customer_acts(payment)


async def _merchant(system: AnnouncedSystem) -> None:
    """Capture or release what is held; give some of what was taken back, or all of it by a cancellation."""
    chance = Chance(f"{system.seed} merchant")
    people = People(system, chance)
    timeline = system.timeline
    if system.conditions.request.capture is CaptureMode.MANUAL:
        await timeline.wait(lambda: _status(system) is ChargeStatus.AUTHORIZED, None)
        await timeline.sleep(chance.seconds(1, DAY_SECONDS))
        if chance.happens(0.8):
            people.capture()
        elif chance.happens(0.5):
            people.void()
    await timeline.wait(lambda: system.books.charge is not None and system.books.charge.captured_minor > 0, None)
    await timeline.sleep(chance.seconds(1, DAY_SECONDS))
    if chance.happens(0.2):
        people.cancel()
    elif chance.happens(0.75):
        whole = system.books.known().captured_minor
        first = chance.number(1, whole - 1) if chance.happens(0.6) else whole
        _refund(system, "re_1", first)
        if first < whole and chance.happens(0.5):
            await timeline.sleep(chance.seconds(1, DAY_SECONDS))
            _refund(system, "re_2", whole - first)


def _refund(system: AnnouncedSystem, refund_id: str, amount_minor: int) -> None:
    system.start_refund(RefundRequest(refund_id=refund_id, charge_id="ch_1", amount_minor=amount_minor, actor=MERCHANT))


def _status(system: AnnouncedSystem) -> ChargeStatus | None:
    return None if system.books.charge is None else system.books.charge.status


def _ending(system: AnnouncedSystem) -> Ending:
    charge, operations = system.books.known(), system.books.operations
    purposes = {name: system.purpose(name) for name in operations}
    return Ending(
        status=charge.status,
        captured_minor=charge.captured_minor,
        refunded_minor=charge.refunded_minor,
        outcomes={purposes[name]: each.outcome for name, each in operations.items()},
        journal={
            _reference(entry, purposes): _lines(entry)
            for entry in system.books.entries.values()
            if entry.rule not in DOUBTS
        },
    )


def _reference(entry: Entry, purposes: dict[str, str]) -> str:
    operation_id = _operation_id(entry)
    return entry.reference.replace(operation_id, purposes[operation_id], 1)


def _operation_id(entry: Entry) -> str:
    return ":".join(entry.reference.split(":")[:3])


def _lines(entry: Entry) -> tuple[str, ...]:
    return (entry.rule, *(f"{line.side} {line.account.code} {line.money}" for line in entry.lines))
