"""Choose the gateway of an attempt: a pure function of the policy, the charge, what the gateways can do and how they did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateways.port import Capabilities
from gateways.routing.ask import RoutingAsk
from gateways.routing.decision import RoutingDecision
from gateways.routing.errors import NoGateway
from gateways.routing.field import Field, field_of
from gateways.routing.policy import Policy, Rule, Then
from gateways.routing.strategies import fallback_order, least_cost, success_rate, weighted_split
from gateways.routing.strategies.pick import Pick
from gateways.routing.windows import Windows

PREFERRED = "preferred"
PROBE = "probe"


def decide(
    policy: Policy, ask: RoutingAsk, capabilities: Mapping[str, Capabilities], windows: Windows
) -> RoutingDecision:
    """Choose among the gateways at which the customer has a payment method; raises NoGateway that names each and why.

    The one that the request prefers, else what the first matching rule picks, else the first of the fallback order;
    one that is down only where no other can take the charge.
    """
    rule = next((rule for rule in policy.rules if rule.when.hold(ask)), None)
    ruled = rule.then.gateways if rule else ()
    wished = (ask.preferred,) if ask.preferred is not None else ()
    names = list(dict.fromkeys([*wished, *ruled, *policy.fallback_order]))
    field = field_of(policy, ask, capabilities, windows, names)
    if not field.possible(names):
        raise NoGateway(f"no gateway can take {ask.amount}: {'; '.join(field.passed_over(list(field.refusals)))}")
    turn = _Turn(policy, ask, windows, field, rule, names)
    if ask.attempt == 1 and not field.up(wished):
        pool = next(pool for pool in (wished, ruled, policy.fallback_order) if field.possible(pool))
        probed = field.probe(pool)
        if probed is not None:
            pick = Pick(probed[0], f"tried again, to learn whether it still {probed[1]}")
            return turn.decision(pick, PROBE)
    decision = turn.among(field.up) or turn.among(field.possible)
    if decision is None:
        raise AssertionError(f"one of {', '.join(names)} can take the charge")
    return decision


@dataclass(frozen=True)
class _Turn:
    """One charge's turn: what does not change while the choice is made."""

    policy: Policy
    ask: RoutingAsk
    windows: Windows
    field: Field
    rule: Rule | None
    names: Sequence[str]

    def among(self, able: Callable[[Sequence[str]], list[str]]) -> RoutingDecision | None:
        """Choose among those that are able; None where none is."""
        if self.ask.preferred is not None and able([self.ask.preferred]):
            return self.decision(Pick(self.ask.preferred, "the request prefers it"), PREFERRED)
        if self.rule is not None and (ruled := able(self.rule.then.gateways)):
            return self.decision(self.by_strategy(self.rule.then, ruled), self.rule.then.strategy, self.rule)
        left = able(self.policy.fallback_order)
        return self.decision(fallback_order.pick(left), fallback_order.NAME) if left else None

    def by_strategy(self, then: Then, able: Sequence[str]) -> Pick:
        """Let the rule's strategy pick one of these."""
        if then.weighted_split is not None:
            return weighted_split.pick(self.ask.charge_id, then.weighted_split, able)
        if then.least_cost is not None:
            return least_cost.pick(self.ask, able, self.policy.fees)
        if then.success_rate is not None:
            return success_rate.pick(self.ask, able, self.windows, self.policy.success_rate)
        if then.fallback_order is not None:
            return fallback_order.pick(able)
        return Pick(able[0], "the gateway that the rule names")

    def decision(self, pick: Pick, strategy: str, rule: Rule | None = None) -> RoutingDecision:
        """Write the choice down, with what was passed over."""
        # Of a gateway that the request prefers and gets, there is nothing to explain.
        passed_over = [] if strategy == PREFERRED else self.field.passed_over(self.names, pick.gateway)
        reason = "; ".join([pick.reason, *passed_over])
        return RoutingDecision(
            gateway=pick.gateway,
            reason=f"by rule {rule.name}: {reason}" if rule else reason,
            rule=rule.name if rule else None,
            strategy=strategy,
            policy_version=self.policy.version,
            attempt=self.ask.attempt,
            candidates=self.field.candidates(pick.scores),
            exploration=pick.exploration,
            probe=strategy == PROBE,
        )
