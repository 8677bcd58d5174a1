"""docs/events.md names every kind of event, with an example that is like what is told."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from billing import access_books, notice_books, wanted_notice
from billing.dunning.entitlement import Access, entitlement_changes
from billing.dunning.history import EventKind
from billing.dunning.notice_ladder import Channel, Template
from billing.notice_reading import of_invoice
from billing.wanted_notice import KINDS, NoticeResult, Outcome, WantedNotice
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery

TEXT = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
ROWS: dict[str, dict[str, Any]] = {
    kind: json.loads(body)
    for kind, body in re.findall(r"^\| `([a-z_.]+)` \| [^|]+ \| `(\{.*\})` \|$", TEXT, flags=re.MULTILINE)
}
FACTS = {
    *(EventKind.PAID, EventKind.VOIDED, EventKind.SUBSCRIPTION_CANCELLED, EventKind.ENDED),
    *(EventKind.DISPUTE_OPENED, EventKind.DISPUTE_CLOSED),
}
"""What is read from elsewhere, or has an event of its own."""
SHARED = {"invoice", "subscription"}


def test_every_kind_has_an_example() -> None:
    """Whoever reads the feed finds what each event means; none is promised that never comes."""
    commanded = {f"dunning.{kind}" for kind in EventKind if kind not in FACTS}
    accesses = {f"access.{access}" for access in Access}
    own = {"dunning.began", "dunning.recovered", "dunning.ended"}
    assert set(ROWS) == commanded | accesses | own | set(KINDS.values())


async def told(recovery: Recovery) -> dict[str, dict[str, Any]]:
    """The bodies of what was told, by kind."""
    rows = await recovery.step(lambda books: books.execute(text("SELECT kind, body FROM events ORDER BY event_id")))
    return {row.kind: row.body for row in rows}


async def notice(recovery: Recovery, result: NoticeResult) -> None:
    """Let a notice come to something."""
    row = notice_books.of_invoice("in_1", str(result.outcome))
    now = FAILED_AT + 7 * DAY
    telling = await recovery.step(
        lambda books: of_invoice(books, "in_1", row.key, Template.REMINDER, merchant="", now=now)
    )
    wanted = WantedNotice(row, Template.REMINDER, Channel.EMAIL, now, telling._replace(is_due=True))
    assert await recovery.step(lambda books: wanted_notice.take(books, wanted, now)) is None
    await recovery.step(lambda books: wanted_notice.settle(books, wanted, result, now))


async def test_the_examples_have_the_fields_of_what_is_told(recovery: Recovery) -> None:
    """A program that was written by the document works."""
    await recovery.fail()
    at, until = FAILED_AT + HOUR, FAILED_AT + 5 * DAY
    for kind in (EventKind.LEGAL_HOLD_BEGAN, EventKind.LEGAL_HOLD_ENDED):
        at += timedelta(minutes=1)
        await recovery.note(kind, at)
    for kind in (EventKind.PROMISED, EventKind.RESUMED, EventKind.PAUSED):
        at += timedelta(minutes=1)
        more: dict[str, Any] = {} if kind is EventKind.RESUMED else {"until": until}
        await recovery.note(kind, at, **more)
    for outcome in KINDS:
        why = "no address" if outcome is Outcome.FAILED else None
        await notice(recovery, NoticeResult(outcome=outcome, why=why))
    history, policy = await recovery.history(), await recovery.policy()
    changes = entitlement_changes(history, policy)
    await recovery.step(lambda books: access_books.tell_access(books, "in_1", changes))
    await recovery.end()
    found = await told(recovery)
    assert len(found) == 13
    for name, body in found.items():
        shared = set() if name.startswith("notice.") else SHARED
        assert set(body) == set(ROWS[name]) | shared, name
        if "facts" in body:
            described = set(ROWS[name]["facts"])
            assert described <= set(body["facts"]) <= described | {"card", "plan", "end", "over_at"}
