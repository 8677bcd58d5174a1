"""Whatever order, number and lateness a charge's webhook events come in, and whichever of them are lost: the same books.

`SIM_SEED=n pytest tests/simulation/test_webhooks.py` plays the lives of one seed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

import pytest

from tests.simulation import post
from tests.simulation.lives import Life, live
from tests.simulation.system import GATEWAYS

FEW = 100
MANY = 2_000
PARTS = 4
SOUGHT_IN = 1_000
"""Seeds among which the lives with different events are looked for."""
LONG = 6
LONG_LIVES = 8
"""So many lives of six events are played at each gateway, in 720 orders each; of the shorter ones all there are."""
Shape = tuple[str, ...]
MUST_HAVE: dict[str, tuple[Shape, ...]] = {
    "stripe": (
        ("action", "taken", "refund pending", "refund failed"),
        ("processing", "held", "taken", "refund succeeded", "refund failed"),
        ("declined", "held", "canceled"),
        ("declined", "taken", "refund succeeded"),
        ("taken", "refund pending", "fee", "refund succeeded"),
    ),
    "paypal": (
        ("approved", "held", "taken", "refund pending", "refund failed"),
        ("capture pending", "taken", "refund succeeded", "refund failed"),
        ("capture pending", "declined", "taken", "refund succeeded"),
        ("declined", "held", "canceled"),
        ("held", "capture pending", "taken", "refund pending", "refund succeeded"),
    ),
}
"""Lives that must be among those that are found: authentication, late success, reviews, refunds that fail later."""
gateways = pytest.mark.parametrize("gateway", GATEWAYS)


def seeds(first: int, end: int) -> range:
    """Return these seeds, or the one of the environment."""
    given = os.environ.get("SIM_SEED")
    return range(int(given), int(given) + 1) if given else range(first, end)


def test_lost_late_and_copied_events_change_nothing() -> None:
    """With a fifth of the events lost and the others in up to 50 copies within days, or with none at all: the same books."""
    converge(seeds(0, FEW))


@pytest.mark.faults
@pytest.mark.parametrize("part", range(PARTS))
def test_lost_late_and_copied_events_change_nothing_in_two_thousand_lives(part: int) -> None:
    """As above, wherever chance leads."""
    each = MANY // PARTS
    converge(seeds(part * each, (part + 1) * each))


@gateways
def test_every_order_of_five_events_ends_in_the_same_books(gateway: str) -> None:
    """All 120 orders, each event as early as those before it allow."""
    seed = next(seed for seed, shape in lives(gateway) if len(shape) == LONG - 1)
    every_order(seed, gateway)


@pytest.mark.faults
@gateways
def test_every_order_of_up_to_six_events_ends_in_the_same_books(gateway: str) -> None:
    """As above, for all lives of up to five events that some hundreds of seeds have, and for some of six."""
    found = {shape: seed for seed, shape in reversed(list(lives(gateway)))}
    assert set(MUST_HAVE[gateway]) <= found.keys()
    long = [shape for shape in found if len(shape) == LONG][:LONG_LIVES]
    for shape in [*(shape for shape in found if len(shape) < LONG), *long]:
        every_order(found[shape], gateway)


def test_what_an_event_tells_is_in_the_books_within_a_minute() -> None:
    """No event about an operation that is open or followed is put aside: its process looks at once, and not at its next poll."""
    heard: set[str] = set()
    for seed in seeds(0, 3 * FEW):
        life = live(seed, post.at_once, calm=True)
        assert not life.unheard, story(seed, life, life)
        heard |= {name.partition(",")[0] for name, verdict in life.verdicts if verdict == "News"}
    told = {"taken", "held", "refund failed", "refund succeeded"}
    assert heard >= {f"{gateway}: {what}" for gateway in GATEWAYS for what in told} or "SIM_SEED" in os.environ


def converge(of: Iterable[int]) -> None:
    """Hold lives whose events are lost, late and copied, and those without events, against those that miss none."""
    for seed in of:
        told = live(seed, post.at_once)
        for other in (live(seed, post.by_chance(seed)), live(seed, post.never)):
            same_books(seed, told, other)


def every_order(seed: int, gateway: str) -> None:
    """Play a life with its events in every order there is."""
    told = live(seed, post.at_once, (gateway,))
    for order in permutations(told.events):
        same_books(seed, told, live(seed, post.in_order(order), (gateway,)), order)


def same_books(seed: int, told: Life, other: Life, order: Sequence[str] = ()) -> None:
    """Hold two ways of one life against each other."""
    assert (told.violations, other.violations) == ((), ()), story(seed, told, other, order)
    assert told.ending == other.ending, story(seed, told, other, order)
    assert sorted(told.events) == sorted(other.events), story(seed, told, other, order)


def lives(gateway: str) -> Iterator[tuple[int, Shape]]:
    """Find lives with a few events, each with what happens in it, in order."""
    for seed in range(SOUGHT_IN):
        life = live(seed, post.at_once, (gateway,))
        if 1 < len(life.events) <= LONG and len(set(life.events)) == len(life.events):
            yield seed, tuple(name.partition(",")[0].partition(": ")[2] for name in life.events)


def story(seed: int, told: Life, other: Life, order: Sequence[str] = ()) -> str:
    """Tell what differs, and how it came to that."""
    again = f"seed {seed}; to play it again: SIM_SEED={seed} python -m pytest -s -m '' {__file__}"
    parts = [*told.trace, "", *other.trace, "", str(told.ending), str(other.ending), str(order), str(other.violations)]
    return "\n".join([*parts, again])
