"""What goes wrong between us and a gateway, and between our own parts, drawn by the seed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from gateways.errors import GatewayUnreachable, KeyInUse, OutcomeUnknown, RateLimited
from tests.simulation.chance import Chance
from tests.simulation.timeline import Timeline

Answer = TypeVar("Answer")
TIMEOUT = timedelta(seconds=20)


@dataclass(frozen=True)
class Weather:
    """Shares of the cases; `silent` is when the gateway answers nothing at all."""

    refused: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    key_in_use: float = 0.0
    rate_limited: float = 0.0
    slow: float = 0.0
    stopped: float = 0.0
    """A worker stands still in the middle of a call, and goes on much later."""
    killed: float = 0.0
    """A worker is gone in the middle of a call, or before its answer is heard."""
    silent: tuple[datetime, datetime] | None = None

    @property
    def storm(self) -> float:
        """The share of calls of which no answer is heard."""
        return self.lost_before + self.lost_after


class Road:
    """The way to one gateway."""

    def __init__(self, gateway: str, timeline: Timeline, chance: Chance, weather: Weather) -> None:
        self.gateway = gateway
        self.weather = weather
        self._timeline = timeline
        self._chance = chance

    async def exchange(self, do: Callable[[str | None], Answer | None], *, changes: bool) -> Answer | None:
        """Send a request and hear its answer; raises a GatewayError. `do` is told of an error of the gateway's own.

        Its None is such an error where the request changes something.
        """
        chance, weather = self._chance, self.weather
        await self._timeline.sleep(chance.seconds(0.05, 60 if chance.happens(weather.slow) else 1))
        if weather.silent is not None and weather.silent[0] <= self._timeline.now < weather.silent[1]:
            await self._timeline.sleep(TIMEOUT)
            raise OutcomeUnknown(self.gateway, "no answer")
        if chance.happens(weather.refused):
            raise GatewayUnreachable(self.gateway, "connection refused")
        if chance.happens(weather.rate_limited):
            raise RateLimited(self.gateway, "too many requests", retry_after_seconds=chance.number(1, 10))
        if chance.happens(weather.lost_before):
            await self._timeline.sleep(TIMEOUT)
            raise OutcomeUnknown(self.gateway, "no answer")
        answer = do(self._fault() if changes else None)
        if changes and answer is None:
            raise OutcomeUnknown(self.gateway, "an error of its own")
        if chance.happens(weather.lost_after):
            await self._timeline.sleep(TIMEOUT)
            raise OutcomeUnknown(self.gateway, "no answer")
        return answer

    def _fault(self) -> str | None:
        chance, weather = self._chance, self.weather
        if chance.happens(weather.key_in_use):
            raise KeyInUse(self.gateway, "a request with this key is under way")
        if chance.happens(weather.error_before):
            return "error_before"
        return "error_after" if chance.happens(weather.error_after) else None
