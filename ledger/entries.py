"""Journal entries: balanced, immutable sets of lines, each posted under a unique reference.

The same rules stand in the posting function and in the database's triggers, written separately on purpose.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ledger.accounts import Account, AccountCode, AccountType, Side
from ledger.errors import InvalidEntry, UnbalancedEntry
from ledger.money import Money, UnitCode

MAX_LINES = 200
MAX_LINE_MINOR = 999_999_999_999_999  # a thousand times the largest charge, so that summary lines fit

Reference = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
"""Printable ASCII without blanks."""
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,500}$")]
"""One line of text."""
Rule = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$")]
"""Name of a posting rule."""
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class Line(BaseModel):
    """One debit or credit of one account; `money` is positive and in the account's currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Account
    side: Side
    money: Money

    def given(self) -> dict[str, Any]:
        """Write it as the database's posting functions read it."""
        return {
            "code": self.account.code,
            "type": self.account.type,
            "normal_side": self.account.normal_side,
            "side": self.side,
            "amount_minor": self.money.amount_minor,
            "currency": self.money.currency,
        }

    def reversed(self) -> "Line":
        """The line that undoes this one."""
        return Line(account=self.account, side=self.side.other, money=self.money)


def debit(account: Account, money: Money) -> Line:
    """Make a debit line."""
    return Line(account=account, side=Side.DEBIT, money=money)


def credit(account: Account, money: Money) -> Line:
    """Make a credit line."""
    return Line(account=account, side=Side.CREDIT, money=money)


class Condition(BaseModel):
    """What must still be so of an account when the entry is posted; what is available is the balance less what is held.

    Looked at once, under the lock, before anything that is posted together with the entry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: AccountCode
    currency: UnitCode
    version: Annotated[int, Field(ge=0)] | None = None
    """The sequence of the account's last line, as the caller saw it."""
    at_least_minor: int | None = None
    at_most_minor: int | None = None


class Entry(BaseModel):
    """A fact of business in double entry. Raises InvalidEntry or UnbalancedEntry when it is made wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: Reference
    rule: Rule
    """The posting rule that made it."""
    description: Text
    event_at: AwareDatetime
    """When it happened, by the clock of whoever did it; when we wrote it down is the database's to say."""
    actor: Name
    """The person or process that caused it, such as `person:alice`."""
    lines: tuple[Line, ...]
    charge_id: Name | None = None
    operation_id: Name | None = None
    reason_code: Name | None = None
    reverses: Reference | None = None
    """Reference of the earlier entry that this one undoes, all of it or a part; nothing can be undone twice."""
    conditions: tuple[Condition, ...] = Field(default=(), max_length=MAX_LINES)
    """No part of the content: an entry that is posted already is returned whatever they say now."""

    def model_post_init(self, _context: object) -> None:
        """Check the lines together, once each is right by itself."""
        if not 2 <= len(self.lines) <= MAX_LINES:
            raise InvalidEntry(self.reference, f"it has {len(self.lines)} lines; give 2 to {MAX_LINES}")
        for line in self.lines:
            if line.money.amount_minor <= 0:
                raise InvalidEntry(
                    self.reference, f"the amount of {line.account.code} is {line.money}; give a positive one"
                )
            if line.money.amount_minor > MAX_LINE_MINOR:
                most = Money(amount_minor=MAX_LINE_MINOR, currency=line.money.currency)
                raise InvalidEntry(
                    self.reference, f"the amount of {line.account.code} is too large: {most} is the most"
                )
        found = _imbalance(_surplus(self.lines))
        if found:
            raise UnbalancedEntry(self.reference, found)


def _surplus(lines: Sequence[Line]) -> Counter[tuple[str, bool]]:
    """Debits less credits for each currency; memo accounts apart, so that they never balance real ones."""
    surplus: Counter[tuple[str, bool]] = Counter()
    for line in lines:
        amount = line.money.amount_minor if line.side is Side.DEBIT else -line.money.amount_minor
        surplus[line.money.currency, line.account.type is AccountType.MEMO] += amount
    return surplus


def _imbalance(surplus: Counter[tuple[str, bool]]) -> str | None:
    """Say what is off; where one currency stands against another, that an entry never changes one for the other."""
    off = {key: amount for key, amount in surplus.items() if amount}
    if not off:
        return None
    (currency, outside), amount = next(iter(off.items()))
    larger, smaller = ("debits", "credits") if amount > 0 else ("credits", "debits")
    where = "memo accounts have" if outside else "it has"
    fault = f"{where} {Money(amount_minor=abs(amount), currency=currency)} more {larger} than {smaller}"
    others = sorted({other for other, _ in off} - {currency})
    if others:
        return f"{fault}, and {', '.join(others)} does not make up for it: a conversion needs its rate"
    return fault
