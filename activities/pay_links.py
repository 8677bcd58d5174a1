"""Where a notice gets the customer's link from: a new one for each notice, since each is used once."""

from datetime import datetime, timedelta

from billing import links
from billing.errors import ChangeRefused, UnknownId
from billing.link_keys import LinkAddresses
from billing.links import LIFE
from ledger.database import Database

NOTICES = "process:notices"
"""Who issues them, in the books."""


class PayLinks:
    """Issues links of invoices; without addresses there are none, and notices leave the paragraph out."""

    def __init__(self, database: Database, addresses: LinkAddresses | None, life: timedelta = LIFE) -> None:
        self._database = database
        self._addresses = addresses
        self._life = life

    async def link_for(self, invoice_id: str, now: datetime) -> str | None:
        """Issue a link; None where none can be signed, or nothing is left to pay."""
        if self._addresses is None:
            return None
        try:
            async with self._database.begin() as connection:
                link = await links.issue(connection, invoice_id, now=now, actor=NOTICES, life=self._life)
        except (ChangeRefused, UnknownId):
            return None
        return self._addresses.of(link.link_id)
