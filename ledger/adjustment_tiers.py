"""Up to which amount one approval of an adjustment is enough, for each currency; above it, or without an amount, it needs two.

The settings say so, `worker.py --migrate` brings it into the database, and the database decides by it. What was so stays known.
"""

from collections.abc import Mapping

from sqlalchemy import NullPool, create_engine, text

from ledger.database import CONNECT_SECONDS, driver_url
from ledger.money import Money

_NOW = text(
    "SELECT DISTINCT ON (currency) currency, one_approval_up_to_minor FROM adjustment_tiers ORDER BY currency, set_at DESC"
)
_SET = text("INSERT INTO adjustment_tiers (currency, one_approval_up_to_minor) VALUES (:currency, :amount)")


def parse(setting: str) -> dict[str, int]:
    """Read `USD=1000.00,JPY=100000` as minor units; raises MoneyError with what to do."""
    pairs = [pair.strip().partition("=") for pair in setting.split(",") if pair.strip()]
    return {currency: Money.parse(amount, currency).amount_minor for currency, _, amount in pairs}


def bring_up_to_date(migration_url: str, tiers: Mapping[str, int]) -> None:
    """Make these the amounts that count from now on; a currency that is not among them needs two approvals.

    `migration_url` is an address of a role that may take on the books' owner.
    """
    engine = create_engine(
        driver_url(migration_url),
        poolclass=NullPool,
        connect_args={"application_name": "quittance migration", "connect_timeout": CONNECT_SECONDS},
    )
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE quittance_owner"))
        # Two that do so at once would both find the same amounts missing.
        connection.execute(text("LOCK TABLE adjustment_tiers IN SHARE ROW EXCLUSIVE MODE"))
        present = {currency: amount for currency, amount in connection.execute(_NOW) if amount is not None}
        changes = {currency: tiers.get(currency) for currency in sorted(present.keys() | tiers.keys())}
        for currency, amount in changes.items():
            if amount != present.get(currency):
                connection.execute(_SET, {"currency": currency, "amount": amount})
