"""What is wrong with a policy that is well formed: what it names is not there, or one part of it contradicts another."""

from collections.abc import Collection, Iterator, Mapping

from gateways.routing.policy import Policies, Policy
from gateways.routing.strategies import least_cost
from ledger import editions
from ledger.lined_yaml import Fault, Place


def faults_of(policies: Policies, gateways: Collection[str]) -> list[Fault]:
    """List the faults of all editions; `gateways` are those that are configured."""
    found = list(editions.faults(policies.editions))
    for number, policy in enumerate(policies.editions):
        place: Place = ("editions", number)
        found += _unknown_gateways(policy, place, gateways)
        found += _rules_in_each_others_way(policy, place)
        found += _missing_fees(policy, place)
    return found


def _unknown_gateways(policy: Policy, edition: Place, gateways: Collection[str]) -> Iterator[Fault]:
    named: list[tuple[Place, Collection[str]]] = [
        ((*edition, "fallback_order"), policy.fallback_order),
        ((*edition, "fees"), policy.fees),
    ]
    for number, rule in enumerate(policy.rules):
        named.append(((*edition, "rules", number, "then", rule.then.strategy), rule.then.gateways))
    for place, names in named:
        for position, name in enumerate(names):
            if name not in gateways:
                exact = (*place, name if isinstance(names, Mapping) else position)
                yield Fault(exact, f"there is no gateway {name}: use {' or '.join(gateways)}")


def _rules_in_each_others_way(policy: Policy, edition: Place) -> Iterator[Fault]:
    for number, rule in enumerate(policy.rules):
        for earlier in policy.rules[:number]:
            if earlier.name == rule.name:
                yield Fault((*edition, "rules", number, "name"), f"there are two rules {rule.name}: rename one")
            elif earlier.when.include(rule.when):
                message = (
                    f"rule {rule.name} is never reached, since rule {earlier.name} above it takes all its charges: "
                    "move it up or leave it out"
                )
                yield Fault((*edition, "rules", number), message)
                break


def _missing_fees(policy: Policy, edition: Place) -> Iterator[Fault]:
    for number, rule in enumerate(policy.rules):
        if rule.then.strategy != least_cost.NAME:
            continue
        for position, name in enumerate(rule.then.gateways):
            if name not in policy.fees:
                place = (*edition, "rules", number, "then", least_cost.NAME, position)
                yield Fault(place, f"the fees of {name} are not in this edition, so its cost is not known: add them")
