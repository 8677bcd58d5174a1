"""Reads the recovery of invoices from the books; Temporal is not asked, so that this works whatever has become of a process."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from activities.dunning_case import case_of
from activities.dunning_messages import NextKind
from activities.dunning_outlook import outlook_of
from billing import (
    access_books,
    applications,
    cards,
    dunning_books,
    dunning_events,
    events,
    invoice_books,
    methods,
    notice_books,
    try_books,
)
from billing.dunning import outlook
from billing.dunning.entitlement import entitlement_at
from billing.dunning.history import TryOutcome
from billing.dunning.policy import Edition
from billing.dunning_books import Dunning
from billing.dunning_history import LONGEST_WINDOW
from billing.methods import Method
from commands import dunning_desk_documents, dunning_documents
from commands.connections import Books
from commands.dunning_desk_documents import CardRoomDocument, DunningDocument, DunningSheetDocument
from commands.dunning_documents import PreviewDocument
from commands.errors import WrongUse
from ledger.money import Money

LONGEST = timedelta(days=400)
"""How far a plan looks ahead."""


async def known(books: Books, invoice_id: str) -> Dunning:
    """Read the dunning of an invoice; raises UnknownId where there is no such invoice, and WrongUse where it has none."""
    found = await dunning_books.get(books, invoice_id)
    if found is None:
        invoice = await invoice_books.known(books, invoice_id)
        raise WrongUse(
            f"invoice {invoice_id} is {invoice.state}, and nothing of it failed that is to be recovered: "
            f"begin it with `dunning start {invoice_id}`, or look at `dunning list`"
        )
    return found


async def listed(
    books: Books, *, stage: NextKind | None, customer_id: str | None, is_running: bool, limit: int, now: datetime
) -> Sequence[DunningDocument]:
    """List how recoveries stand, the newest failure first."""
    found: list[DunningDocument] = []
    most = limit if stage is None else dunning_books.MAX_LISTED
    for dunning in await dunning_books.find(books, customer_id=customer_id, is_running=is_running, limit=most):
        document = await shown(books, dunning, now)
        if stage in {None, document.stage}:
            found.append(document)
        if len(found) == limit:
            break
    return found


async def shown(books: Books, dunning: Dunning, now: datetime) -> DunningDocument:
    """Read how one stands."""
    case = await case_of(books, dunning)
    access = entitlement_at(case.history, case.policy, now).access
    return dunning_desk_documents.of_dunning(dunning, case.history, outlook_of(case, now), access)


async def sheet(books: Books, invoice_id: str, now: datetime) -> DunningSheetDocument:
    """Read one whole: what happened, and what would, if the newest decline repeated."""
    dunning = await known(books, invoice_id)
    case = await case_of(books, dunning)
    history = case.history
    access = entitlement_at(history, case.policy, now).access
    entries = outlook.plan(history, case.policy, now, now + LONGEST)
    stands = dunning_desk_documents.of_dunning(dunning, history, outlook_of(case, now), access)
    rows = await try_books.of_invoice(books, invoice_id)
    began = await events.of_key(books, f"dunning/{invoice_id}:began")
    return DunningSheetDocument(
        **stands.model_dump(),
        failed_minor=dunning.amount_minor,
        began_at=dunning.began_at,
        began_by=dunning.began_by,
        began_because=began.body.get("because") if began is not None else None,
        tried=[dunning_desk_documents.of_try(row, tried) for row, tried in zip(rows, history.tries, strict=True)],
        notices=[
            dunning_desk_documents.of_notice(row, now) for row in await notice_books.claimed_of(books, invoice_id)
        ],
        told_access=[dunning_desk_documents.of_access(told) for told in await access_books.told_of(books, invoice_id)],
        commands=[
            dunning_desk_documents.of_command(command)
            for command in await dunning_events.commands_of(books, invoice_id)
        ],
        payments=[
            dunning_desk_documents.of_application(each) for each in await applications.of_invoice(books, invoice_id)
        ],
        cards=await _cards(books, dunning, case.due, now),
        plan=dunning_documents.of_entries(case.policy, history, entries),
    )


async def preview(books: Books, invoice_id: str, edition: Edition | None, now: datetime) -> PreviewDocument:
    """Play what is left of a recovery from now on, by the policy that it goes by or by that of an edition."""
    dunning = await known(books, invoice_id)
    case = await case_of(books, dunning)
    history, policy, version = case.history, case.policy, dunning.policy_version
    if edition is not None:
        policy, version = edition.policy_for(history.invoice, history.customer), edition.version
    entries = outlook.plan(history, policy, now, now + LONGEST)
    declined = next((tried for tried in reversed(history.tries) if tried.outcome is TryOutcome.DECLINED), None)
    return dunning_documents.of_preview(version, policy, history, entries, declined)


async def _cards(books: Books, dunning: Dunning, due: Money, now: datetime) -> list[CardRoomDocument]:
    by_card: dict[str, list[Method]] = {}
    for method in await methods.of_customer(books, dunning.customer_id):
        by_card.setdefault(method.card, []).append(method)
    tries = await cards.tries_of(books, by_card, now - LONGEST_WINDOW) if by_card else ()
    return [
        dunning_desk_documents.of_card(found, [tried for tried in tries if tried.card == card], due, now)
        for card, found in by_card.items()
    ]
