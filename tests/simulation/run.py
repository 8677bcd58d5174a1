"""A run: the seed's scenario, played to its end, read once more, and judged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ledger.charges import AtExpiry, CaptureMode, ChargeRequest, ChargeStatus
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from tests.simulation import verdict
from tests.simulation.chance import Chance
from tests.simulation.payments import Habits
from tests.simulation.people import People, soon_or_late
from tests.simulation.system import GATEWAYS, Conditions, System
from tests.simulation.timeline import BEGINNING, NoProgress
from tests.simulation.weather import Weather
from tests.simulation.world import Troubles

PLAYED_FOR = timedelta(days=75)
"""Longer than everything that a charge waits for by itself: an authorization, a bank, a person who is asked."""
READ_FOR = timedelta(days=40)
AMOUNT = 4999


@dataclass(frozen=True)
class Run:
    """What came of a seed."""

    seed: int
    trace: tuple[str, ...]
    violations: tuple[str, ...]


def play(seed: int) -> Run:
    """Play a seed; the same one gives the same trace."""
    chance = Chance(seed)
    system = System(_conditions(chance), chance)
    _invite(People(system, chance), chance, system)
    try:
        system.timeline.run(BEGINNING + PLAYED_FOR)
        if system.books.charge is not None:
            for calls in system.calls.values():
                calls.road.weather = Weather()
            system.start_reconcile()  # the final reading: what the gateways say once more, whatever was lost before
            system.timeline.run(BEGINNING + PLAYED_FOR + READ_FOR)
    except NoProgress as error:
        return Run(seed, tuple(system.trace), (f"I5: {error}",))
    else:
        return Run(seed, tuple(system.trace), tuple(verdict.violations(system)))
    finally:
        system.timeline.close()


def _conditions(chance: Chance) -> Conditions:
    mild = chance.happens(0.3)
    return Conditions(
        request=_request(chance),
        habits=Habits(takes_back=0.08) if not chance.happens(0.03) else Habits(overcharges=0.5),
        weather={name: _weather(chance, mild=mild) for name in GATEWAYS},
        troubles=_troubles(chance),
        hints_lost=chance.one_of((0.0, 0.3, 1.0)),
        full_after=chance.number(15, 60) if chance.happens(0.2) else None,
    )


def _request(chance: Chance) -> ChargeRequest:
    methods = tuple(PaymentMethod(gateway=name, token=f"{name}_token") for name in GATEWAYS)
    confirm_by = BEGINNING + chance.seconds(5, 10 * 86400) if chance.happens(0.3) else None
    return ChargeRequest(
        charge_id="ch_1",
        amount=Money(amount_minor=AMOUNT, currency="USD"),
        customer="cus_1",
        payment_methods=methods if chance.happens(0.8) else methods[:1],
        capture=CaptureMode.MANUAL if chance.happens(0.5) else CaptureMode.AUTOMATIC,
        at_expiry=AtExpiry.CAPTURE if chance.happens(0.3) else AtExpiry.VOID,
        gateway=chance.one_of((None, "stripe")),
        invoice="in_1" if chance.happens(0.3) else None,
        confirm_by=confirm_by,
        actor="program:checkout",
    )


def _weather(chance: Chance, *, mild: bool) -> Weather:
    if mild:
        return Weather(lost_after=0.02, rate_limited=0.02)
    rough = chance.one_of((0.02, 0.1, 0.3))
    silent = None
    if chance.happens(0.2):
        begins = BEGINNING + chance.seconds(0.1, 9 * 86400)
        silent = (begins, begins + chance.seconds(60, 9 * 86400))
    return Weather(
        refused=chance.one_of((0.0, 0.05, 0.5)),
        lost_before=rough,
        lost_after=rough,
        error_before=chance.one_of((0.0, 0.1, 0.3)),
        error_after=0.05,
        key_in_use=0.03,
        rate_limited=0.05,
        slow=0.1,
        stopped=0.05,
        killed=0.05,
        silent=silent,
    )


def _troubles(chance: Chance) -> Troubles:
    if chance.happens(0.5):
        return Troubles()
    again = chance.one_of((0.0, 0.05, 0.3))
    return Troubles(outage=0.02, rolled_back=0.05, answer_lost=0.05, again_later=again)


def _invite(people: People, chance: Chance, system: System) -> None:
    """Let people come at their moments; a person who is asked looks again and again."""
    hurried = chance.happens(0.5)

    def come(deed: Callable[[], None], share: float) -> None:
        if chance.happens(share):
            system.timeline.after(chance.seconds(0.02, 90) if hurried else soon_or_late(chance), deed)

    for _ in range(2):
        come(people.cancel, 0.25)
        come(people.capture, 0.5)
        come(people.void, 0.12)
        come(people.refund, 0.15)
        come(people.hint, 0.5)
        come(people.reset, 0.2)
        come(people.act, 0.5)
    come(people.confirm, 0.7)
    for day in range(60):
        if chance.happens(0.3):
            system.timeline.at(BEGINNING + timedelta(days=day, hours=chance.number(0, 23)), people.review)
    assert system.charge.view.status is ChargeStatus.PROCESSING
