"""Fallback order: the first that is able."""

from collections.abc import Sequence

from gateways.routing.strategies.pick import Pick

NAME = "fallback_order"


def pick(able: Sequence[str]) -> Pick:
    """Pick the first; `able` is in the order of the policy and not empty."""
    reason = "first in the fallback order" if len(able) > 1 else "the only one that can take it"
    return Pick(able[0], reason, {name: {"place": place} for place, name in enumerate(able, start=1)})
