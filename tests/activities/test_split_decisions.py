"""What follows for a split, from every combination of where its legs can stand: all or nothing, and nothing in between."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from activities.split_decisions import Begin, CallOff, Capture, End, State, Verdict, Wait, decide, state_of
from ledger.charges import ChargeStatus
from ledger.split_legs import Leg
from ledger.splits import SplitStatus
from tests.activities.split_rows import NOW, leg, split

S = ChargeStatus
KINDS: tuple[dict[str, Any], ...] = (
    {"status": None},
    {"status": None, "started_at": NOW},
    {"status": None, "started_at": NOW, "refusal": "no gateway"},
    *({"status": status} for status in S),
    {"status": S.AUTHORIZED, "capture_refused": True},
    {"status": S.AUTHORIZED, "canceled_by": "person:p"},
    {"status": S.CAPTURED, "canceled_by": "person:p"},
    {"status": S.CAPTURED, "canceled_by": "person:p", "refund_waits": True},
    {"status": S.NEEDS_REVIEW, "canceled_by": "person:p"},
    {"status": S.UNKNOWN, "canceled_by": "person:p"},
)
"""Every way in which the row of a leg can stand."""
NOTHING = {State.UNTOUCHED, State.GONE}


def legs_of(kinds: tuple[dict[str, Any], ...]) -> list[Leg]:
    return [leg(number, **{"status": None, **kind}) for number, kind in enumerate(kinds, start=1)]


def holds_up(each: Leg) -> bool:
    """Whether the legs before it wait until it is undone."""
    slow = each.status in {S.PENDING, S.NEEDS_REVIEW} or each.refund_waits
    return state_of(each) not in NOTHING and not slow


def check(legs: list[Leg], verdict: Verdict, *, canceled: bool) -> None:
    """Hold a verdict to what the split promises."""
    states = [state_of(each) for each in legs]
    lost = canceled or any(
        state in {State.GONE, State.SPOILT} or each.canceled_by for state, each in zip(states, legs, strict=True)
    )
    match verdict.step:
        case Begin(leg=number):
            assert not lost
            assert legs[number - 1].status is None
            assert states[number - 1] is not State.GONE
            assert set(states[: number - 1]) <= {State.HELD, State.TAKEN}
        case Capture(leg=number):
            assert not lost
            assert set(states) <= {State.HELD, State.TAKEN}
            assert states.index(State.HELD) == number - 1
        case CallOff(legs=numbers):
            assert lost
            assert list(numbers) == sorted(numbers, reverse=True)
            assert not [each for each in legs if each.number > numbers[-1] and holds_up(each)]
            assert all(states[number - 1] not in NOTHING for number in numbers)
            assert {each.number for each in legs if state_of(each) not in NOTHING} >= set(numbers)
        case Wait():
            assert not lost
            first = next(each for each in legs if state_of(each) is State.UNDER_WAY)
            assert first.status is not None, "a leg without a charge waits for nothing"
        case End() if verdict.status is SplitStatus.CAPTURED:
            assert not lost
            assert set(states) == {State.TAKEN}
        case End():
            assert verdict.status is SplitStatus.UNDONE
            assert lost
            assert set(states) <= NOTHING
    assert (verdict.because is not None) == lost
    assert (verdict.status is SplitStatus.NEEDS_REVIEW) == any(each.status is S.NEEDS_REVIEW for each in legs)


@pytest.mark.parametrize("canceled_by", [None, "person:p"])
def test_whatever_the_legs_say_it_is_all_or_nothing(canceled_by: str | None) -> None:
    """No leg is taken before all are reserved, none goes on once one is lost, and the end is whole or empty."""
    row = split(canceled_by=canceled_by)
    for kinds in itertools.product(KINDS, repeat=3):
        legs = legs_of(kinds)
        check(legs, decide(row, legs), canceled=canceled_by is not None)


LATER: dict[State, tuple[dict[str, Any], ...]] = {
    State.UNDER_WAY: (
        {"status": S.AUTHORIZED},
        {"status": S.DECLINED, "decline_code": "do_not_honor"},
        {"status": S.NEEDS_REVIEW},
        {"status": S.UNKNOWN},
        {"status": S.PENDING},
        {"status": S.REQUIRES_ACTION},
        {"status": S.CANCELED},
    ),
    State.HELD: ({"status": S.EXPIRED}, {"status": S.VOIDED}, {"status": S.PARTIALLY_CAPTURED}),
}
"""What may become of a leg by itself."""


@given(some.data())
def test_every_history_of_a_split_ends_whole_or_empty(data: some.DataObject) -> None:
    """Once it turns back it never goes forward again, and where it ends, it is whole or empty."""
    row, legs, has_turned = split(), legs_of(({}, {}, {})), False
    for _ in range(60):
        verdict = decide(row, legs)
        assert not (has_turned and verdict.because is None)
        has_turned = verdict.because is not None
        row = row.model_copy(update={"status": verdict.status, "because": verdict.because})
        match verdict.step:
            case Begin(leg=number):
                legs[number - 1] = leg(number, S.PROCESSING)
            case Capture(leg=number):
                answers: list[dict[str, Any]] = [{"status": S.CAPTURED}, {"capture_refused": True}]
                taken = data.draw(some.sampled_from(answers))
                legs[number - 1] = legs[number - 1].model_copy(update=taken)
            case CallOff(legs=numbers):
                for number in numbers:
                    legs[number - 1] = _called_off(legs[number - 1], settle=data.draw(some.booleans()))
            case Wait():
                _something_happens(legs, data)
            case End():
                break
        if row.canceled_by is None and data.draw(some.integers(0, 9)) == 0:
            row = row.model_copy(update={"canceled_by": "person:p"})
    states = {state_of(each) for each in legs}
    assert row.status is not SplitStatus.CAPTURED or states == {State.TAKEN}
    assert row.status is not SplitStatus.UNDONE or states <= NOTHING


def _called_off(each: Leg, *, settle: bool) -> Leg:
    """It is on its way back, or there."""
    back = {S.AUTHORIZED: S.VOIDED, S.CAPTURED: S.REFUNDED, S.PARTIALLY_CAPTURED: S.REFUNDED}
    after = back.get(each.status or S.PROCESSING, S.CANCELED) if settle else each.status
    return each.model_copy(update={"canceled_by": "workflow:split/sp_1", "status": after})


def _something_happens(legs: list[Leg], data: some.DataObject) -> None:
    moving = [each for each in legs if state_of(each) in LATER]
    each = data.draw(some.sampled_from(moving))
    legs[each.number - 1] = each.model_copy(update=data.draw(some.sampled_from(LATER[state_of(each)])))


def test_a_split_that_was_whole_once_is_not_undone_by_what_becomes_of_a_leg() -> None:
    """Who gives one leg back later does not want the others back."""
    legs = [leg(1, S.CAPTURED), leg(2, S.REFUNDED, canceled_by="person:p")]
    assert decide(split(2, status=SplitStatus.CAPTURED), legs).step == End()
    called_off = split(2, status=SplitStatus.CAPTURED, canceled_by="person:p")
    assert decide(called_off, legs).step == CallOff(legs=(1,))


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        (
            {"status": S.DECLINED, "decline_code": "do_not_honor", "message": "no"},
            "leg 2 (sp_1.2) is declined: do_not_honor: no",
        ),
        (
            {"status": S.AUTHORIZED, "capture_refused": True, "message": "no"},
            "leg 2 (sp_1.2) could not be captured: no",
        ),
        ({"status": None, "refusal": "no gateway"}, "leg 2 (sp_1.2) was not made: no gateway"),
        ({"status": S.AUTHORIZED, "canceled_by": "person:p"}, "leg 2 (sp_1.2) was canceled by person:p"),
        ({"status": S.PARTIALLY_CAPTURED}, "leg 2 (sp_1.2) is partially captured"),
    ],
)
def test_why_it_is_undone_is_said_once_and_stays(lost: dict[str, Any], why: str) -> None:
    """When all is given back, the row still says which leg failed first, and how."""
    legs = [leg(1, S.AUTHORIZED), leg(2, **lost)]
    verdict = decide(split(2), legs)
    assert verdict.because == why
    later = split(2, status=verdict.status, because=verdict.because)
    undone = [leg(1, S.VOIDED, canceled_by="w"), leg(2, S.VOIDED, canceled_by="w")]
    assert decide(later, undone) == Verdict(status=SplitStatus.UNDONE, step=End(), because=why)


def test_whoever_has_to_act_is_named() -> None:
    """A person before the customer, the customer before a gateway that takes its time."""
    held = leg(1, S.AUTHORIZED)
    review = decide(split(2), [held, leg(2, S.NEEDS_REVIEW, message="look at pi_1")])
    assert (review.status, review.step) == (SplitStatus.NEEDS_REVIEW, Wait())
    assert review.message == "leg 2 (sp_1.2) needs review: look at pi_1"
    assert decide(split(2), [held, leg(2, S.REQUIRES_ACTION)]).status is SplitStatus.REQUIRES_ACTION
    assert decide(split(2), [held, leg(2, S.PENDING)]).status is SplitStatus.PENDING
    assert decide(split(2), [held, leg(2, S.UNKNOWN)]).status is SplitStatus.PROCESSING
