"""Weighted split: each gateway gets its share of the charges, and the same charge always falls the same way."""

from collections.abc import Mapping, Sequence

from gateways.routing.lot import lot
from gateways.routing.strategies.pick import Pick

NAME = "weighted_split"


def pick(charge_id: str, weights: Mapping[str, int], able: Sequence[str]) -> Pick:
    """Draw among all gateways of the split, and where that one is not able, again among those that are.

    So a gateway that comes or goes moves only its own charges. Where none of those that are able has a weight, the
    first of them is taken.
    """
    scores = {name: {"weight": weights[name]} for name in able}
    drawn = _draw(charge_id, weights)
    if drawn in able:
        return Pick(drawn, _share(drawn, weights), scores)
    left = {name: weights[name] for name in weights if name in able and weights[name]}
    if not left:
        return Pick(able[0], "the split gives nothing to those that can take it, so the first of them", scores)
    again = _draw(charge_id, left)
    return Pick(again, f"the split drew {drawn}, and then among the others {again}", scores)


def _draw(charge_id: str, weights: Mapping[str, int]) -> str:
    # By name, so that the order in which a file lists them moves no charge.
    place = lot(charge_id, "split:" + ",".join(sorted(weights)), sum(weights.values()))
    for name in sorted(weights):
        if place < weights[name]:
            return name
        place -= weights[name]
    raise AssertionError("a lot is smaller than the sum of the weights")


def _share(name: str, weights: Mapping[str, int]) -> str:
    return f"drawn by the split, in which {name} has {weights[name]} of {sum(weights.values())}"
