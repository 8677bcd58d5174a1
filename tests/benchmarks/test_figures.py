"""Figures and their bounds, as scripts read them."""

import json

import pytest

from benchmarks import __main__ as entrance
from benchmarks.figures import Bound, Figure, at_least, at_most


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        (at_least(0.7), 0.7, True),
        (at_least(0.7), 0.6999, False),
        (at_most(3), 3, True),
        (at_most(3), 3.005, False),
        (None, 12.5, None),
    ],
)
def test_a_bound_holds_up_to_its_limit(bound: Bound | None, value: float, holds: bool | None) -> None:  # noqa: FBT001
    """A figure that touches its bound is within it, and one without a bound is neither within nor without."""
    assert Figure("ratio", value, bound).holds is holds


def test_a_figure_is_a_line_of_json() -> None:
    """Scripts read name, value, bound and verdict of each figure from one line."""
    line = Figure("stripe_ratio", 0.123456, at_least(0.7)).line("throughput")
    assert "\n" not in line
    assert json.loads(line) == {
        "bench": "throughput",
        "figure": "stripe_ratio",
        "value": 0.1235,
        "bound": ">= 0.7",
        "holds": False,
    }
    assert json.loads(Figure("stripe_events", 17).line("history"))["bound"] is None


def test_a_broken_bound_is_seen_in_the_exit_code() -> None:
    """A build fails when one bound of many does not hold, and figures without a bound cannot fail it."""
    good, bad, unbound = Figure("a", 1, at_least(1)), Figure("b", 2, at_most(1)), Figure("c", 9)
    assert entrance.exit_code([good, unbound]) == 0
    assert entrance.exit_code([good, bad, unbound]) == 1


def test_an_unknown_bench_is_named_and_nothing_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mistypes a name learns the right ones at once."""
    assert entrance.main(["throughputs"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "throughputs" in said.err
    assert all(name in said.err for name in entrance.BENCHES)
