"""What the chart says of accounts, remembered: types and normal sides change with a migration only."""

from collections.abc import Iterable, Mapping

from ledger import account_standing
from ledger.accounts import Account
from ledger.database import Database

MAX_REMEMBERED = 50_000


class ChartedAccounts:
    """Reads the chart once for each code, for as long as a process lives."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Account] = {}

    async def of(self, codes: Iterable[str]) -> Mapping[str, Account]:
        """Read what the chart says of accounts; a code that it has no row for is not in the answer."""
        wanted = set(codes)
        found = {code: self._known[code] for code in wanted & self._known.keys()}
        missing = wanted - found.keys()
        if missing:
            async with self._database.connect() as connection:
                read = await account_standing.all_charted(connection, missing)
            if len(self._known) + len(read) > MAX_REMEMBERED:
                self._known.clear()
            self._known |= read
            found |= read
        return found

    def forget(self) -> None:
        """Read all of it anew: a chart that was loaded meanwhile says something else."""
        self._known.clear()
