"""The worked examples of docs/ledger.md: one after the other posted into one set of books, and shown as the books have them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import groupby

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import credits as credit_rules
from ledger import exchange, fees, history, journal, posting, rates
from ledger.accounts import Account, AccountType, Side, wallet
from ledger.adjustment_requests import AdjustmentRequest
from ledger.conversion import Conversion
from ledger.credits import Outstanding, Purchase, Spending
from ledger.entries import Entry, credit, debit
from ledger.money import Money
from ledger.posting import Fact
from ledger.rates import NewRate
from ledger.withdrawal_posting import withdrawal
from ledger.withdrawals import TakenBack
from tests.ledger.adjustment_samples import BANK, POST, ask, hold_role, say, set_tier
from tests.ledger.exchange_samples import money
from tests.ledger.fee_samples import ask as price_of
from tests.ledger.fee_samples import edition, rule

FUNCTIONAL = "USD"
BANK_CHARGES = Account(code="expense:bank_charges", type=AccountType.EXPENSE, normal_side=Side.DEBIT)
_NEW = text(
    "SELECT e.reference, e.rule, e.actor, e.description, l.side, a.code, l.currency, l.amount_minor, l.before_minor, l.after_minor"
    " FROM entries e JOIN lines l USING (entry_id) JOIN accounts a USING (account_id)"
    " WHERE e.entry_id > :after ORDER BY e.entry_id, l.line_number"
)
_LAST = text("SELECT coalesce(max(entry_id), 0) FROM entries")


def at(day: int) -> datetime:
    """The noon of a day in March 2026."""
    return datetime(2026, 3, day, 12, tzinfo=UTC)


async def told(connection: AsyncConnection, superuser: psycopg.Connection) -> AsyncIterator[tuple[str, str]]:
    """Post one example after the other; yields its name and what the books say then."""
    for name, post in (
        ("purchase", _purchase),
        ("spend", _spend),
        ("refund", _refund),
        ("dispute", _dispute),
        ("conversion", _conversion),
    ):
        before = await connection.scalar(_LAST)
        await post(connection)
        await connection.commit()
        yield name, await _shown(connection, before)
    before = await connection.scalar(_LAST)
    decided = _adjustment(superuser)
    yield "adjustment", decided + await _shown(connection, before)
    yield "trial-balance", await _trial_balance(connection)


async def _purchase(connection: AsyncConnection) -> None:
    """1,000 credits for 10.00 dollars, of which the gateway keeps 2.9 % and 30 cents."""
    one = rule()
    bought = Purchase(
        purchase_id="pu_1",
        customer="cus_1",
        credits=money("1000", "CREDIT"),
        fees=fees.of_purchase(edition(one), one, price_of(1000)),
        event_at=at(2),
        actor="workflow:charge",
    )
    await journal.post(connection, [credit_rules.bought(bought, {}, FUNCTIONAL)])


async def _spend(connection: AsyncConnection) -> None:
    """300 of them."""
    spent = Spending(
        spending_id="sp_1", customer="cus_1", credits=money("300", "CREDIT"), event_at=at(3), actor="service:shop"
    )
    outstanding = Outstanding(issued_minor=1000, deferred_minor=1000)
    await journal.post(connection, [credit_rules.spent(spent, outstanding, FUNCTIONAL)])


async def _refund(connection: AsyncConnection) -> None:
    """A capture with its fee, of which 20.00 go back: reserved first, then paid."""
    taken, back = _fact("ch_1", "capture", "49.99", 4), _fact("ch_1", "refund", "20", 5)
    fee = _fact("ch_1", "capture", "1.75", 4)
    for entry in (
        posting.captured(taken),
        posting.fee_charged(fee),
        posting.refund_reserved(back),
        posting.refund_succeeded(back, back.money),
    ):
        await journal.post(connection, [entry])


async def _dispute(connection: AsyncConnection) -> None:
    """The customer's bank takes a capture back, with a fee, and in the end keeps it."""
    captured = _fact("ch_2", "capture", "30", 6)
    opened = TakenBack(
        gateway="stripe",
        reference="dp_1",
        charge_id="ch_2",
        operation_id="ch_2:capture:1",
        kind="dispute",
        state="open",
        currency="USD",
        amount_minor=3000,
        fee_minor=1500,
        fee_currency="USD",
        withdrawn_at=at(9),
        read_at=at(9),
    )
    lost = opened.model_copy(update={"state": "lost", "changes": 1, "closed_at": at(20), "read_at": at(20)})
    entries = [
        posting.captured(captured),
        *withdrawal(captured, None, opened, excess=None),
        *withdrawal(captured, opened, lost, excess=None),
    ]
    for entry in entries:
        await journal.post(connection, [entry])


