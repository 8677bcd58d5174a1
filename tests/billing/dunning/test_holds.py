"""What keeps tries back, for how long, and what becomes of the deadline: pauses, promises, disputes, legal holds, outages."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from billing.dunning.decide import deadline_of, decide
from billing.dunning.decision import TryAgain, Wait, WaitingFor
from billing.dunning.decline_classes import Answer
from billing.dunning.history import Event, EventKind, GatewayOutage
from billing.dunning.standing import LONGEST_HOLD
from tests.billing.dunning.histories import (
    CODES,
    DAY,
    FAILED_AT,
    HOUR,
    default,
    event,
    fixed,
    history,
    method,
)

BEGAN = FAILED_AT + DAY
ENDS = FAILED_AT + 10 * DAY


@pytest.mark.parametrize(
    ("kind", "until", "waiting_for"),
    [
        (EventKind.PAUSED, ENDS, WaitingFor.PAUSE),
        (EventKind.PROMISED, ENDS, WaitingFor.PROMISE),
        (EventKind.DISPUTE_OPENED, None, WaitingFor.DISPUTE),
        (EventKind.LEGAL_HOLD_BEGAN, None, WaitingFor.LEGAL_HOLD),
    ],
)
def test_a_hold_keeps_every_try_back(kind: EventKind, until: datetime | None, waiting_for: WaitingFor) -> None:
    """Nobody is charged while a court, a bank or their own word stands in between."""
    held = history(events=(Event(kind=kind, at=BEGAN, until=until),))
    decision = decide(held, fixed(), BEGAN)
    assert isinstance(decision, Wait)
    assert (decision.waiting_for, decision.until) == (waiting_for, until or BEGAN + LONGEST_HOLD)


@pytest.mark.parametrize("kind", [EventKind.PAUSED, EventKind.DISPUTE_OPENED])
def test_after_a_hold_there_is_time_for_a_try(kind: EventKind) -> None:
    """A hold that outlasts the deadline moves it: nobody is cancelled for what was on hold."""
    ends = FAILED_AT + 40 * DAY
    events = (
        (event(kind, BEGAN, ends),)
        if kind is EventKind.PAUSED
        else (event(kind, BEGAN), event(EventKind.DISPUTE_CLOSED, ends))
    )
    held = history(events=events)
    assert deadline_of(held, fixed()) == ends + 3 * DAY
    decision = decide(held, fixed(), ends)
    assert isinstance(decision, TryAgain)
    assert ends <= decision.at < ends + 3 * DAY


def test_a_promise_is_taken_at_its_word() -> None:
    """The customer said when the money is there: it is tried then, and not before."""
    promised = history(events=(event(EventKind.PROMISED, BEGAN, ENDS),))
    decision = decide(promised, default(), ENDS)
    assert isinstance(decision, TryAgain)
    assert (decision.at, decision.is_rung) == (ENDS, True)


def test_a_promise_gives_way_to_a_new_card() -> None:
    """Whoever promised and then gave a card pays now."""
    added_at = BEGAN + HOUR
    promised = history(
        methods=[method("pm_2", added_at=added_at), method()], events=(event(EventKind.PROMISED, BEGAN, ENDS),)
    )
    decision = decide(promised, default(), added_at)
    assert isinstance(decision, TryAgain)
    assert (decision.method, decision.at) == ("pm_2", added_at)


@pytest.mark.parametrize("kind", [EventKind.RESUMED, EventKind.RETRIED_NOW])
def test_a_pause_is_ended_by_a_command(kind: EventKind) -> None:
    """A person may take back what a person said."""
    events = (event(EventKind.PAUSED, BEGAN, ENDS), event(kind, BEGAN + HOUR))
    assert isinstance(decide(history(events=events), fixed(), BEGAN + HOUR), TryAgain)


@pytest.mark.parametrize("kind", [EventKind.DISPUTE_OPENED, EventKind.LEGAL_HOLD_BEGAN])
def test_a_dispute_or_a_legal_hold_is_not_ended_by_a_command_to_try(kind: EventKind) -> None:
    """Only its own end ends it: a person's impatience does not."""
    events = (event(kind, BEGAN), event(EventKind.RETRIED_NOW, BEGAN + HOUR), event(EventKind.RESUMED, BEGAN + HOUR))
    assert isinstance(decide(history(events=events), fixed(), BEGAN + HOUR), Wait)


def test_the_longest_of_several_holds_counts() -> None:
    """The end of one is not the end of the other."""
    events = (event(EventKind.PAUSED, BEGAN, ENDS), event(EventKind.PROMISED, BEGAN + HOUR, ENDS + DAY))
    decision = decide(history(events=events), fixed(), BEGAN + HOUR)
    assert isinstance(decision, Wait)
    assert decision.until == ENDS + DAY


def test_an_extension_moves_the_deadline() -> None:
    """A person gave more time; the schedule goes on in it."""
    extended = history(events=(event(EventKind.EXTENDED, BEGAN, FAILED_AT + 60 * DAY),))
    assert deadline_of(extended, fixed()) == FAILED_AT + 60 * DAY


