"""The documents of `ledger check` with `--json`."""

from commands import account_documents
from commands.account_documents import StandingDocument
from commands.documents import Document
from ledger.dry_run import DryRun, Tried
from ledger.errors import AccountShort


class TriedDocument(Document):
    """What would become of an entry."""

    entry_reference: str
    accepted: bool
    posted_already: bool
    refusal: str | None
    message: str | None
    account: str | None
    missing_minor: int | None
    currency: str | None


class CheckDocument(Document):
    """What would become of entries, and how their accounts would stand then."""

    entries: list[TriedDocument]
    standings: list[StandingDocument]


def of_dry_run(run: DryRun) -> CheckDocument:
    """Show a dry run."""
    return CheckDocument(
        entries=[_of_tried(tried) for tried in run.tried],
        standings=[account_documents.of_standing(standing) for standing in run.standings],
    )


def _of_tried(tried: Tried) -> TriedDocument:
    refusal = tried.refusal
    short = refusal if isinstance(refusal, AccountShort) else None
    return TriedDocument(
        entry_reference=tried.reference,
        accepted=refusal is None,
        posted_already=refusal is None and not tried.is_new,
        refusal=None if refusal is None else type(refusal).__name__,
        message=None if refusal is None else str(refusal),
        account=getattr(refusal, "account", None),
        missing_minor=None if short is None else short.missing.amount_minor,
        currency=None if short is None else short.missing.currency,
    )
