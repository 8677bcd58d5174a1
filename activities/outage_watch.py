"""Watches for outages of gateways: a worker's loop that reads what the newest attempts came to, beside the charges.

Every worker may run one; they take turns, so that nobody writes by what they read before somebody else's turn.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

import structlog
from temporalio.common import MetricMeter

from billing import gateway_outages
from billing.dunning.outages import MOST_READ, WITHIN, Attempt, Begins, Ends, judge
from billing.gateway_outages import GatewayOutage
from gateways.routing.windows import OutcomeClass, class_of
from ledger import outcomes
from ledger.database import OUTAGES, Connection, Database, outage_reason
from ledger.outcomes import Decided

log = structlog.get_logger()

EVERY_SECONDS = 3.0
DATABASE_AWAY_SECONDS = 5.0
"""How long to wait before PostgreSQL is asked again when it was away."""
STILL_OPEN = frozenset({"action_required", "pending"})
"""Outcomes that decide nothing yet, but that a gateway answered with."""


class OutageWatch:
    """Writes outages down; `report` hears of each gateway, after each look, whether it is down."""

    def __init__(
        self,
        database: Database,
        gateways: Collection[str],
        report: Callable[[str, bool], None] = lambda _gateway, _is_down: None,
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._report = report

    async def run(self) -> None:
        """Look every few seconds, until cancelled; nothing that the database does ends it."""
        while True:
            pause_seconds = EVERY_SECONDS
            try:
                await self.look()
            except OUTAGES as error:
                pause_seconds = DATABASE_AWAY_SECONDS
                log.warning("outages.database_away", reason=outage_reason(error))
            except Exception:
                pause_seconds = DATABASE_AWAY_SECONDS
                log.exception("outages.defect")
            await asyncio.sleep(pause_seconds)

    async def look(self) -> None:
        """Write down what is new of each gateway; where another worker is at it, only tell what is known."""
        async with self._database.begin() as connection:
            now = await gateway_outages.take_turn(connection)
            known = await gateway_outages.lasting(connection)
            if now is not None:
                for gateway in sorted({*self._gateways, *known}):
                    await self._look_at(connection, gateway, known.get(gateway), now)
                known = await gateway_outages.lasting(connection)
        for gateway in self._gateways:
            self._report(gateway, gateway in known)

    async def _look_at(self, connection: Connection, gateway: str, known: GatewayOutage | None, now: datetime) -> None:
        since = now - WITHIN if known is None else known.began_at
        decided = await outcomes.newest(connection, gateway, since, MOST_READ)
        attempts = [attempt for each in decided if (attempt := told_by(each)) is not None]
        news = judge(attempts, None if known is None else known.as_lasting, now)
        if news is None or not await gateway_outages.write(connection, gateway, news):
            return
        match news:
            case Begins(began_at=began_at, why=why):
                log.warning("outages.began", gateway=gateway, began_at=began_at.isoformat(), why=why)
            case Ends(because=because):
                log.info("outages.ended", gateway=gateway, why=because)


def metered(database: Database, gateways: Collection[str], meter: MetricMeter | None) -> OutageWatch:
    """Make a watch that shows among the metrics, where those are served, which gateways are down."""
    if meter is None:
        return OutageWatch(database, gateways)
    gauge = meter.create_gauge("quittance_gateway_down", "1 while a gateway is down for everybody")
    return OutageWatch(database, gateways, lambda gateway, is_down: gauge.set(int(is_down), {"gateway": gateway}))


def told_by(decided: Decided) -> Attempt | None:
    """Return what an outcome tells of its gateway; None where it tells nothing."""
    if decided.outcome in STILL_OPEN:
        return Attempt(decided.at, was_answered=True)
    found = class_of(decided.outcome, decided.code)
    return None if found is None else Attempt(decided.at, found is not OutcomeClass.TECHNICAL)
