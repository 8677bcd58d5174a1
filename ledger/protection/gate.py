"""The gate before the books: nobody writes to them before they were found protected, once in a process's life."""

import asyncio

import structlog

from ledger.database import OUTAGES, Database, outage_reason
from ledger.errors import LedgerNotProtected
from ledger.protection import report
from ledger.protection.fault import Fault

RETRY_SECONDS = 1.0
"""Between two attempts to reach a database that is away."""

log = structlog.get_logger()


class Gate:
    """Lets pass once the ledger was found protected, and looks no more after that."""

    def __init__(self, database: Database, *, unsafe_allowed: bool) -> None:
        self._database = database
        self._unsafe_allowed = unsafe_allowed
        self._is_open = False

    async def passed(self) -> None:
        """Look unless it was done; raises LedgerNotProtected, and what the database raises where it is away."""
        if self._is_open:
            return
        async with self._database.connect() as connection:
            found = await report.inspect(connection)
        serious = found.serious(unsafe_allowed=self._unsafe_allowed)
        if serious:
            raise LedgerNotProtected([fault.line for fault in serious])
        for fault in found.faults:
            _warn(fault)
        self._is_open = True

    async def opened(self) -> None:
        """Look until the database can be reached; raises LedgerNotProtected."""
        while True:
            try:
                return await self.passed()
            except OUTAGES as error:
                log.warning("ledger.unreachable", reason=outage_reason(error), again_in_seconds=RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)


def _warn(fault: Fault) -> None:
    log.warning(
        "ledger.unsafe",
        what=fault.what,
        because="ALLOW_UNSAFE_DATABASE is set",
        danger="acknowledged postings can be lost",
    )
