"""A model of the books in a few lines of Python, held against PostgreSQL step by step: balances are equal after each.

Five kinds of entries in four currencies, by the posting rules themselves, and parts of them undone; some are repeated, some
altered, some come late, some take or undo what is not there. `RUNS` of them in the long lane, a few in the short one.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.types.json import Jsonb

from ledger import posting
from ledger.accounts import Account, AccountType, Side, clearing
from ledger.entries import Entry, Line, credit, debit
from ledger.journal import _content
from ledger.money import Money
from ledger.posting import Fact
from tests.conftest import Database
from tests.ledger.samples import HAPPENED

RUNS, STEPS = 300, 50
RUNS_IN_SHORT = 6
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
FLOORS = {"liability:refunds_payable": 0, "wallet:cus_1": 0}
POST = "SELECT reference, is_new FROM post_entries(%s)"
BALANCES = "SELECT a.code, a.currency, b.balance_minor, b.version FROM balances b JOIN accounts a USING (account_id)"

amounts = st.integers(1, 10**6)
currencies = st.sampled_from(CURRENCIES)
hours = st.integers(-500, 500)


def _wallet() -> Account:
    return Account(code="wallet:cus_1", type=AccountType.LIABILITY, normal_side=Side.CREDIT)


class Model:
    """What the books must hold: balances on the normal side, and what stands under each reference."""

    def __init__(self) -> None:
        self.balances: Counter[tuple[str, str]] = Counter()
        self.lines: Counter[tuple[str, str]] = Counter()
        self.posted: dict[str, Entry] = {}
        self.undone: Counter[tuple[str, str, str, str]] = Counter()

    def post(self, entry: Entry) -> bool | None:
        """Whether the entry is new; None where it is refused."""
        before = self.posted.get(entry.reference)
        if before is not None:
            return False if before == entry else None
        if entry.reverses is not None and not self._undoes_what_is_left(entry, self.posted[entry.reverses]):
            return None
        after = Counter(self.balances)
        for line in entry.lines:
            sign = 1 if line.side == line.account.normal_side else -1
            after[line.account.code, line.money.currency] += sign * line.money.amount_minor
        for key in {(line.account.code, line.money.currency) for line in entry.lines}:
            if after[key] < self.balances[key] and after[key] < FLOORS.get(key[0], after[key]):
                return None
        self.balances = after
        self.lines.update((line.account.code, line.money.currency) for line in entry.lines)
        self.posted[entry.reference] = entry
        self.undone.update(_undone_by(entry))
        return True

    def _undoes_what_is_left(self, entry: Entry, original: Entry) -> bool:
        """Nothing that the original did not move, nothing twice, and nothing of what is a reversal itself."""
        if original.reverses is not None or original.rule == "refund_reserved":
            return False
        moved: Counter[tuple[str, str, str, str]] = Counter()
        for line in original.lines:
            key = (original.reference, line.account.code, line.money.currency, line.side.other)
            moved[key] += line.money.amount_minor
        asked = _undone_by(entry)
        return all(self.undone[key] + amount <= moved[key] for key, amount in asked.items())


def _undone_by(entry: Entry) -> Counter[tuple[str, str, str, str]]:
    """What an entry undoes of another: of which account, in which currency, by which side."""
    undone: Counter[tuple[str, str, str, str]] = Counter()
    for line in entry.lines if entry.reverses is not None else ():
        undone[entry.reverses or "", line.account.code, line.money.currency, line.side] += line.money.amount_minor
    return undone


class Books(RuleBasedStateMachine):
    """PostgreSQL beside its model."""

    connection: ClassVar[psycopg.Connection]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.number = 0

    @initialize()
    def begin(self) -> None:
        """Each run begins with empty books: all is in one transaction that is given up in the end."""
        self.connection.rollback()

    def teardown(self) -> None:
        """Give everything up."""
        self.connection.rollback()

    def _fact(self, amount: int, currency: str, hour: int) -> Fact:
        self.number += 1
        return Fact(
            operation_id=f"ch_{self.number}:capture:1",
            charge_id=f"ch_{self.number}",
            gateway="stripe",
            money=Money(amount_minor=amount, currency=currency),
            event_at=HAPPENED + timedelta(hours=hour),
            actor="workflow:charge",
            customer="cus_1",
        )

    def _post(self, entry: Entry) -> None:
        expected = self.model.post(entry)
        self.connection.execute("SAVEPOINT before")
        try:
            rows = self.connection.execute(POST, [Jsonb([_content(entry)])]).fetchall()
        except psycopg.Error as error:
            assert error.sqlstate in {"QT409", "QT422"}, error  # noqa: PT017 # any other is a fault
            self.connection.execute("ROLLBACK TO before")
            assert expected is None
        else:
            assert rows == [(entry.reference, expected)]

    @rule(amount=amounts, currency=currencies, hour=hours)
    def capture(self, amount: int, currency: str, hour: int) -> None:
        """Money is taken."""
        self._post(posting.captured(self._fact(amount, currency, hour)))

    @rule(amount=amounts, currency=currencies, hour=hours)
    def charge_a_fee(self, amount: int, currency: str, hour: int) -> None:
        """A gateway keeps some."""
        self._post(posting.fee_charged(self._fact(amount, currency, hour)))

    @rule(amount=amounts, currency=currencies, hour=hours)
    def reserve_a_refund(self, amount: int, currency: str, hour: int) -> None:
        """A refund is promised."""
        self._post(posting.refund_reserved(self._fact(amount, currency, hour)))

    @rule(amount=amounts, currency=currencies, hour=hours)
    def pay_a_refund(self, amount: int, currency: str, hour: int) -> None:
        """A refund is paid, of what was promised or of more, which is refused."""
        fact = self._fact(amount, currency, hour)
        self._post(posting.refund_succeeded(fact, fact.money))

    @rule(amount=amounts, currency=currencies, hour=hours, is_spent=st.booleans())
    def move_a_wallet(self, amount: int, currency: str, hour: int, is_spent: bool) -> None:  # noqa: FBT001 # hypothesis's way
        """A wallet is filled, or spent from as far as it goes."""
        fact = self._fact(amount, currency, hour)
        sides = (debit, credit) if is_spent else (credit, debit)
        accounts = (_wallet(), clearing("stripe"))
        lines = tuple(side(account, fact.money) for side, account in zip(sides, accounts, strict=True))
        self._post(posting.entry(fact, ":wallet", "wallet_moved", "moved", lines))

    @precondition(lambda self: self.model.posted)
    @rule(data=st.data(), is_altered=st.booleans())
    def post_again(self, data: st.DataObject, is_altered: bool) -> None:  # noqa: FBT001 # as above
        """A step is repeated, or somebody uses its reference for something else."""
        entry = self.model.posted[data.draw(st.sampled_from(sorted(self.model.posted)))]
        self._post(entry.model_copy(update={"description": "altered"}) if is_altered else entry)

    @precondition(lambda self: self.model.posted)
    @rule(data=st.data(), percent=st.integers(1, 130), is_turned=st.sampled_from([True, True, True, False]), hour=hours)
    def undo_a_part(self, data: st.DataObject, percent: int, is_turned: bool, hour: int) -> None:  # noqa: FBT001 # as above
        """Somebody takes back a part of an entry, or more than is left, or what it never moved."""
        original = self.model.posted[data.draw(st.sampled_from(sorted(self.model.posted)))]
        self.number += 1
        lines = tuple(
            Line(
                account=line.account,
                side=line.side.other if is_turned else line.side,
                money=Money(
                    amount_minor=max(1, line.money.amount_minor * percent // 100), currency=line.money.currency
                ),
            )
            for line in original.lines
        )
        happened = HAPPENED + timedelta(hours=hour)
        content = {"reference": f"undo_{self.number}", "rule": "undone", "event_at": happened, "lines": lines}
        self._post(original.model_copy(update={**content, "reverses": original.reference}))

    @invariant()
    def balances_are_equal(self) -> None:
        """To the minor unit, in every account, with as many lines."""
        found = {(code, unit): (balance, lines) for code, unit, balance, lines in self.connection.execute(BALANCES)}
        expected = {key: (self.model.balances[key], lines) for key, lines in self.model.lines.items()}
        assert {key: value for key, value in found.items() if value != (0, 0)} == expected


@pytest.fixture
def books(database: Database) -> Iterator[Any]:
    """The state machine over a database of its own."""
    with psycopg.connect(database.app_url) as connection:
        Books.connection = connection
        yield Books
        connection.rollback()


def _settings(runs: int) -> settings:
    return settings(
        max_examples=runs, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_the_books_are_as_their_model_after_every_step_in_short(books: Any) -> None:
    """What the books hold is what the rules say, whatever comes in whatever order."""
    run_state_machine_as_test(books, settings=_settings(RUNS_IN_SHORT))


@pytest.mark.faults
def test_the_books_are_as_their_model_after_every_step(books: Any) -> None:
    """The same, for hundreds of runs."""
    run_state_machine_as_test(books, settings=_settings(RUNS))
