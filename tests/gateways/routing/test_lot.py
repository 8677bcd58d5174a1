"""The lot of a charge is a fact about its id."""

import subprocess
import sys

import pytest

from gateways.routing.lot import MILLION, falls_within, lot


def test_the_same_charge_draws_the_same_lot_in_every_process() -> None:
    """A worker that takes over a charge sends it where the first one would have."""
    program = "from gateways.routing.lot import lot; print(lot('ch_1', 'exploration', 1000))"
    drawn = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env).stdout
        for env in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    }
    assert drawn == {f"{lot('ch_1', 'exploration', 1000)}\n"}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_a_share_of_the_charges_falls_within_a_share(share: float) -> None:
    """What the operator asks to explore or to probe is what is explored or probed."""
    count = sum(falls_within(f"ch_{number}", "exploration", int(share * MILLION)) for number in range(4000))
    assert abs(count / 4000 - share) < 0.02


def test_lots_for_different_purposes_are_independent() -> None:
    """Those who explore are not always those who probe."""
    both = sum(
        falls_within(f"ch_{number}", "exploration", MILLION // 2)
        and falls_within(f"ch_{number}", "probe:x", MILLION // 2)
        for number in range(4000)
    )
    assert abs(both / 4000 - 0.25) < 0.03
