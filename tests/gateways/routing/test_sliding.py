"""Counts that are kept are those that a scan of the outcomes would find, in whatever order the outcomes came."""

from collections import Counter
from datetime import timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.routing.segments import ALL, Segment, segments_of
from gateways.routing.sliding import Outcome, SlidingOutcomes
from gateways.routing.windows import NO_RUN, OutcomeClass, Tally, class_of
from tests.gateways.routing.asks import NOW

WINDOW = timedelta(seconds=60)
CLASSES = list(OutcomeClass)


def outcome(
    seconds: int, operation: str, gateway: str = "stripe", word: str = "approved", brand: str | None = None
) -> Outcome:
    return Outcome(NOW + timedelta(seconds=seconds), operation, gateway, OutcomeClass(word), "USD", brand)


OUTCOMES = st.lists(
    st.builds(
        outcome,
        st.integers(-100, 0),
        st.integers(0, 12).map(lambda number: f"op_{number}"),
        st.sampled_from(["stripe", "paypal"]),
        st.sampled_from([str(word) for word in CLASSES]),
        st.sampled_from([None, "visa"]),
    ),
    max_size=40,
)


@given(OUTCOMES, st.integers(1, 12), st.integers(1, 40))
def test_kept_counts_are_those_of_a_scan(outcomes: list[Outcome], most: int, batch: int) -> None:
    """Out of order, twice, decided anew, or too many: what counts is the latest outcome of each recent operation."""
    sliding = SlidingOutcomes(WINDOW, most)
    for start in range(0, len(outcomes), batch):
        sliding.add(outcomes[start : start + batch])
    latest: dict[str, Outcome] = {}
    for one in outcomes:
        if one.operation_id not in latest or latest[one.operation_id].decided_at < one.decided_at:
            latest[one.operation_id] = one
    kept = sorted(one for one in latest.values() if one.decided_at >= NOW - WINDOW)[-most:]
    windows = sliding.at(NOW)
    assert len(sliding) == len(kept)
    scanned = Counter(
        (one.gateway, segment, one.outcome_class)
        for one in kept
        for segment in segments_of(one.currency, one.brand, one.card_country)
    )
    assert {(gateway, segment) for gateway, segment, _ in scanned} == set(windows.tallies)
    for gateway, segment in windows.tallies:
        tally = Tally(*(scanned[gateway, segment, word] for word in CLASSES))
        assert windows.tally(gateway, segment) == tally
    for gateway in ("stripe", "paypal"):
        words = [one.outcome_class is OutcomeClass.TECHNICAL for one in kept if one.gateway == gateway]
        run = windows.run(gateway)
        alike = len(next((list(same) for _, same in groupby(reversed(words))), []))
        assert (run.outages, run.answers) == ((alike, 0) if words and words[-1] else (0, alike))


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Yesterday's outage does not keep a gateway down."""
    sliding = SlidingOutcomes(WINDOW)
    sliding.add([outcome(-60, "a"), outcome(-61, "b", word="technical")])
    assert sliding.at(NOW).tally("stripe") == Tally(approved=1)
    assert sliding.at(NOW + timedelta(seconds=1)).tally("stripe") == Tally()
    assert len(sliding) == 0
    assert sliding.at(NOW).run("stripe") == NO_RUN


def test_windows_that_were_taken_do_not_change() -> None:
    """A decision rests on one reading."""
    sliding = SlidingOutcomes(WINDOW)
    sliding.add([outcome(0, "a")])
    taken = sliding.at(NOW)
    sliding.add([outcome(0, "b")])
    assert taken.tally("stripe") == Tally(approved=1)


def test_an_unknown_outcome_that_becomes_known_counts_as_what_it_is() -> None:
    """An outage that turned out to be a success is none."""
    sliding = SlidingOutcomes(WINDOW)
    sliding.add([outcome(-10, "a", word="technical")])
    assert sliding.at(NOW).run("stripe").outages == 1
    sliding.add([outcome(-5, "a"), outcome(-10, "a", word="technical")])
    assert (sliding.at(NOW).tally("stripe"), sliding.at(NOW).run("stripe").outages) == (Tally(approved=1), 0)


@pytest.mark.parametrize(
    ("said", "code", "expected"),
    [
        ("succeeded", None, OutcomeClass.APPROVED),
        ("declined", "lost_card", OutcomeClass.DECLINED),
        ("declined", "not_authenticated", None),
        ("unknown", None, OutcomeClass.TECHNICAL),
        ("refused", "no_effect", OutcomeClass.TECHNICAL),
        ("refused", "gateway_unreachable", OutcomeClass.TECHNICAL),
        ("refused", "amount_not_taken", None),
        ("pending", None, None),
        ("action_required", None, None),
    ],
)
def test_outcomes_tell_of_the_gateway_what_they_tell(
    said: str, code: str | None, expected: OutcomeClass | None
) -> None:
    """Neither a customer who left nor a mistake in a request counts against a gateway."""
    assert class_of(said, code) is expected


def test_a_charge_is_in_the_segments_of_what_is_known_of_its_card() -> None:
    """From like cards to all charges, and no segment of the unknown."""
    assert segments_of("USD", "visa", "DE") == (
        Segment("USD", "visa", "DE"),
        Segment("USD", "visa"),
        Segment("USD"),
        ALL,
    )
    assert segments_of("USD", None, "DE") == (Segment("USD", None, "DE"), Segment("USD"), ALL)
    assert segments_of("USD", None, None) == (Segment("USD"), ALL)
