"""The tables that people read: all policies in the base world, and ours against the fixed schedule in each world."""

from collections.abc import Iterator, Mapping

from benchmarks.dunning.contest import BUDGETS, CLAIRVOYANT, CONTESTANTS, FULL, Entry, budgets_of
from benchmarks.dunning.ours import OURS
from benchmarks.dunning.rivals import FIXED
from benchmarks.dunning.standings import Standings


def of_policies(standings: Standings) -> Iterator[str]:
    """Write the base world: recovered at each budget; all else at the largest."""
    recovered = " | ".join(f"recovered, {budget} tries" for budget in BUDGETS)
    yield (
        f"| policy | {recovered} | tries a case | tries a recovery | median days | within 10 days | by a try "
        "| net a try | regret | tries after never, above a ceiling, before a wait |"
    )
    yield "|---" * (len(BUDGETS) + 9) + "|"
    for policy in CONTESTANTS:
        for largest in budgets_of(policy)[BUDGETS.index(FULL) :]:
            yield _policy(standings, policy.name, largest)
    yield _policy(standings, CLAIRVOYANT, FULL)


def _policy(standings: Standings, name: str, largest: int) -> str:
    total = standings.total(Entry(name, largest))
    if largest == FULL:
        shares = [f"{standings.total(Entry(name, budget)).recovered_share:.1f}%" for budget in BUDGETS]
        label = name
        regret = f"{standings.regret(Entry(name, FULL)):.1f}"
        net = f"{standings.net_per_try(Entry(name, FULL)):.2f}"
    else:
        shares = ["", "", f"{total.recovered_share:.1f}%"]
        label, regret, net = f"{name}, with a budget of {largest}", "", ""
    cells = [
        label,
        *shares,
        f"{total.tries_per_case:.2f}",
        f"{total.tries_per_recovery:.1f}",
        f"{total.median_days:.1f}",
        f"{total.within_ten_days:.0f}%",
        f"{total.by_try_share:.0f}%",
        net,
        regret,
        f"{total.after_never}, {total.above_ceiling}, {total.before_wait}",
    ]
    return f"| {' | '.join(cells)} |"


def of_worlds(by_world: Mapping[str, Standings]) -> Iterator[str]:
    """Write ours against the fixed schedule in each world, at each budget."""
    yield (
        "| world | tries | ours | fixed | points ahead (95%) | fewer tries | net a try, ours | net a try, fixed "
        "| regret, ours | violations, ours |"
    )
    yield "|---" * 10 + "|"
    for name, standings in by_world.items():
        for budget in BUDGETS:
            ours, fixed = Entry(OURS.name, budget), Entry(FIXED.name, budget)
            cells = [
                name.replace("_", " "),
                str(budget),
                f"{standings.total(ours).recovered_share:.1f}%",
                f"{standings.total(fixed).recovered_share:.1f}%",
                str(standings.points_over(ours, fixed)),
                f"{standings.fewer_tries(ours, fixed):.0f}%",
                f"{standings.net_per_try(ours):.2f}",
                f"{standings.net_per_try(fixed):.2f}",
                f"{standings.regret(ours):.1f}",
                str(standings.total(ours).violations),
            ]
            yield f"| {' | '.join(cells)} |"
