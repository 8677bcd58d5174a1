"""Named points of a worker at which it can be killed, stopped, delayed or broken, without a line in the product.

A point is `{where}:{what}:{n}`, for the n-th time in this process: `before` and `after` an activity, `sending` and
`answered` around a call of a gateway's port, `committing` and `committed` around a COMMIT of the activity that runs.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, cast

import temporalio.client
import temporalio.worker
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from gateways.port import Gateway
from tests.faults.proxy import CommitFate

OVERSLEEPS_SECONDS = 34.0
"""Longer than a gateway call may take, so that the next attempt starts while this one still runs."""


class Where(StrEnum):
    """On which side of what."""

    BEFORE = "before"
    AFTER = "after"
    SENDING = "sending"
    ANSWERED = "answered"
    COMMITTING = "committing"
    COMMITTED = "committed"


class Action(StrEnum):
    """What happens at the point."""

    KILL = "kill"
    """SIGKILL: the machine is gone."""
    STOP = "stop"
    """SIGSTOP: it is taken for dead, and comes back later as a zombie."""
    OVERSLEEP = "oversleep"
    """It takes longer than it may, beside its own successor."""
    RAISE = "raise"
    """A defect, of a kind that nobody foresaw."""
    LOSE_ANSWER = "lose_answer"
    """The COMMIT is done, and the connection breaks before anybody hears so; needs the proxy before PostgreSQL."""
    LOSE_COMMIT = "lose_commit"
    """The connection breaks before the COMMIT arrives; needs the proxy before PostgreSQL."""


FATES = {Action.LOSE_ANSWER: CommitFate.DONE, Action.LOSE_COMMIT: CommitFate.NEVER_ARRIVES}


MARKED = "marked"
"""In a trace: PostgreSQL's proxy was told which COMMIT to lose."""


class Planted(Exception):
    """What is raised at a point."""


@dataclass(frozen=True)
class Plan:
    """What to do at which point; every point that is passed is written to `trace`, one a line."""

    point: str = ""
    action: Action = Action.KILL
    trace: Path | None = None


def port_methods() -> list[str]:
    """Return the calls that the port knows, without the one that only ends it."""
    return [name for name, member in vars(Gateway).items() if iscoroutinefunction(member) and name != "close"]


class Failpoints:
    """The points of one worker process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._passed: Counter[tuple[Where, str]] = Counter()

    def reach(self, where: Where, what: str) -> bool:
        """Pass a point: kill, stop or break the process there if so planned. Whether something else is planned there."""
        self._passed[where, what] += 1
        point = f"{where}:{what}:{self._passed[where, what]}"
        self._trace(point)
        if point != self._plan.point:
            return False
        match self._plan.action:
            case Action.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Action.STOP:
                os.kill(os.getpid(), signal.SIGSTOP)
            case Action.RAISE:
                raise Planted(f"planted at {point}")
            case Action.OVERSLEEP | Action.LOSE_ANSWER | Action.LOSE_COMMIT:
                return True
        return False

    def _trace(self, line: str) -> None:
        if self._plan.trace is not None:
            with self._plan.trace.open("a") as trace:
                trace.write(f"{line}\n")

    async def pass_by(self, where: Where, what: str) -> None:
        """Pass a point of a coroutine."""
        if self.reach(where, what):
            await asyncio.sleep(OVERSLEEPS_SECONDS)

    def watch_gateway(self, gateway: Gateway) -> Gateway:
        """Stand between the activities and a gateway's adapter."""
        return cast(Gateway, _WatchedGateway(gateway, self))

    def watch_commits(self, engine: AsyncEngine) -> None:
        """Stand before and behind each COMMIT of an activity."""
        dialect = engine.sync_engine.dialect
        commit: Callable[[Any], None] = dialect.do_commit

        def watched(connection: Any) -> None:
            what = activity.info().activity_type if activity.in_activity() else "outside"
            if self.reach(Where.COMMITTING, what):
                connection.cursor().execute(f"SELECT '{FATES[self._plan.action]}'")
                self._trace(MARKED)  # only now: on a busy machine PostgreSQL may have given the transaction up before
            commit(connection)
            self.reach(Where.COMMITTED, what)

        dialect.do_commit = watched  # type: ignore[method-assign,assignment]


class _WatchedGateway:
    def __init__(self, gateway: Gateway, failpoints: Failpoints) -> None:
        self.name = gateway.name
        self.capabilities = gateway.capabilities
        self.close = gateway.close
        for name in port_methods():
            setattr(self, name, _watched(name, getattr(gateway, name), failpoints))


def _watched(name: str, call: Callable[..., Awaitable[Any]], failpoints: Failpoints) -> Callable[..., Awaitable[Any]]:
    async def watched(*arguments: Any) -> Any:
        await failpoints.pass_by(Where.SENDING, name)
        answer = await call(*arguments)
        await failpoints.pass_by(Where.ANSWERED, name)
        return answer

    return watched


class WatchActivities(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Watches every activity, local ones too; a client's interceptor that is a worker's too serves its workers."""

    def __init__(self, failpoints: Failpoints) -> None:
        self._failpoints = failpoints

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 # the SDK's own name
        return _WatchedActivity(next, self._failpoints)


class _WatchedActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, failpoints: Failpoints) -> None:  # noqa: A002 # as above
        super().__init__(next)
        self._failpoints = failpoints

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 # as above
        name = activity.info().activity_type
        await self._failpoints.pass_by(Where.BEFORE, name)
        result = await super().execute_activity(input)
        await self._failpoints.pass_by(Where.AFTER, name)
        return result
