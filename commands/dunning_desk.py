"""`dunning list`, `show` and `start`: unpaid invoices that are recovered, as the books have them."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commands import billing_options, dunning_desk_options, options, output
from commands.errors import WrongUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activities.dunning_messages import NextKind
    from billing.dunning_books import Dunning
    from commands.connections import Books
    from commands.dunning_desk_documents import DunningDocument, DunningSheetDocument


def list_dunnings(
    *,
    stage: dunning_desk_options.Stage = None,
    customer: options.CustomerFilter = None,
    ended: dunning_desk_options.Ended = False,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List what is being recovered and what comes next, the newest failure first; with --ended, what is over."""
    from activities.dunning_messages import NextKind
    from commands import billing_steps, dunning_rows, dunning_sheet

    wanted = _stage(stage)
    if wanted is not None and (wanted is NextKind.OVER) != ended:
        raise WrongUse("--stage over and --ended go together: those that run are in another stage")

    async def listed(books: "Books") -> "Sequence[DunningDocument]":
        now = datetime.now(UTC)
        return await dunning_rows.listed(
            books, stage=wanted, customer_id=customer, is_running=not ended, limit=limit, now=now
        )

    found = billing_steps.read(listed)
    if as_json:
        output.document({"dunnings": [each.plain() for each in found]})
    elif found:
        dunning_sheet.show_list(found)
    else:
        output.line("nothing of that kind is recovered")


def show(invoice_id: dunning_desk_options.InvoiceId, *, as_json: options.AsJson = False) -> None:
    """Show the recovery of an invoice: what happened and who said what, what is planned, and what its cards may still take."""
    from commands import arguments, billing_steps, dunning_rows, dunning_sheet

    arguments.identifier("INVOICE_ID", invoice_id)

    async def whole(books: "Books") -> "DunningSheetDocument":
        return await dunning_rows.sheet(books, invoice_id, datetime.now(UTC))

    found = billing_steps.read(whole)
    if as_json:
        output.document(found.plain())
    else:
        dunning_sheet.show(found)


def start(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Begin to recover an open invoice that no subscription collects; its process is started by the worker."""
    from billing import dunning_books, invoice_books
    from billing.errors import ChangeRefused
    from commands import arguments, billing_arguments, billing_steps, dunning_policies, dunning_rows, dunning_sheet

    arguments.identifier("INVOICE_ID", invoice_id)
    now = datetime.now(UTC)
    edition = dunning_policies.edition_at(dunning_policies.of_settings(), now)
    actor, why = billing_arguments.actor(by), billing_arguments.because(because)

    async def begun(books: "Books") -> "Dunning":
        invoice = await invoice_books.known(books, invoice_id)
        if invoice.subscription_id is not None and await dunning_books.get(books, invoice_id) is None:
            reason = (
                f"the process of subscription {invoice.subscription_id} collects it, and begins it where that fails"
            )
            raise ChangeRefused("dunning", invoice_id, reason)
        return await dunning_books.begin(books, invoice_id, edition, failed_at=now, now=now, actor=actor, because=why)

    async def stands(books: "Books") -> "DunningDocument":
        return await dunning_rows.shown(books, await begun(books), now)

    found = billing_steps.write(stands)
    if as_json:
        output.document(found.plain())
    else:
        output.line(dunning_sheet.sentence(found))


def _stage(text: str | None) -> "NextKind | None":
    from activities.dunning_messages import NextKind

    if text is None:
        return None
    try:
        return NextKind(text)
    except ValueError:
        raise WrongUse(f"--stage: there is no stage {text!r}: use one of {', '.join(NextKind)}") from None
