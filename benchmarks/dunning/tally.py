"""What a policy brought over many cases, in counts that can be added."""

from dataclasses import dataclass, field, fields
from statistics import median
from typing import Self

from benchmarks.dunning.hidden import Hidden
from benchmarks.dunning.play import Played
from benchmarks.dunning.referee import Violations, violations
from benchmarks.dunning.worlds import World

WAITS_FROM = "24"
"""Mastercard's advice that says how long to wait, which it takes a fee for, begins here; 02 costs nothing."""


@dataclass
class Tally:
    """Sums over cases; money in hundredths, as if all currencies were one."""

    cases: int = 0
    recovered: int = 0
    by_try: int = 0
    tries: int = 0
    """After the payment that failed, as far as they reached the network: what stays at a gateway that is down is free."""
    net_minor: float = 0.0
    """What was recovered, less tries, notices, fees and the customers that were lost."""
    after_never: int = 0
    above_ceiling: int = 0
    before_wait: int = 0
    hours: list[float] = field(default_factory=list)
    """Until it was recovered, for each case that was."""

    def add(self, world: World, case: Hidden, played: Played) -> None:
        """Count a case."""
        broken = violations(played.tries)
        self.cases += 1
        self.tries += played.sent
        self.after_never += broken.after_never
        self.above_ceiling += broken.above_ceiling
        self.before_wait += broken.before_wait
        self.net_minor += net_minor(world, case, played, broken)
        if played.recovered_at is not None:
            self.recovered += 1
            self.by_try += played.by_try
            self.hours.append((played.recovered_at - case.failed_at) / 3600)

    def __add__(self, other: Self) -> "Tally":
        """Return the sums of both."""
        return Tally(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    @property
    def recovered_share(self) -> float:
        """Of the cases, in points."""
        return 100 * self.recovered / self.cases

    @property
    def tries_per_case(self) -> float:
        """The first payment is not counted."""
        return self.tries / self.cases

    @property
    def tries_per_recovery(self) -> float:
        """As above, by what was recovered."""
        return self.tries / max(self.recovered, 1)

    @property
    def net_per_case(self) -> float:
        """In whole units."""
        return self.net_minor / self.cases / 100

    @property
    def violations(self) -> int:
        """All of them."""
        return self.after_never + self.above_ceiling + self.before_wait

    @property
    def by_try_share(self) -> float:
        """The share of what was recovered that a try brought, in points; the customer paid the rest."""
        return 100 * self.by_try / max(self.recovered, 1)

    @property
    def median_days(self) -> float:
        """Until it was recovered; 0 where nothing was."""
        return median(self.hours) / 24 if self.hours else 0.0

    @property
    def within_ten_days(self) -> float:
        """Of what was recovered, in points."""
        return 100 * sum(hours <= 240 for hours in self.hours) / max(len(self.hours), 1)


def net_minor(world: World, case: Hidden, played: Played, broken: Violations) -> float:
    """Return what a case brought, in hundredths."""
    until = played.recovered_at if played.recovered_at is not None else case.horizon
    if case.reply and case.reply.does == "cancels":
        until = min(until, case.reply.at)
    notices = sum(at < until for at in case.notices)
    excess = (broken.after_never + broken.above_ceiling) * world.fee_minor[case.network]
    advised = sum((tried.answer.network_advice or "") >= WAITS_FROM for tried in played.tries)
    cost = world.try_cost_minor * played.sent + world.notice_cost_minor * notices
    cost += excess + world.fee_minor["advice"] * advised
    if played.recovered_at is None:
        return -cost - case.amount_minor * world.months_lost * world.margin
    return case.amount_minor - cost