async def _conversion(connection: AsyncConnection) -> None:
    """108 dollars come in and become euros; half of them go back to dollars at the rate of another day."""
    paid = money("108", "USD")
    paid_in = Entry(
        reference="transfer:tr_1",
        rule="paid_in",
        description="bank transfer of a customer",
        event_at=at(10),
        actor="person:alice",
        lines=(debit(BANK, paid), credit(wallet("cus_2"), paid)),
    )
    await journal.post(connection, [paid_in])
    for day, rate in ((11, "1.08"), (18, "1.10")):
        stated = NewRate(
            from_unit="EUR", to_unit="USD", rate=rate, effective_from=at(day), source="ECB", actor="person:alice"
        )
        await rates.add(connection, stated)
    for name, given, unit, day in (
        ("cv_1", money("108", "USD"), "EUR", 11),
        ("cv_2", money("50", "EUR"), "USD", 18),
    ):
        wish = Conversion(
            conversion_id=name,
            given=debit(wallet("cus_2"), given),
            receiver=wallet("cus_2"),
            unit=unit,
            event_at=at(day),
            actor="person:alice",
        )
        await exchange.convert(connection, wish, FUNCTIONAL)


def _adjustment(superuser: psycopg.Connection) -> str:
    """A charge of the bank that nobody booked; alice asks, bob approves."""
    hold_role(superuser, "alice", "bob")
    set_tier(superuser)
    charged = money("12", "USD")
    request = AdjustmentRequest(
        adjustment_id="adj_1",
        requester="alice",
        reason_code="bank_charges",
        because="the bank charged for the transfer",
        evidence="statement 2026-03, page 2",
        event_at=at(10),
        lines=(debit(BANK_CHARGES, charged), credit(BANK, charged)),
        valid_seconds=86_400,
    )
    ask(superuser, request)
    say(superuser, request, "bob")
    superuser.execute(POST, ["adj_1"])
    [(requester, because, evidence, needed, state)] = superuser.execute(
        "SELECT requester, because, evidence, approvals_needed, state FROM adjustments"
    ).fetchall()
    decisions = superuser.execute("SELECT person, decision FROM adjustment_decisions").fetchall()
    said = ", ".join(f"{person}: {decision}" for person, decision in decisions)
    return f"asked by {requester}: {because} ({evidence})\napprovals needed: {needed}; {said}; {state}\n\n"


async def _shown(connection: AsyncConnection, after: int) -> str:
    """Write the entries since then as the books have them, each line with the balance of its account before and after."""
    rows = (await connection.execute(_NEW, {"after": after})).all()
    blocks = []
    for (reference, of_rule, actor, description), lines in groupby(rows, key=lambda row: tuple(row[:4])):
        cells = [
            (row.side, row.code, *(_money(minor, row.currency) for minor in (row[7], row[8], row[9]))) for row in lines
        ]
        blocks.append(
            f"{reference} ({of_rule}, {actor})\n{description}\n"
            + _table(("side", "account", "amount", "before", "after"), cells, texts=2)
        )
    return "\n".join(blocks)


async def _trial_balance(connection: AsyncConnection) -> str:
    """Every account that holds something, and the sums of each currency."""
    rows = [row for row in await history.trial_balance(connection) if row.balance_minor]
    cells = [
        (row.account, *(_money(minor, row.currency) if minor else "" for minor in (row.debit_minor, row.credit_minor)))
        for row in rows
    ]
    for currency, of_currency in groupby(rows, key=lambda row: row.currency):
        kept = list(of_currency)
        sums = (sum(row.debit_minor for row in kept), sum(row.credit_minor for row in kept))
        cells.append((f"all of {currency}", *(_money(minor, currency) for minor in sums)))
    return _table(("account", "debit", "credit"), cells, texts=1)


def _fact(charge_id: str, kind: str, amount: str, day: int) -> Fact:
    return Fact(
        operation_id=f"{charge_id}:{kind}:1",
        charge_id=charge_id,
        gateway="stripe",
        money=money(amount, "USD"),
        event_at=at(day),
        actor=f"workflow:{'refund' if kind == 'refund' else 'charge'}",
        customer="cus_1",
    )


def _money(amount_minor: int, currency: str) -> str:
    return str(Money(amount_minor=amount_minor, currency=currency))


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], *, texts: int) -> str:
    """Set columns under each other; those behind the texts are numbers, flush right."""
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    return "".join(
        "   ".join(
            f"{cell:<{width}}" if place < texts else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        + "\n"
        for row in (heads, *rows)
    )
