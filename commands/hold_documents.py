"""The documents of the `holds` commands with `--json`."""

from datetime import datetime

from commands.documents import Document
from ledger.holds import Hold
from workflows.hold_messages import HoldView


class HoldDocument(Document):
    """A hold."""

    hold_id: str
    status: str
    account: str
    currency: str
    amount_minor: int
    posted_minor: int
    expires_at: datetime
    because: str | None
    placed_by: str | None
    placed_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None
    entry_reference: str | None
    web_ui: str


def of_hold(hold: Hold, web_ui: str) -> HoldDocument:
    """Show a hold of the books."""
    same = set(HoldDocument.model_fields) & set(Hold.model_fields)
    fields = {name: getattr(hold, name) for name in same}
    return HoldDocument(**fields, status=hold.state, placed_by=hold.actor, web_ui=web_ui)


def of_refused(view: HoldView, web_ui: str) -> HoldDocument:
    """Show a hold that was never placed."""
    nothing = dict.fromkeys(("because", "placed_by", "placed_at", "ended_at", "ended_by", "entry_reference"))
    same = set(HoldDocument.model_fields) & set(HoldView.model_fields) - nothing.keys()
    fields = {name: getattr(view, name) for name in same}
    return HoldDocument(**fields, **nothing, ended_because=view.message, web_ui=web_ui)
