"""Success rate picks the gateway that approved the most charges like this one, and keeps learning of the others."""

import pytest

from gateways.routing.ask import Method
from gateways.routing.choice import decide
from gateways.routing.decision import RoutingDecision
from gateways.routing.windows import EMPTY, Tally, Windows
from tests.gateways.routing.asks import BOTH, THREE, ask, lately, policy

RULE = "- {name: best, then: {success_rate: [stripe, paypal]}}"
EXACT = policy(RULE, more="success_rate: {minimum_outcomes: 10, exploration_share: 0}")
CURIOUS = policy(RULE, more="success_rate: {minimum_outcomes: 10, exploration_share: 0.2}")
METHODS = (Method(gateway="stripe", brand="visa", country="DE"), Method(gateway="paypal", brand="visa", country="DE"))


def chosen(windows: Windows) -> RoutingDecision:
    return decide(EXACT, ask(methods=METHODS), THREE, windows)


def test_the_best_rate_wins_and_the_scores_show_it() -> None:
    """More customers pay at the first attempt."""
    decision = chosen(
        lately(
            ("stripe", "approved", 60),
            ("stripe", "declined", 40),
            ("paypal", "approved", 40),
            ("paypal", "technical", 10),
        )
    )
    assert decision.gateway == "paypal"
    assert "the best success rate, 80.0% of 50 charges like this one" in decision.reason
    assert {one.gateway: one.scores for one in decision.candidates if one.eligible} == {
        "stripe": {"success_rate": 0.6, "outcomes": 100},
        "paypal": {"success_rate": 0.8, "outcomes": 50},
    }


def together(*parts: Windows) -> Windows:
    """Add the counts of several windows up."""
    keys = {key for part in parts for key in part.tallies}
    sums = {key: [sum(counts) for counts in zip(*(part.tally(*key) for part in parts), strict=True)] for key in keys}
    return Windows({key: Tally(*counts) for key, counts in sums.items()})


def test_a_fine_segment_is_read_only_where_it_has_enough_outcomes() -> None:
    """Ten German Visa cards say more of a German Visa card than a thousand others; nine do not."""
    general = lately(
        ("stripe", "approved", 90), ("stripe", "declined", 10), ("paypal", "approved", 50), ("paypal", "declined", 50)
    )
    for count, gateway in ((9, "stripe"), (10, "paypal")):
        german = lately(("stripe", "declined", count), brand="visa", card_country="DE")
        assert chosen(together(general, german)).gateway == gateway


@pytest.mark.parametrize(
    ("windows", "gateway"),
    [
        (EMPTY, "stripe"),
        (lately(("paypal", "declined", 10)), "paypal"),
        (lately(("stripe", "approved", 9), ("paypal", "declined", 9)), "stripe"),
        (lately(("stripe", "approved", 10), ("paypal", "approved", 30)), "stripe"),
    ],
)
def test_a_gateway_of_which_too_little_is_known_comes_after_those_that_are_known(
    windows: Windows, gateway: str
) -> None:
    """A few lucky charges move nobody; among equals, and where nothing is known, the order of the rule decides."""
    assert chosen(windows).gateway == gateway


def test_a_share_of_the_first_attempts_explores_and_the_same_charges_always_do() -> None:
    """The rate of the gateway that is not the best stays known, at a stated cost."""
    windows = lately(("stripe", "approved", 50), ("paypal", "declined", 50))
    asks = [ask(methods=METHODS, charge_id=f"ch_{number}") for number in range(2000)]
    decisions = [decide(CURIOUS, request, THREE, windows) for request in asks]
    explorers = [one for one in decisions if one.exploration]
    assert {one.gateway for one in explorers} == {"paypal"}
    assert abs(len(explorers) / len(asks) - 0.2) < 0.03
    assert "tried to learn how it does; the best known is stripe" in explorers[0].reason
    assert decisions == [decide(CURIOUS, request, THREE, windows) for request in asks]


def test_a_charge_that_was_declined_once_is_not_experimented_with() -> None:
    """A second attempt goes to the best that is left."""
    windows = lately(("stripe", "approved", 50), ("paypal", "declined", 50))
    asks = [ask(methods=METHODS, charge_id=f"ch_{number}", attempt=2) for number in range(200)]
    assert {decide(CURIOUS, request, BOTH, windows).gateway for request in asks} == {"stripe"}
