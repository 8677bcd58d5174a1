"""Least cost: the gateway that is expected to leave the most of the amount."""

from collections.abc import Mapping, Sequence

from gateways.routing.ask import RoutingAsk
from gateways.routing.fees import GatewayFees
from gateways.routing.strategies.pick import Pick
from ledger.money import Money

NAME = "least_cost"


def pick(ask: RoutingAsk, able: Sequence[str], fees: Mapping[str, GatewayFees]) -> Pick:
    """Pick the one with the largest expected net; among equals the first.

    A gateway whose price in this currency is not known comes last.
    """
    expected = {name: fees[name].expected_fee_minor(ask, name) if name in fees else None for name in able}
    known = {name: fee for name, fee in expected.items() if fee is not None}
    scores = {name: {"expected_net_minor": ask.amount.amount_minor - fee} for name, fee in known.items()}
    if not known:
        return Pick(able[0], f"no price in {ask.amount.currency} is known, so the first in the order", scores)
    best = min(known, key=known.__getitem__)  # min keeps the first of equals
    fee = Money(amount_minor=known[best], currency=ask.amount.currency)
    return Pick(best, f"the least expected fee, {fee}", scores)
