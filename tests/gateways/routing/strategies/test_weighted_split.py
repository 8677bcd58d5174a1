"""The weighted split gives each gateway its share, and each charge always the same gateway."""

from collections import Counter

import pytest

from gateways.routing.strategies import weighted_split

WEIGHTS = {"stripe": 70, "paypal": 20, "adyen": 10}
IDS = [f"ch_{number}" for number in range(5000)]


def split(able: list[str], weights: dict[str, int] = WEIGHTS) -> dict[str, str]:
    return {charge_id: weighted_split.pick(charge_id, weights, able).gateway for charge_id in IDS}


def test_each_gateway_gets_its_share() -> None:
    """What the contract with a gateway asks for is what it gets."""
    counts = Counter(split(list(WEIGHTS)).values())
    for name, weight in WEIGHTS.items():
        assert abs(counts[name] / len(IDS) - weight / 100) < 0.02


def test_the_order_in_the_file_moves_no_charge() -> None:
    """Whoever sorts the file changes nothing."""
    assert split(list(WEIGHTS)) == split(list(WEIGHTS), dict(reversed(WEIGHTS.items())))


def test_a_gateway_that_is_not_able_moves_only_its_own_charges() -> None:
    """An outage of one gateway does not reshuffle the customers of the others."""
    before, after = split(list(WEIGHTS)), split(["stripe", "adyen"])
    moved = [charge_id for charge_id in IDS if before[charge_id] != after[charge_id]]
    assert {before[charge_id] for charge_id in moved} == {"paypal"}
    counts = Counter(after[charge_id] for charge_id in moved)
    assert abs(counts["stripe"] / len(moved) - 7 / 8) < 0.05


def test_a_gateway_without_weight_gets_charges_only_where_no_other_can() -> None:
    """Zero is zero, and the customer can still pay."""
    weights = {"stripe": 1, "paypal": 0}
    assert set(split(["stripe", "paypal"], weights).values()) == {"stripe"}
    assert set(split(["paypal"], weights).values()) == {"paypal"}


@pytest.mark.parametrize(("charge_id", "gateway"), [("ch_1", "stripe"), ("ch_11", "stripe"), ("ch_12", "adyen")])
def test_where_a_charge_fell_once_it_falls_for_ever(charge_id: str, gateway: str) -> None:
    """A new version of the program sends a charge that is asked for again where the old one did."""
    assert weighted_split.pick(charge_id, WEIGHTS, list(WEIGHTS)).gateway == gateway
