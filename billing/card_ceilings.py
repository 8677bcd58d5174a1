"""Brings the ceilings of cards into the database, which counts by them: the rows that the program ships, and no others.

`worker.py --migrate` does it, as the books' owner; until then no card is tried.
"""

from sqlalchemy import NullPool, create_engine, delete, insert, select, text

from billing.dunning.ceilings import CEILINGS, NetworkCeilings, Row
from billing.dunning.regions import NAMED
from billing.tables import card_ceilings
from ledger.database import CONNECT_SECONDS, driver_url


def bring_up_to_date(migration_url: str, ceilings: NetworkCeilings = CEILINGS) -> None:
    """Make these the ceilings that count from now on; changes nothing where they are.

    `migration_url` is an address of a role that may take on the books' owner.
    """
    wanted = [_columns(row) for row in ceilings.rows]
    engine = create_engine(
        driver_url(migration_url),
        poolclass=NullPool,
        connect_args={"application_name": "quittance migration", "connect_timeout": CONNECT_SECONDS},
    )
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE quittance_owner"))
        # Two that do so at once would both write all of them.
        connection.execute(text("LOCK TABLE card_ceilings IN SHARE ROW EXCLUSIVE MODE"))
        present = [dict(row) for row in connection.execute(select(card_ceilings)).mappings()]
        if sorted(present, key=repr) != sorted(wanted, key=repr):
            connection.execute(delete(card_ceilings))
            connection.execute(insert(card_ceilings), wanted)


def _columns(row: Row) -> dict[str, object]:
    countries = None if not row.region else sorted(NAMED.get(row.region, {row.region}))
    columns = {column.name: getattr(row, column.name, None) for column in card_ceilings.c}
    return columns | {"countries": countries, "counts": row.counts.value}
