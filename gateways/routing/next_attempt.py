"""Whether a charge that was not taken is tried again within its session, where, and after how long: a pure function.

Another gateway only after an answer that is known to be no, and that the session map marks as worth it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from gateways.port import Capabilities
from gateways.routing.ask import RoutingAsk
from gateways.routing.choice import decide
from gateways.routing.decision import RoutingDecision
from gateways.routing.errors import NoGateway
from gateways.routing.limits import Limits
from gateways.routing.policy import Policy
from gateways.routing.value import Value
from gateways.routing.windows import Windows
from gateways.session_map import Action, Advice, SessionMap

SAID_NO = frozenset({"declined", "refused"})
"""Outcomes after which it is known that nothing was taken and nothing is reserved."""


class PastAttempt(Value):
    """An attempt that has ended, and how."""

    gateway: str
    outcome: str
    """`declined` or `refused`: any other outcome permits no further attempt."""
    code: str
    advice: str | None = None
    at: datetime
    """When it was written down, before the gateway was asked."""


class TryAgain(Value):
    """The next attempt: where and why, and after how long."""

    decision: RoutingDecision
    after_seconds: int = Field(ge=0)
    authenticate: bool = False
    """Whether the customer is to be authenticated."""


class GiveUp(Value):
    """No further attempt within this session."""

    reason: str
    unknown_code: str | None = None
    """The code, with its advice, of which the session map does not know one: to be counted as a warning."""


def next_attempt(
    limits: Limits,
    history: Sequence[PastAttempt],
    ask: RoutingAsk,
    *,
    session_map: SessionMap,
    policy: Policy,
    capabilities: Mapping[str, Capabilities],
    windows: Windows,
) -> TryAgain | GiveUp:
    """Decide what follows the last of these attempts; `ask.at` is now.

    Raises AssertionError for a history in which anything else than a known no stands: while an outcome is unknown,
    pending or a success, there is no next attempt, and asking for one is a defect.
    """
    if not history or any(attempt.outcome not in SAID_NO for attempt in history):
        raise AssertionError(f"{ask.charge_id} may not be tried again: an attempt has not ended with a known no")
    last = history[-1]
    advice = session_map.look_up(last.gateway, last.code, last.advice)
    said = f"{last.gateway} said {last.code}"
    if advice.action is Action.GIVE_UP:
        unknown = None if advice.known else last.code + (f", advised {last.advice}" if last.advice else "")
        return GiveUp(reason=f"{said}: {advice.why}", unknown_code=unknown)
    if advice.action is Action.AUTHENTICATE and not ask.customer_present:
        return GiveUp(reason=f"{said}, and the customer is not there to be authenticated")
    if len(history) >= limits.attempts:
        return GiveUp(reason=f"{said}, and the limit of {limits.attempts} attempts is reached")
    session = _Session(limits, history, ask, session_map, policy, capabilities, windows)
    found = session.authenticated() if advice.action is Action.AUTHENTICATE else session.anywhere(advice)
    if isinstance(found, GiveUp):
        return found
    deadline = history[0].at + timedelta(seconds=limits.total_seconds)
    if ask.at + timedelta(seconds=found.after_seconds) > deadline:
        return GiveUp(reason=f"{said}, and the limit of {limits.total_seconds} s for all attempts is reached")
    return found


@dataclass(frozen=True)
class _Session:
    """The attempts of one charge so far, and all that the next one is decided by."""

    limits: Limits
    history: Sequence[PastAttempt]
    ask: RoutingAsk
    session_map: SessionMap
    policy: Policy
    capabilities: Mapping[str, Capabilities]
    windows: Windows

    @property
    def last(self) -> PastAttempt:
        """The attempt that has just ended."""
        return self.history[-1]

    def authenticated(self) -> TryAgain | GiveUp:
        """Ask the same gateway again, once, with the customer."""
        before = [attempt for attempt in self.history[:-1] if attempt.gateway == self.last.gateway]
        asked = [self._advice(attempt).action for attempt in before]
        if Action.AUTHENTICATE in asked:
            return GiveUp(
                reason=f"{self.last.gateway} asked for the customer twice: authenticating again does not help"
            )
        return self.here(after_seconds=0, authenticate=True) or GiveUp(reason=self._limit_here())

    def anywhere(self, advice: Advice) -> TryAgain | GiveUp:
        """Try here or elsewhere, whichever the map prefers, then the other."""
        here = None if advice.here_after_seconds is None else self.here(after_seconds=advice.here_after_seconds)
        if here is not None and advice.action is Action.RETRY_HERE:
            return here
        try:
            return self.elsewhere()
        except NoGateway as error:
            return here or GiveUp(reason=f"{self.last.gateway} said {self.last.code}; {error}")

    def here(self, *, after_seconds: int, authenticate: bool = False) -> TryAgain | None:
        """Try the same gateway; None where it may not be asked so often, or cannot take the charge any more."""
        if self._count(self.last.gateway) >= self.limits.attempts_per_gateway:
            return None
        others = {
            m.gateway: "is not asked while this one may be" for m in self.ask.methods if m.gateway != self.last.gateway
        }
        try:
            decision = self._decide(others)
        except NoGateway:
            return None
        told = f"once more after {self.last.code}" + (", with the customer" if authenticate else "")
        decision = decision.model_copy(update={"reason": told, "rule": None, "strategy": "same_gateway"})
        return TryAgain(decision=decision, after_seconds=after_seconds, authenticate=authenticate)

    def elsewhere(self) -> TryAgain:
        """Try another gateway; raises NoGateway."""
        tried = dict.fromkeys(attempt.gateway for attempt in self.history)
        excluded = {name: why for name in tried if (why := self._why_not(name)) is not None}
        decision = self._decide(excluded)
        reason = f"after {self.last.code} at {self.last.gateway}: {decision.reason}"
        pause = self._advice(self._latest(decision.gateway)).here_after_seconds if decision.gateway in tried else 0
        return TryAgain(decision=decision.model_copy(update={"reason": reason}), after_seconds=pause or 0)

    def _why_not(self, name: str) -> str | None:
        """Why a gateway that was tried is no other gateway now."""
        latest = self._latest(name)
        if name == self.last.gateway:
            return f"has just said {latest.code}"
        if self._advice(latest).here_after_seconds is None:
            return f"has said {latest.code}"
        if self._count(name) >= self.limits.attempts_per_gateway:
            return f"was tried {self._count(name)} times, which is the limit"
        return None

    def _decide(self, excluded: Mapping[str, str]) -> RoutingDecision:
        changes = {"excluded": {**excluded, **self.ask.excluded}, "attempt": len(self.history) + 1}
        return decide(self.policy, self.ask.model_copy(update=changes), self.capabilities, self.windows)

    def _latest(self, gateway: str) -> PastAttempt:
        return next(attempt for attempt in reversed(self.history) if attempt.gateway == gateway)

    def _advice(self, attempt: PastAttempt) -> Advice:
        return self.session_map.look_up(attempt.gateway, attempt.code, attempt.advice)

    def _count(self, gateway: str) -> int:
        return Counter(attempt.gateway for attempt in self.history)[gateway]

    def _limit_here(self) -> str:
        return f"{self.last.gateway} said {self.last.code}, and may not be asked more than {self._count(self.last.gateway)} times"
