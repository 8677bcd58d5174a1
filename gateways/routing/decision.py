"""What routing decided, with all that a person needs to see why; kept with the attempt."""

from collections.abc import Mapping

from pydantic import Field

from gateways.routing.value import Value


class Candidate(Value):
    """A gateway that was looked at."""

    gateway: str
    eligible: bool
    why_not: str | None = None
    """As the end of a sentence that starts with the gateway's name."""
    scores: Mapping[str, int | float] = Field(default_factory=dict)
    """What the strategy held for it, by the name of the score."""


class RoutingDecision(Value):
    """The gateway for an attempt, and why."""

    gateway: str
    reason: str
    """One sentence."""
    rule: str | None = None
    """The rule of the policy that matched; None where the request's preference or the fallback order decided."""
    strategy: str
    """preferred, gateway, weighted_split, least_cost, success_rate or fallback_order."""
    policy_version: str
    attempt: int = 1
    candidates: tuple[Candidate, ...]
    exploration: bool = False
    """Chosen to learn how the gateway does, and not because it was the best."""
    probe: bool = False
    """Chosen to learn whether a gateway that was down is up again."""
