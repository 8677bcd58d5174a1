"""The posting rule of a hold: what was held of an account goes to another."""

from datetime import datetime

from ledger.accounts import Account
from ledger.entries import Entry, Line
from ledger.hold_errors import HoldRefused
from ledger.holds import Hold
from ledger.money import Money


def hold_posted(hold: Hold, held: Account, to: Account, money: Money, *, event_at: datetime, actor: str) -> Entry:
    """Book what is taken of a hold; reference `hold/{hold_id}`, the name of its process. Raises HoldRefused."""
    if to.code == held.code:
        raise HoldRefused(hold.hold_id, f"it is of {held.code} and cannot be posted to it: name another account")
    return Entry(
        reference=f"hold/{hold.hold_id}",
        rule="hold_posted",
        description=f"posted {money} of hold {hold.hold_id} to {to.code}",
        event_at=event_at,
        actor=actor,
        lines=(
            Line(account=held, side=held.normal_side.other, money=money),
            Line(account=to, side=held.normal_side, money=money),
        ),
    )
