"""The documents of the `accounts` commands with `--json`."""

from collections.abc import Sequence
from datetime import datetime

from commands.documents import Document
from ledger.account_standing import AccountChange, Standing


class StandingDocument(Document):
    """How an account stands in one currency."""

    account: str
    currency: str
    type: str
    normal_side: str
    owner: str
    state: str
    guarded: bool
    bill_back_minor: int | None
    posted_minor: int
    pending_minor: int
    available_minor: int
    version: int


class AccountChangeDocument(Document):
    """What somebody made of an account."""

    currency: str
    state: str
    bill_back_minor: int | None
    by: str
    because: str
    changed_at: datetime


class AccountStandingDocument(Document):
    """An account in all its currencies, with what was made of it, the last change first."""

    account: str
    standings: list[StandingDocument]
    changes: list[AccountChangeDocument]


def of_standing(standing: Standing) -> StandingDocument:
    """Show how an account stands."""
    fields = standing.model_dump(exclude={"floor_minor"}) | {"available_minor": standing.available_minor}
    guarded = standing.floor_minor is not None
    return StandingDocument(**fields, guarded=guarded, bill_back_minor=_bill_back(standing.floor_minor))


def of_change(currency: str, change: AccountChange) -> AccountChangeDocument:
    """Show what somebody made of an account."""
    return AccountChangeDocument(
        currency=currency,
        state=change.state,
        bill_back_minor=_bill_back(change.floor_minor),
        by=change.actor,
        because=change.because,
        changed_at=change.changed_at,
    )


def of_account(
    code: str, standings: Sequence[Standing], changes: Sequence[tuple[str, AccountChange]]
) -> AccountStandingDocument:
    """Show a whole account."""
    shown = [of_change(currency, change) for currency, change in changes]
    return AccountStandingDocument(
        account=code,
        standings=[of_standing(standing) for standing in standings],
        changes=sorted(shown, key=lambda change: change.changed_at, reverse=True),
    )


def _bill_back(floor_minor: int | None) -> int | None:
    return None if floor_minor is None else -floor_minor
