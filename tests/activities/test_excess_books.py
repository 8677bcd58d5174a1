"""Money in excess that comes back more than once, through the real steps on a real database: each fact is booked."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.late_books import LateBooks, RecordCompensation, RecordLate
from activities.withdrawal_books import RecordWithdrawals, WithdrawalBooks
from gateways.port import Declined, OperationRequest, Succeeded, Withdrawal, WithdrawalKind, WithdrawalState
from ledger import reports
from ledger.database import create_engine
from ledger.proofs.account_checks import check_own_accounts
from ledger.proofs.reading import open_books
from tests.activities.test_charge_books import CAPABILITIES
from tests.activities.test_review_decision import request
from tests.conftest import Database
from tests.ledger.samples import usd
from tests.ledger.test_limits import CHARGE, OPERATION, insert

PAYABLE, TWICE, CLEARING = "liability:refunds_payable", "expense:paid_back_twice", "clearing:stripe"
CAPTURE = "ch_1:capture:1"
AT = datetime(2026, 11, 25, tzinfo=UTC)
ATTEMPT = OPERATION | {
    "operation_id": CAPTURE,
    "kind": "capture",
    "purpose": "attempt:1",
    "payment_reference": "pi_1",
    "outcome": "declined",
}


class Excess:
    """A capture of 1.00 that succeeded after it was given up, and what becomes of it."""

    def __init__(self, engine: AsyncEngine, compensation: OperationRequest) -> None:
        self.engine = engine
        self.compensation: OperationRequest | None = compensation
        self.capture = request("capture")
        self.late = LateBooks(engine, CAPABILITIES)
        self.read_at = AT

    async def refunded(self) -> None:
        """Our refund of it is made."""
        assert self.compensation is not None
        made = Succeeded(reference="re_1", amount=usd(100), occurred_at=AT)
        await self.late.record_compensation(RecordCompensation(operation=self.compensation, outcome=made))

    async def returned(self) -> None:
        """The bank sends the refund back."""
        assert self.compensation is not None
        refused = Declined(code="returned", message="the account is closed", reference="re_1")
        answer = await self.late.record_compensation(RecordCompensation(operation=self.compensation, outcome=refused))
        self.compensation = answer.operation

    async def lost(self) -> None:
        """The gateway takes it back for good, in a dispute."""
        await self._withdrawn(WithdrawalKind.DISPUTE, "dp_1", WithdrawalState.LOST)

    async def won(self) -> None:
        """The gateway gives back what it took in the dispute."""
        await self._withdrawn(WithdrawalKind.DISPUTE, "dp_1", WithdrawalState.WON, returned=100)

    async def reversed(self) -> None:
        """The bank takes it back besides."""
        await self._withdrawn(WithdrawalKind.REVERSAL, "rv_1", WithdrawalState.LOST)

    async def _withdrawn(self, kind: WithdrawalKind, reference: str, state: WithdrawalState, returned: int = 0) -> None:
        self.read_at += timedelta(hours=1)
        seen = Withdrawal(
            kind=kind, reference=reference, state=state, amount=usd(100), returned=usd(returned), withdrawn_at=AT
        )
        record = RecordWithdrawals(operation=self.capture, seen=(seen,), read_at=self.read_at)
        assert await WithdrawalBooks(self.engine).record_withdrawals(record) == 1

    async def balances(self) -> tuple[int, int, int]:
        """What is owed, what was paid back twice, and what the gateway owes us."""
        async with self.engine.connect() as connection:
            rows = {row.account: row.balance_minor for row in await reports.account_balances(connection)}
        return rows[PAYABLE], rows.get(TWICE, 0), rows[CLEARING]


@pytest.fixture
async def excess(database: Database) -> AsyncIterator[Excess]:
    """A charge whose declined attempt succeeded after all."""
    with psycopg.connect(database.app_url) as connection:
        insert(connection, "charges", CHARGE | {"status": "declined"})
        insert(connection, "operations", ATTEMPT)
    engine = create_engine(database.app_url, 2)
    taken = Succeeded(reference="pi_1", amount=usd(100), occurred_at=AT)
    begun = await LateBooks(engine, CAPABILITIES).record_late(RecordLate(operation=request("capture"), outcome=taken))
    assert begun.operation is not None
    yield Excess(engine, begun.operation)
    await engine.dispose()


BACK = {"refunded": 1, "returned": -1, "lost": 1, "won": -1, "reversed": 1}
ORDERS = [
    order
    for order in permutations(BACK)
    if order.index("refunded") < order.index("returned") and order.index("lost") < order.index("won")
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_what_is_given_back_twice_is_booked_in_any_order(
    excess: Excess, database: Database, order: Sequence[str]
) -> None:
    """What a gateway did is never refused by the guard of what is owed, and the proof's own sums agree after each fact."""
    back = 0
    assert await excess.balances() == (100, 0, 100)
    for fact in order:
        await getattr(excess, fact)()
        back += 100 * BACK[fact]
        assert await excess.balances() == (max(0, 100 - back), max(0, back - 100), 100 - back)
        async with open_books(database.app_url) as books, books.snapshot() as snapshot:
            [evidence] = await snapshot.some(["ch_1"])
        assert list(check_own_accounts(evidence)) == []


async def test_a_refund_that_came_back_is_not_made_again_where_the_gateway_took_the_money_itself(
    excess: Excess,
) -> None:
    """Nothing is left to give back: another refund would be refused for ever, or paid twice."""
    await excess.refunded()
    await excess.lost()
    await excess.returned()
    assert excess.compensation is None
