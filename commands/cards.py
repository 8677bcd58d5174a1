"""`cards`: how often a card was tried over all invoices, checkouts and commands, and how often it may be."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from commands import options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.cards import CardSum
    from commands.card_documents import CardCeilingDocument, CardDocument, CardTryDocument
    from commands.connections import Books

app = typer.Typer(
    help="How often cards were tried, what the networks' ceilings leave, and which may never be tried again."
)
CARD = re.compile(r"card_[0-9a-f]{32}")
LISTED_DAYS = 30
MOST_LISTED = 100

MethodOrCard = Annotated[
    str,
    typer.Argument(
        metavar="METHOD_ID", help="Id of a payment method, or the card as `cards list` names it.", show_default=False
    ),
]


@app.command()
def show(card: MethodOrCard, *, as_json: options.AsJson = False) -> None:
    """Show the tries of a card that a ceiling can count, what is left under each ceiling, and from when the next is allowed."""
    from commands import arguments, billing_steps

    if not CARD.fullmatch(card):
        arguments.identifier("METHOD_ID", card)
    found = billing_steps.read(lambda books: _sheet(books, card))
    if as_json:
        output.document(found.plain())
    else:
        _show(found)


@app.command(name="list")
def list_cards(*, as_json: options.AsJson = False) -> None:
    """List the cards that were tried in the last 30 days or may never be tried again, the most refused first."""
    from billing import cards
    from commands import billing_steps, card_documents

    async def listed(books: "Books") -> "Sequence[CardSum]":
        return await cards.busiest(books, datetime.now(UTC) - timedelta(days=LISTED_DAYS), MOST_LISTED)

    found = [card_documents.of_sum(each) for each in billing_steps.read(listed)]
    if as_json:
        return output.document({"cards": [each.plain() for each in found]})
    columns = ("card", "tries", "refused", "newest", "never")
    rows = [
        (each.card, str(each.tries), str(each.refused), _moment(each.newest_at), each.never_because or "")
        for each in found
    ]
    numbers = ("tries", "refused")
    return (
        output.table(columns, rows, numbers=numbers) if rows else output.line("no card was tried in the last 30 days")
    )


async def _sheet(books: "Books", name: str) -> "CardDocument":
    from billing import cards, methods
    from billing.dunning.ceilings import CEILINGS
    from commands import card_documents

    card = await cards.known(books, name if CARD.fullmatch(name) else (await methods.known(books, name)).card)
    now = datetime.now(UTC)
    reach = timedelta(hours=max(row.window_hours for row in CEILINGS.rows))
    tries = await cards.tries_of(books, [card.card], now - reach)
    return card_documents.of_card(card, await methods.of_card(books, card.card), tries, now)


def _show(card: "CardDocument") -> None:
    kind = " ".join(each for each in (card.network, card.country) if each) or "network not known"
    output.line(f"{card.card} ({kind})")
    for method in card.methods:
        state = "" if method.is_usable else ", not usable"
        output.line(f"payment method {method.method_id} of customer {method.customer_id}{state}")
    if card.never_at is not None:
        output.line(f"never to be tried again since {_moment(card.never_at)} UTC: {card.never_because}")
    columns = ("ceiling", "most", "left", "next from")
    rows = [_ceiling(each, is_never=card.never_at is not None) for each in card.ceilings]
    output.table(columns, rows, numbers=("most", "left"))
    if card.tries:
        output.table(("tried", "operation", "amount", "result"), [_try(each) for each in card.tries])
    else:
        output.line("no try that a ceiling can count")


def _ceiling(ceiling: "CardCeilingDocument", *, is_never: bool) -> tuple[str, ...]:
    from ledger.money import Money

    rule = ceiling.rule if ceiling.is_ours else f"{ceiling.rule} ({ceiling.network})"
    if ceiling.amount_minor is not None and ceiling.currency is not None:
        rule += f", {Money(amount_minor=ceiling.amount_minor, currency=ceiling.currency)}"
    # The first whole minute that is not too early.
    rested = _moment(ceiling.next_at + timedelta(minutes=1, microseconds=-1))
    return rule, str(ceiling.most), str(ceiling.left), "never" if is_never else "now" if ceiling.left else rested


def _try(tried: "CardTryDocument") -> tuple[str, ...]:
    from ledger.money import Money

    amount = Money(amount_minor=tried.amount_minor, currency=tried.currency)
    return _moment(tried.tried_at), tried.operation_id, str(amount), tried.result


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
