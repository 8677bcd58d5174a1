"""What a service is told: of each entry that it is in the books, or why it is not; and of outages, when to come again."""

from collections.abc import Sequence
from typing import Any

import structlog
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ledger.database import OUTAGES, outage_reason
from ledger.errors import (
    AccountConditionFailed,
    AccountShort,
    AccountVersionChanged,
    LedgerError,
    LedgerNotProtected,
    ReferenceConflict,
)
from ledger.group_commit import TooManyWaiting
from ledger.journal import Posted, PostedEntry

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2

AWAY = (*OUTAGES, TimeoutError, TooManyWaiting, LedgerNotProtected)
"""It is not known what became of the entries, or will be otherwise soon: the same may be sent again."""

Result = Posted | Exception
"""What became of entries that are posted together."""


def posted(entry: PostedEntry) -> dict[str, Any]:
    """Say that an entry is in the books."""
    return {
        "entry_reference": entry.reference,
        "accepted": True,
        "entry_id": entry.entry_id,
        "recorded_at": entry.recorded_at.isoformat(),
        "is_new": entry.is_new,
    }


def refused(reference: str | None, refusal: LedgerError) -> dict[str, Any]:
    """Say why an entry is not, and where the caller has to look: values beside the sentence, where there are any."""
    told: dict[str, Any] = {
        "entry_reference": reference,
        "accepted": False,
        "refusal": type(refusal).__name__,
        "message": str(refusal),
    }
    match refusal:
        case AccountShort(account=account, missing=missing):
            return told | {"account": account, "missing_minor": missing.amount_minor, "currency": missing.currency}
        case AccountVersionChanged(account=account, found=found):
            return told | {"account": account, "version": found}
        case AccountConditionFailed(account=account, available=available):
            return told | {
                "account": account,
                "available_minor": available.amount_minor,
                "currency": available.currency,
            }
    return told


def of_entries(entries: Posted) -> Response:
    """Answer with entries that are in the books: 201 where one is new, 200 where all were there."""
    status = 201 if any(entry.is_new for entry in entries) else 200
    return JSONResponse({"entries": [posted(entry) for entry in entries]}, status)


def of_refusal(reference: str | None, refusal: LedgerError) -> Response:
    """Answer that nothing was written: 409 where the reference stands for something else, 422 otherwise."""
    status = 409 if isinstance(refusal, ReferenceConflict) else 422
    return JSONResponse({"entries": [refused(reference, refusal)]}, status)


def of_each(references: Sequence[str], results: Sequence[Result]) -> Response:
    """Answer with what became of each entry by itself; 200, or that of the outage where one has no answer."""
    outage = next((result for result in results if isinstance(result, AWAY)), None)
    if outage is not None:
        return of_outage(outage)
    told: list[dict[str, Any]] = []
    for reference, result in zip(references, results, strict=True):
        if isinstance(result, LedgerError):
            told.append(refused(reference, result))
        elif isinstance(result, Exception):
            raise result
        else:
            told += [posted(entry) for entry in result]
    return JSONResponse({"entries": told})


def of_outage(error: Exception) -> Response:
    """Answer that the same has to be sent again; what was posted meanwhile is posted once."""
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
    if isinstance(error, TooManyWaiting):
        return PlainTextResponse(f"{error}\n", 429, headers)
    reason = error.faults[0] if isinstance(error, LedgerNotProtected) else outage_reason(error)
    log.error("posting.unavailable", reason=reason)
    return PlainTextResponse("not known to be posted, send the same again later\n", 503, headers)