@pytest.mark.parametrize(
    ("kind", "until"), [(EventKind.PAUSED, None), (EventKind.RESUMED, ENDS), (EventKind.PAUSED, BEGAN)]
)
def test_a_command_says_until_when_or_is_refused(kind: EventKind, until: datetime | None) -> None:
    """A pause without an end would be for ever, and one that is over would do nothing."""
    with pytest.raises(ValueError, match="until"):
        Event(kind=kind, at=BEGAN, until=until)


def outage(began: datetime, ended: datetime | None = None, gateway: str = "stripe") -> GatewayOutage:
    return GatewayOutage(gateway=gateway, began_at=began, ended_at=ended)


def test_nothing_is_tried_at_a_gateway_that_is_down() -> None:
    """The try that was due waits for the end, and is looked at again and again meanwhile."""
    due = decide(history(), fixed(), FAILED_AT)
    assert isinstance(due, TryAgain)
    down = history(outages=(outage(due.at - HOUR),))
    for minutes in (0, 10, 29, 30, 6000):
        now = due.at + timedelta(minutes=minutes)
        decision = decide(down, fixed(), now)
        assert isinstance(decision, Wait)
        assert decision.waiting_for is WaitingFor.OUTAGE
        assert now < decision.until <= now + timedelta(minutes=30)


def test_an_outage_does_not_move_a_try_that_is_not_due_yet() -> None:
    """It is planned for days from now: by then the gateway is up again, or it is looked at then."""
    down = history(outages=(outage(FAILED_AT),))
    decision = decide(down, fixed(), FAILED_AT)
    assert decision == decide(history(), fixed(), FAILED_AT)


def test_after_an_outage_the_tries_are_spread() -> None:
    """A thousand invoices that waited do not fall upon the gateway in one second: each has a moment by its id."""
    began, ended = FAILED_AT + 2 * DAY, FAILED_AT + 4 * DAY
    moments = set()
    for number in range(50):
        one = history(outages=(outage(began, ended),))
        one = one.having(invoice=one.invoice.model_copy(update={"invoice_id": f"in_{number}"}))
        decision = decide(one, fixed(), ended)
        assert isinstance(decision, TryAgain)
        assert ended <= decision.at < ended + 2 * HOUR
        assert decide(one, fixed(), decision.at) == decision
        moments.add(decision.at)
    assert len(moments) > 45


def test_an_outage_that_was_over_before_moves_nothing() -> None:
    """What is past has no say in what is planned."""
    over = history(outages=(outage(FAILED_AT - 2 * DAY, FAILED_AT - DAY),))
    assert decide(over, fixed(), FAILED_AT) == decide(history(), fixed(), FAILED_AT)


def test_a_backup_at_another_gateway_takes_over_in_an_outage() -> None:
    """The customer's other card is where the other gateway works."""
    two = [method("pm_1"), method("pm_2", gateway="paypal")]
    down = history(CODES["technical"], methods=two, outages=(outage(FAILED_AT - HOUR),))
    decision = decide(down, fixed(), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert decision.method == "pm_2"


@pytest.mark.parametrize("lasted", [timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=3)])
def test_renewals_that_fell_into_an_outage_come_back_spread(lasted: timedelta) -> None:
    """A thousand of the same midnight, whose next try would be in the same second, however soon the gateway was up again."""
    lost = Answer(code="gateway_unreachable")
    down = outage(FAILED_AT + timedelta(minutes=1), FAILED_AT + timedelta(minutes=1) + lasted)
    per_minute: Counter[int] = Counter()
    for number in range(1000):
        one = history(lost, outages=(down,))
        invoice = one.invoice.model_copy(update={"invoice_id": f"sub_{number}.0"})
        one = one.having(invoice=invoice, tries=(one.tries[0].model_copy(update={"at_network": False}),))
        assert down.ended_at is not None
        decision = decide(one, default(), down.ended_at)
        assert isinstance(decision, TryAgain)
        assert decision.at >= down.ended_at
        assert decide(one, default(), decision.at) == decision
        per_minute[int((decision.at - FAILED_AT).total_seconds()) // 60] += 1
    spread_minutes = default().outages.spread_minutes
    assert len(per_minute) > 0.9 * (spread_minutes - 20)
    assert max(per_minute.values()) < 4 * 1000 / spread_minutes


def test_what_is_spread_still_comes_before_the_deadline() -> None:
    """An outage that ends an hour before the end of dunning costs nobody their last try."""
    policy = fixed()
    deadline = deadline_of(history(), policy)
    down = outage(deadline - 5 * HOUR, deadline - HOUR)
    for number in range(50):
        one = history(CODES["technical"], outages=(down,))
        invoice = one.invoice.model_copy(update={"invoice_id": f"in_{number}"})
        late = one.tries[0].model_copy(update={"at": deadline - 5 * HOUR})
        decision = decide(one.having(invoice=invoice, tries=(*one.tries, late)), policy, deadline - HOUR)
        assert isinstance(decision, TryAgain)
        assert deadline - HOUR <= decision.at < deadline


def test_a_command_after_an_outage_is_not_spread() -> None:
    """A person who asks when the gateway is up again does not wait for the lot of others."""
    down = outage(FAILED_AT, FAILED_AT + HOUR)
    asked = event(EventKind.RETRIED_NOW, FAILED_AT + HOUR + timedelta(minutes=1))
    decision = decide(history(CODES["technical"], events=(asked,), outages=(down,)), default(), asked.at)
    assert isinstance(decision, TryAgain)
    assert decision.at == asked.at
