"""Random pasts: entries that happened in another order than they were recorded in, and a plain sum to hold histories against."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal
from ledger.accounts import Account, AccountType, Side
from ledger.entries import Entry, Line
from ledger.moments import Moment
from ledger.money import Money

DAY = datetime(2026, 5, 1, tzinfo=UTC)
CURRENCIES = ("USD", "JPY")
CHART = [
    Account(code="clearing:stripe", type=AccountType.ASSET, normal_side=Side.DEBIT),
    Account(code="bank:main", type=AccountType.ASSET, normal_side=Side.DEBIT),
    Account(code="liability:deferred_revenue", type=AccountType.LIABILITY, normal_side=Side.CREDIT),
    Account(code="equity:capital", type=AccountType.EQUITY, normal_side=Side.CREDIT),
    Account(code="credits:issued", type=AccountType.EQUITY, normal_side=Side.DEBIT),
    Account(code="revenue:sales", type=AccountType.REVENUE, normal_side=Side.CREDIT),
    Account(code="revenue:refunds", type=AccountType.REVENUE, normal_side=Side.DEBIT),
    Account(code="expense:gateway_fees", type=AccountType.EXPENSE, normal_side=Side.DEBIT),
]
MEMO = [
    Account(code="memo:unresolved:stripe", type=AccountType.MEMO, normal_side=Side.DEBIT),
    Account(code="memo:unresolved:contra", type=AccountType.MEMO, normal_side=Side.CREDIT),
]
many_pasts = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each past is posted in a transaction that is never committed, so that all examples use the database of their test."""


@dataclass(frozen=True)
class Recorded:
    """A line of which all is known."""

    line: Line
    reference: str
    event_at: datetime
    recorded_at: datetime

    @property
    def account(self) -> tuple[str, str]:
        """The account in its currency."""
        return self.line.account.code, self.line.money.currency

    @property
    def debit_minor(self) -> int:
        """What it adds to the debits, less what it adds to the credits."""
        amount = self.line.money.amount_minor
        return amount if self.line.side is Side.DEBIT else -amount

    @property
    def change_minor(self) -> int:
        """What it adds to the balance on the account's normal side."""
        return self.debit_minor if self.line.account.normal_side is Side.DEBIT else -self.debit_minor

    def counts(self, moment: Moment) -> bool:
        """Whether it had happened at a moment and was known at it."""
        has_happened = moment.happened is None or self.event_at <= moment.happened
        return has_happened and (moment.known is None or self.recorded_at <= moment.known)


@dataclass(frozen=True)
class Past:
    """What was posted, in the order of recording, and the moments that tell all of its states apart."""

    lines: Sequence[Recorded]

    @property
    def happenings(self) -> list[datetime | None]:
        """One moment before everything, each in which something happened, and no limit."""
        return [DAY - timedelta(days=9), *sorted({line.event_at for line in self.lines}), None]

    @property
    def recordings(self) -> list[datetime | None]:
        """The same for what was recorded."""
        return [DAY - timedelta(days=9), *sorted({line.recorded_at for line in self.lines}), None]

    def balances(self, moment: Moment) -> dict[tuple[str, str], int]:
        """Sum every line that counts, in the plainest way; of accounts with such a line."""
        sums: Counter[tuple[str, str]] = Counter()
        for line in self.lines:
            if line.counts(moment):
                sums[line.account] += line.change_minor
        return dict(sums)


@st.composite
def transfers(draw: st.DrawFn, chart: Sequence[Account]) -> list[Line]:
    """Lines that balance in each of their currencies; an account may be on both sides."""
    lines: list[Line] = []
    for _ in range(draw(st.integers(1, 2))):
        between = draw(st.sampled_from([chart, chart, chart, MEMO]))
        amount_minor, currency = draw(st.integers(1, 1000)), draw(st.sampled_from(("USD", "USD", "JPY")))
        lines += [line(draw(st.sampled_from(between)), side, amount_minor, currency) for side in Side]
    return lines


@st.composite
def postings(draw: st.DrawFn) -> list[list[Entry]]:
    """Postings of one to three entries each, of few accounts, that happened in few different minutes and in any order."""
    chart = draw(st.lists(st.sampled_from(CHART), min_size=2, max_size=4, unique_by=lambda account: account.code))
    numbers = itertools.count(1)
    return [
        [entry(f"e{next(numbers)}", draw(st.integers(0, 6)), draw(transfers(chart))) for _ in range(size)]
        for size in draw(st.lists(st.integers(1, 3), min_size=2, max_size=8))
    ]


def line(account: Account, side: Side, amount_minor: int, currency: str = "USD") -> Line:
    """Make a line."""
    return Line(account=account, side=side, money=Money(amount_minor=amount_minor, currency=currency))


def entry(reference: str, minute: int, lines: Sequence[Line]) -> Entry:
    """Make an entry that happened in this minute of the day."""
    return Entry(
        reference=reference,
        rule="made_up",
        description=f"entry {reference}",
        event_at=DAY + timedelta(minutes=minute),
        actor="person:alice",
        lines=tuple(lines),
    )


async def post(connection: AsyncConnection, batches: Sequence[Sequence[Entry]]) -> Past:
    """Post the batches one after the other, each recorded later than the one before; takes the last example back first."""
    await connection.rollback()
    lines: list[Recorded] = []
    for batch in batches:
        for made, posted in zip(batch, await journal.post(connection, batch), strict=True):
            lines += [Recorded(line, made.reference, made.event_at, posted.recorded_at) for line in made.lines]
    return Past(lines)
