"""The sealer: a worker's loop that seals every few seconds, and says so where something keeps entries from being sealed.

Every worker may run one; they take turns. It uses a connection of its own with the sealer's role, so that nothing of it
stands in a posting's way.
"""

import asyncio
from collections.abc import Callable

import structlog

from ledger.database import OUTAGES, Database, outage_reason
from ledger.seals import sealing
from ledger.seals.signing import SealKey

log = structlog.get_logger()

EVERY_SECONDS = 3.0
OUTAGE_SECONDS = 5.0
"""How long to wait before PostgreSQL is asked again when it was away."""
LATE_SECONDS = 60.0
"""An entry that waits longer is told of: as long as it has no seal, nothing shows that it was changed."""


class Sealer:
    """Seals what is posted; `report_age` hears how long the oldest entry without a seal has been waiting, in seconds."""

    def __init__(
        self, database: Database, key: SealKey, report_age: Callable[[float], None] = lambda _seconds: None
    ) -> None:
        self._database = database
        self._key = key
        self._report_age = report_age

    async def run(self) -> None:
        """Seal until cancelled; nothing that the database does ends it."""
        while True:
            pause_seconds = EVERY_SECONDS
            try:
                await self.seal_all()
                await self._watch_age()
            except OUTAGES as error:
                pause_seconds = OUTAGE_SECONDS
                log.warning("seals.database_away", reason=outage_reason(error))
            except Exception:
                pause_seconds = OUTAGE_SECONDS
                log.exception("seals.defect")
            await asyncio.sleep(pause_seconds)

    async def seal_all(self) -> int:
        """Seal everything that can be sealed now, a batch in each transaction; returns how many seals that made."""
        made = 0
        while True:
            async with self._database.begin() as connection:
                seal = await sealing.seal_next(connection, self._key)
            if seal is None:
                return made
            made += 1
            log.info("seals.sealed", seal=seal.number, entries=seal.entry_count, digest=seal.digest.hex())

    async def _watch_age(self) -> None:
        async with self._database.begin() as connection:
            seconds = await sealing.unsealed_seconds(connection)
        self._report_age(seconds)
        if seconds > LATE_SECONDS:
            log.warning("seals.late", oldest_unsealed_seconds=round(seconds), likely="a transaction that runs for long")
