"""The ledger step of withdrawals: what a gateway took back of a capture, or returned, goes into the books once.

It is a local activity. It locks the charge's row first, as every step does.
"""

from datetime import UTC, datetime

from pydantic import AwareDatetime
from temporalio import activity

from activities import withdrawal_decisions
from activities.charge_books import case_of
from activities.database_errors import translated
from gateways.port import OperationRequest, Withdrawal
from ledger import charges, journal, withdrawals
from ledger.database import Database
from ledger.record import Record


class RecordWithdrawals(Record):
    """What a gateway showed of one capture when it was asked."""

    operation: OperationRequest
    seen: tuple[Withdrawal, ...]
    read_at: AwareDatetime
    """When it was asked: of two readings the older one changes nothing any more."""


class WithdrawalBooks:
    """Local activities of withdrawals."""

    def __init__(self, engine: Database) -> None:
        self._engine = engine

    @activity.defn(name="record_withdrawals")
    @translated
    async def record_withdrawals(self, request: RecordWithdrawals) -> int:
        """Book what has changed, with the charge's new state, in one transaction; returns how many did."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, request.operation.charge_id)
            stored = await withdrawals.of_charge(connection, case.charge.charge_id)
            taking = withdrawal_decisions.taken_back(
                case,
                request.operation.operation_id,
                stored,
                request.seen,
                read_at=request.read_at,
                now=datetime.now(UTC),
            )
            if taking is None:
                return 0
            for row in taking.rows:
                await withdrawals.keep(connection, row)
            await charges.change(connection, case.charge.charge_id, taking.charge)
            await journal.post(connection, taking.entries)
            return len(taking.rows)
