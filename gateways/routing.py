"""Which gateway takes a charge: a pure rule, whose answer and reason are written down with the charge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateways.port import Capabilities
from ledger.money import Money


class NoGateway(ValueError):
    """No gateway can take the charge; the message names each one and why."""


@dataclass(frozen=True)
class Choice:
    """The gateway, and why it was chosen, in words."""

    gateway: str
    reason: str


def choose(
    amount: Money,
    methods: Sequence[str],
    preferred: str | None,
    capabilities: Mapping[str, Capabilities],
    order: Sequence[str],
) -> Choice:
    """Choose among the gateways at which the customer has a payment method.

    The preferred one if it can take the amount, then the configured fallback order. Raises NoGateway.
    """
    refusals = {name: _refusal(name, amount, methods, capabilities) for name in {*methods, *order}}
    if preferred is not None and refusals[preferred] is None:
        return Choice(preferred, "the request prefers it")
    able = [name for name in order if refusals[name] is None]
    passed_over = [f"{name} {refusals[name]}" for name in (preferred, *order) if name and refusals[name] is not None]
    passed_over = list(dict.fromkeys(passed_over))
    if not able:
        detail = "; ".join(passed_over + [f"{name} {refusals[name]}" for name in methods if name not in order])
        raise NoGateway(f"no gateway can take {amount}: {detail}")
    reason = "first in the fallback order" if len(able) > 1 else "the only one that can take it"
    return Choice(able[0], "; ".join([reason, *passed_over]))


def _refusal(name: str, amount: Money, methods: Sequence[str], capabilities: Mapping[str, Capabilities]) -> str | None:
    if name not in capabilities:
        return "is not configured here"
    if name not in methods:
        return "has no payment method of the customer"
    return capabilities[name].refusal(amount)
