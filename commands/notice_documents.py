"""What the commands about notices and events print with `--json`."""

from datetime import datetime
from typing import Any

from billing.dunning.notice_ladder import Template
from billing.events import ToldEvent
from billing.notices.rendering import Rendered
from commands.documents import Document


class NoticeDocument(Document):
    """A notice as it is written."""

    template: str
    language: str
    subject: str
    text: str
    html: str | None


class ToldEventDocument(Document):
    """An event that merchants' systems are told."""

    event_id: int
    key: str
    kind: str
    subject: str
    customer_id: str | None
    occurred_at: datetime
    recorded_at: datetime
    body: dict[str, Any]


def of_notice(template: Template, rendered: Rendered) -> NoticeDocument:
    """Show a notice."""
    return NoticeDocument(template=template, **rendered._asdict())


def of_event(event: ToldEvent) -> ToldEventDocument:
    """Show an event."""
    return ToldEventDocument.model_validate(event.model_dump())
