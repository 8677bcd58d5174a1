"""The bench of routing measures what it says: fifty rules, of which the last decides, over ten thousand outcomes."""

from datetime import timedelta

from benchmarks import routing
from benchmarks.__main__ import NAMES
from gateways.routing.choice import decide
from gateways.routing.sliding import SlidingOutcomes


def test_the_longest_way_through_the_rules_is_measured() -> None:
    """A figure of a short cut would promise what no policy keeps."""
    policy, outcomes = routing.fifty_rules(), routing.ten_thousand_outcomes()
    sliding = SlidingOutcomes(timedelta(seconds=policy.window_seconds))
    sliding.add(outcomes)
    windows = sliding.at(routing.NOW)
    assert (len(policy.rules), len(sliding)) == (50, 10_000)
    for ask in routing.charges(50):
        decision = decide(policy, ask, routing.CAPABILITIES, windows)
        assert (decision.rule, decision.strategy) == ("rest", "success_rate")
        assert all(one.scores["outcomes"] for one in decision.candidates)


async def test_the_bench_gives_its_figures() -> None:
    """The bound that is promised is the bound that is held; how fast this machine is, is not tested here."""
    figures = {figure.name: figure async for figure in routing.measure()}
    assert str(figures["decision_median_ms"].bound) == "<= 1"
    assert figures["baseline_scan_median_ms"].value > 0
    assert "routing" in NAMES
