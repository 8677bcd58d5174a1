"""The policy: which gateway takes which charge, and the limits and measures that go with it; editions by date."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from gateways.routing.conditions import Conditions
from gateways.routing.errors import PolicyFault
from gateways.routing.fees import GatewayFees
from gateways.routing.limits import Limits
from gateways.routing.settings import Outages, SuccessRate
from gateways.routing.strategies import success_rate
from gateways.routing.value import Value
from ledger.editions import Moment, Version, in_force

MAX_RULES = 500
MAX_EDITIONS = 50

GatewayName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")]


def _once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("names a gateway twice: name each once")
    return names


def _some_weight(weights: Mapping[str, int]) -> Mapping[str, int]:
    if not sum(weights.values()):
        raise ValueError("the weights add up to zero, so no gateway can be drawn: give one of them more")
    return weights


Gateways = Annotated[tuple[GatewayName, ...], Field(min_length=1, max_length=50), AfterValidator(_once_each)]
Weight = Annotated[int, Field(ge=0, le=1_000_000)]
Weights = Annotated[Mapping[GatewayName, Weight], Field(min_length=1, max_length=50), AfterValidator(_some_weight)]


class Then(Value):
    """What a rule leads to: exactly one strategy."""

    gateway: GatewayName | None = None
    weighted_split: Weights | None = None
    least_cost: Gateways | None = None
    success_rate: Gateways | None = None
    fallback_order: Gateways | None = None

    @model_validator(mode="after")
    def _one_strategy(self) -> "Then":
        if len(self.model_fields_set) != 1 or getattr(self, self.strategy) is None:
            raise ValueError(f"needs exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def strategy(self) -> str:
        """Its name."""
        return next(iter(self.model_fields_set))

    @property
    def gateways(self) -> tuple[str, ...]:
        """The gateways that it can pick."""
        if self.gateway is not None:
            return (self.gateway,)
        return tuple(self.weighted_split or self.least_cost or self.success_rate or self.fallback_order or ())


class Rule(Value):
    """The charges that the conditions hold of go to the gateway that the strategy picks."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    when: Conditions = Conditions()
    then: Then


class Policy(Value):
    """One edition."""

    version: Version
    effective_from: Moment
    """From then on; UTC where it does not say."""
    fallback_order: Gateways
    """Who takes what no rule leads anywhere, or what the rule's gateways cannot take."""
    rules: tuple[Rule, ...] = Field(default=(), max_length=MAX_RULES)
    """The first that matches decides."""
    fees: Mapping[GatewayName, GatewayFees] = Field(default_factory=dict, max_length=50)
    limits: Limits = Limits()
    window_seconds: int = Field(default=3600, ge=10, le=604_800)
    """How far back our own outcomes are read, ..."""
    window_outcomes: int = Field(default=10_000, ge=100, le=100_000)
    """... and how many of them at most."""
    success_rate: SuccessRate = SuccessRate()
    outages: Outages | None = None
    """When a gateway counts as down; without it none ever does."""

    @property
    def reads_outcomes(self) -> bool:
        """Whether anything in it depends on our own outcomes."""
        return self.outages is not None or any(rule.then.strategy == success_rate.NAME for rule in self.rules)

    @property
    def gateways(self) -> tuple[str, ...]:
        """Every gateway that it can choose, the fallback order first."""
        named = [name for rule in self.rules for name in rule.then.gateways]
        return tuple(dict.fromkeys([*self.fallback_order, *named]))


class Policies(Value):
    """The editions of a file, the oldest first."""

    editions: tuple[Policy, ...] = Field(min_length=1, max_length=MAX_EDITIONS)

    def at(self, moment: datetime) -> Policy:
        """Return the edition in force; raises PolicyFault before the first."""
        edition = in_force(self.editions, moment)
        if edition is None:
            first = self.editions[0]
            raise PolicyFault(
                f"no edition of the routing policy is in force at {moment:%Y-%m-%d %H:%M} UTC: the first one, "
                f"{first.version}, begins at {first.effective_from:%Y-%m-%d %H:%M} UTC; date it earlier"
            )
        return edition

    @property
    def newest(self) -> Policy:
        """The edition that begins last."""
        return self.editions[-1]


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def of_order(order: Sequence[str]) -> Policies:
    """Return the policy of those who have none: the gateways in this order, and nothing else."""
    return Policies(editions=(Policy(version="gateway-order", effective_from=BEGINNING, fallback_order=tuple(order)),))
