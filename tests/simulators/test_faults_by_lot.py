"""Faults that hit a share of the requests: each has its share, and the same seed hits the same requests."""

from collections import Counter

import pytest

from simulators.faults import Faults, WrongFault

REQUESTS = 20_000
SHARES = {"drop": 0.3, "status": 0.1, "conflict": 0.05, "rate_limit": 0.1, "truncate": 0.05}


def faults(seed: int = 7) -> Faults:
    """Five faults at once, as a run of thousands of requests asks for them."""
    all_faults = Faults()
    for action, share in SHARES.items():
        all_faults.add({"action": action, "share": share, "seed": seed, "times": None})
    return all_faults


def hits(all_faults: Faults, keys: list[str]) -> list[str | None]:
    """What goes wrong with requests of these keys."""
    taken = [all_faults.take("POST", "/v1/refunds", key) for key in keys]
    return [fault.action if fault else None for fault in taken]


def test_each_fault_has_its_share() -> None:
    """Of many requests each fault hits its share, and the rest are left alone: no fault takes another's part."""
    counted = Counter(hits(faults(), [f"c{number}" for number in range(REQUESTS)]))
    for action, share in SHARES.items():
        assert counted[action] / REQUESTS == pytest.approx(share, abs=0.01)
    assert counted[None] / REQUESTS == pytest.approx(1 - sum(SHARES.values()), abs=0.01)


def test_the_seed_decides() -> None:
    """The same seed hits the same requests, in whatever order they come; another seed hits others."""
    keys = [f"c{number}" for number in range(200)]
    once = dict(zip(keys, hits(faults(), keys), strict=True))
    backwards = dict(zip(keys[::-1], hits(faults(), keys[::-1]), strict=True))
    assert once == backwards
    assert list(once.values()) != hits(faults(seed=8), keys)


def test_a_repeat_is_drawn_anew() -> None:
    """A request that is sent again under the same key has a new chance, so that every operation gets through in the end."""
    assert None in hits(faults(), ["c1"] * 50)
    assert set(hits(faults(), ["c1"] * 200)) == {*SHARES, None}


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop", "share": 1.1},
        {"action": "drop", "share": -0.1},
        {"action": "drop", "share": True},
        {"action": "drop", "seed": "x"},
        {"action": "drop", "delay_seconds": -1},
        {"action": "late_success", "told": "maybe"},
        {"action": "drop", "times": True},
    ],
)
def test_impossible_shares(fault: dict[str, object]) -> None:
    """A fault that makes no sense is refused with what would."""
    with pytest.raises(WrongFault, match=r"of a fault must be"):
        Faults().add(fault)
