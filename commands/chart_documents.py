"""The documents of the `ledger chart` commands with `--json`."""

from commands.documents import Document
from ledger.chart import ChartRow


class ChartRowDocument(Document):
    """The accounts of one form of code."""

    code: str
    type: str
    normal_side: str
    owner: str
    guarded: bool
    bill_back_minor: int | None
    currencies: list[str] | None


def of_row(row: ChartRow) -> ChartRowDocument:
    """Show a row."""
    return ChartRowDocument(**row.model_dump(mode="json"))
