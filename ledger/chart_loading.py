"""Loads a chart into the database in the transaction of a migration; one that contradicts open accounts is refused whole.

Whoever opens an account reads the chart in the same transaction and so holds it: a new one waits for them, and they for it.
"""

from sqlalchemy import Connection, delete, insert, select, text

from ledger.chart import Chart
from ledger.database import chart as table
from ledger.errors import ChartFault

_CONTRADICTED = text(
    "SELECT code, currency, fault FROM as_charted() WHERE fault IS NOT NULL ORDER BY code, currency LIMIT 20"
)
_LOCK = text(
    "SELECT b.account_id FROM balances b JOIN as_charted() c ON c.account_id = b.account_id"
    " WHERE c.floor_minor IS DISTINCT FROM c.charted_floor ORDER BY b.account_id FOR NO KEY UPDATE OF b"
)
# An account of the house that stands below its floor already falls no further; its facts are to be booked all the same.
_FOLLOW = text(
    "UPDATE balances b SET floor_minor ="
    " CASE WHEN c.is_ours AND c.available_minor < c.charted_floor THEN c.available_minor ELSE c.charted_floor END"
    " FROM as_charted() c WHERE c.account_id = b.account_id AND c.floor_minor IS DISTINCT FROM c.charted_floor"
)


def apply(connection: Connection, chart: Chart) -> None:
    """Load a chart, and let the guards of open accounts follow it; nothing happens where it is loaded already.

    Raises ChartFault with a line for each open account that the chart contradicts; the transaction is to be rolled back.
    """
    rows = [row.model_dump(mode="json") | {"form": row.form, "literals": row.literals} for row in chart.accounts]
    connection.execute(text("SET LOCAL ROLE quittance_owner"))
    if not _is_loaded(connection, rows):
        connection.execute(text("LOCK TABLE chart IN ACCESS EXCLUSIVE MODE"))
        connection.execute(delete(table))
        connection.execute(insert(table), rows)
        contradicted = connection.execute(_CONTRADICTED).all()
        if contradicted:
            raise ChartFault(*(f"account {code} in {currency} {fault}" for code, currency, fault in contradicted))
        connection.execute(_LOCK)
        connection.execute(_FOLLOW)
    connection.execute(text("RESET ROLE"))


def _is_loaded(connection: Connection, rows: list[dict[str, object]]) -> bool:
    stored = {row["code"]: dict(row) for row in connection.execute(select(table)).mappings()}
    return stored == {row["code"]: row for row in rows}
