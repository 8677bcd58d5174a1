"""The field of gateways for one charge: why some cannot take it, and which of the others are up, down or to be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateways.port import Capabilities
from gateways.routing.ask import RoutingAsk
from gateways.routing.decision import Candidate
from gateways.routing.health import Down, Health, Probe, Up, health_of
from gateways.routing.policy import Policy
from gateways.routing.strategies.pick import Scores
from gateways.routing.windows import Windows

UP = Up()


@dataclass(frozen=True)
class Field:
    """Every gateway that was looked at, in the order in which people are told of them."""

    refusals: Mapping[str, str | None]
    """Why a gateway cannot take the charge; None if it can."""
    health: Mapping[str, Health]
    """Of those that can."""

    def possible(self, names: Sequence[str]) -> list[str]:
        """Those that can take it, up or down."""
        return [name for name in names if name in self.health]

    def up(self, names: Sequence[str]) -> list[str]:
        """Those that can take it and are up."""
        return [name for name in names if isinstance(self.health.get(name), Up)]

    def probe(self, names: Sequence[str]) -> tuple[str, str] | None:
        """The first that was down and is tried again by this charge, and why it was down."""
        for name in names:
            health = self.health.get(name)
            if isinstance(health, Probe):
                return name, health.why
        return None

    def why_not(self, name: str) -> str | None:
        """Why it cannot or shall not take the charge, as the end of a sentence that starts with its name."""
        health = self.health.get(name)
        return health.why if isinstance(health, Down | Probe) else self.refusals[name]

    def passed_over(self, names: Sequence[str], chosen: str | None = None) -> list[str]:
        """Say of each of these but the chosen one why it was not taken, where that is no matter of choice."""
        whys = {name: self.why_not(name) for name in names if name != chosen}
        return [f"{name} {why}" for name, why in whys.items() if why is not None]

    def candidates(self, scores: Scores) -> tuple[Candidate, ...]:
        """Write the field down."""
        return tuple(
            Candidate(gateway=name, eligible=refusal is None, why_not=self.why_not(name), scores=scores.get(name, {}))
            for name, refusal in self.refusals.items()
        )


def field_of(
    policy: Policy,
    ask: RoutingAsk,
    capabilities: Mapping[str, Capabilities],
    windows: Windows,
    names: Sequence[str],
) -> Field:
    """Look at the gateways of these names, and at those at which the customer has a payment method."""
    looked_at = dict.fromkeys([*names, *(method.gateway for method in ask.methods)])
    refusals = {name: _refusal(name, ask, capabilities) for name in looked_at}
    able = [name for name, refusal in refusals.items() if refusal is None]
    outages = policy.outages
    if outages is None:
        return Field(refusals, dict.fromkeys(able, UP))
    return Field(refusals, {name: health_of(name, ask.charge_id, windows, outages, ask.at) for name in able})


def _refusal(name: str, ask: RoutingAsk, capabilities: Mapping[str, Capabilities]) -> str | None:
    if name not in capabilities:
        return "is not configured here"
    if ask.method(name) is None:
        return "has no payment method of the customer"
    return ask.excluded.get(name) or capabilities[name].refusal(ask.amount)
