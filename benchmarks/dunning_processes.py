"""`dunning-processes`: ten thousand recoveries over 90 virtual days, by the page that the processes run; needs no server.

Each case of the contest's base world is played from its failure to its end: tries, notices, access, facts from outside. The
books are in memory, and a wait takes no time. The referee of the contest looks at every try.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from time import perf_counter

from activities.dunning_messages import DunningView, Next, NoticeToSend, Outlook, Surplus
from activities.dunning_outlook import Case, outlook_of
from benchmarks.dunning import issuer
from benchmarks.dunning.hidden import Hidden, hidden
from benchmarks.dunning.ours import history_of
from benchmarks.dunning.play import Fact, ask, facts_of, moment, seen_first, tell
from benchmarks.dunning.referee import violations
from benchmarks.dunning.seen import Try
from benchmarks.dunning.worlds import BASE, World, worlds
from benchmarks.figures import Figure, at_least, at_most
from billing.dunning import policy_file
from billing.dunning.entitlement import Access
from billing.dunning.history import Event, EventKind, SentNotice
from billing.dunning.policy import Policy
from ledger.money import Money
from workflows import dunning_process

PROCESSES = 10_000
SEED = 3001
MOST_SECONDS = 300.0
LONGEST = timedelta(days=90)
NOTHING = Money(amount_minor=0, currency="USD")
REPLIES = {"pays": EventKind.PAID, "cancels": EventKind.SUBSCRIPTION_CANCELLED}


class Simulated:
    """One case as the process sees it: the world of `dunning_process`, with a clock that jumps."""

    def __init__(self, world: World, case: Hidden, policy: Policy) -> None:
        self._world, self._case, self._policy = world, case, policy
        self.seen = seen_first(world, case, policy.most_tries)
        self._facts = deque(sorted(facts_of(world, case)))
        self._now = case.failed_at
        self._history = history_of(self.seen)
        self._told: Access | None = None
        self._due = Money(amount_minor=case.amount_minor, currency=case.currency)
        reply = case.reply
        self._reply = (reply.at, REPLIES[reply.does]) if reply is not None and reply.does in REPLIES else None
        self._woken = False
        self.counts: Counter[str] = Counter()

    def now(self) -> datetime:
        """Tell the time."""
        return moment(self._now)

    async def look(self) -> Outlook:
        """Decide by the pure policy."""
        self.counts["looks"] += 1
        case = Case(self._history, self._policy, self._policy.name, self._due, self._told, 1, None)
        return outlook_of(case, self.now())

    async def tell_access(self, access: Access) -> None:
        """Keep it."""
        self._told = access
        self.counts["access"] += 1

    def send(self, notice: NoticeToSend) -> None:
        """It is sent at once."""
        self._add(notices=(*self._history.notices, SentNotice(key=notice.key, at=self.now())))
        self._woken = True
        self.counts["notices"] += 1

    async def pay_back(self, surplus: Surplus) -> None:
        """Nothing is ever paid twice here."""
        raise AssertionError(surplus)

    async def begin_try(self, step: Next, number: int) -> datetime | None:
        """Ask the issuer of the contest."""
        del step, number
        answer = issuer.answer(self._world, self._case, ask(self.seen, self._now))
        self.seen.tries.append(Try(self.now(), self.seen.card, answer))
        self._refresh()
        self.counts["tries"] += 1
        if answer.succeeded:
            self._due = NOTHING
        return None

    async def follow(self, charge_id: str) -> None:
        """No try is ever open here."""
        raise AssertionError(charge_id)

    async def end(self, step: Next) -> datetime | None:
        """Keep it."""
        self._happened(EventKind.ENDED)
        self.counts[f"ended_{step.reason}"] += 1
        return None

    async def wait(self, until: datetime | None) -> None:
        """Go to what comes first: the time, a fact, or the customer."""
        if self._woken:
            self._woken = False
            return
        at = math.inf if until is None else max(until.timestamp(), self._now)
        next_fact = self._facts[0].at if self._facts else math.inf
        next_reply = self._reply[0] if self._reply is not None else math.inf
        first = min(at, next_fact, next_reply)
        self._now = max(first, self._now)
        if first == next_reply and self._reply is not None:
            kind, self._reply = self._reply[1], None
            self._happened(kind)
            if kind is EventKind.PAID:
                self._due = NOTHING
        elif first == next_fact:
            fact: Fact = self._facts.popleft()
            tell(self.seen, self._case, fact)
            self._refresh()

    def show(self, view: DunningView) -> None:
        """Nobody looks."""

    def _happened(self, kind: EventKind) -> None:
        self._add(events=(*self._history.events, Event(at=self.now(), kind=kind)))

    def _refresh(self) -> None:
        self._history = history_of(self.seen).having(events=self._history.events, notices=self._history.notices)

    def _add(self, **changes: tuple[object, ...]) -> None:
        self._history = self._history.having(**changes)


async def measure() -> AsyncIterator[Figure]:
    """Run them one after the other."""
    world, policy = worlds().by_name[BASE], policy_file.read().editions[-1].policies[-1]
    counts: Counter[str] = Counter()
    broken = longest = 0.0
    begin = perf_counter()
    for number in range(PROCESSES):
        case = hidden(world, SEED, number)
        simulated = Simulated(world, case, policy)
        await dunning_process.run(simulated)
        counts += simulated.counts
        broken += violations(simulated.seen.tries).total
        longest = max(longest, simulated.now().timestamp() - case.failed_at)
        if not number % 100:
            await asyncio.sleep(0)
    seconds = perf_counter() - begin
    yield Figure("processes", PROCESSES, at_least(PROCESSES))
    yield Figure("seconds", seconds, at_most(MOST_SECONDS))
    yield Figure("longest_days", longest / 86_400, at_most(LONGEST.days))
    yield Figure("violations", broken, at_most(0))
    for name, count in sorted(counts.items()):
        yield Figure(f"{name}_count", count)
