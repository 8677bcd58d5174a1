"""The steps of a repair, and how each is done: by the same ledger steps and posting rules that the processes use.

Each is one transaction and may be done again: what is there already is left as it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.exceptions import ApplicationError

from activities import consequences
from activities.charge_books import ChargeBooks, RecordFee, RecordOutcome
from activities.charge_decisions import NextAttempt, TryAgain, operation_request
from activities.refund_books import RecordRefund, RefundBooks
from gateways.port import Capabilities, Outcome, Succeeded
from ledger import charges, journal, operations, refunds, reports
from ledger.charges import ChargeRequest
from ledger.database import Connection, Database
from ledger.entries import Entry
from ledger.errors import LedgerError
from ledger.money import Money
from ledger.operations import NewOperation, Operation
from ledger.refunds import RefundRequest

NOBODY: frozenset[str] = frozenset()
"""Who may resolve a review in a repair."""


class StepRefused(Exception):
    """The books refuse a step; says which and why."""


@dataclass(frozen=True, slots=True)
class RestoreCharge:
    """Write down a charge of which the books know nothing any more."""

    request: ChargeRequest
    gateway: str
    reason: str

    def __str__(self) -> str:
        return f"restore charge {self.request.charge_id}: {self.request.amount} from {self.request.customer}, {self.reason}"


@dataclass(frozen=True, slots=True)
class RestoreOperation:
    """Write down an operation that was sent to a gateway."""

    new: NewOperation

    def __str__(self) -> str:
        return f"restore operation {self.new.operation_id}: {self.new.kind} {self.new.amount} at {self.new.gateway}"


@dataclass(frozen=True, slots=True)
class RestoreRefund:
    """Reserve a refund again; refused where it would get another operation id than it had."""

    request: RefundRequest
    operation_id: str

    def __str__(self) -> str:
        return f"restore refund {self.request.refund_id} as {self.operation_id}"


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep the gateway's object of a payment."""

    operation_id: str
    payment_reference: str

    def __str__(self) -> str:
        return f"remember {self.payment_reference} as the payment of {self.operation_id}"


@dataclass(frozen=True, slots=True)
class Record:
    """Record what the gateway says of an operation that the books have not decided."""

    operation_id: str
    outcome: Outcome
    lapsed: bool = False

    def __str__(self) -> str:
        return f"record {self.operation_id}: {self.outcome.outcome}"


@dataclass(frozen=True, slots=True)
class BookFee:
    """Book a fee that the gateway has reported since."""

    operation_id: str
    fee: Money
    occurred_at: datetime

    def __str__(self) -> str:
        return f"book the fee of {self.operation_id}: {self.fee}"


@dataclass(frozen=True, slots=True)
class PostEntries:
    """Post what the journal lacks of an operation that is decided."""

    operation_id: str
    outcome: Succeeded

    def __str__(self) -> str:
        return f"post the missing entries of {self.operation_id}"


Step = RestoreCharge | RestoreOperation | RestoreRefund | Remember | Record | BookFee | PostEntries


class _NoneFollows:
    """A repair records what happened: it never opens an attempt that nobody would perform."""

    async def refresh(self) -> None:
        """Nothing is chosen, so nothing has to be known."""

    def first(self, request: ChargeRequest, _now: datetime) -> NextAttempt:
        """Refuse to make a charge."""
        raise AssertionError(f"a repair makes no charge, and was asked for {request.charge_id}")

    def next_at(self, _now: datetime) -> TryAgain:
        return lambda _case: None


class Repairs:
    """Does steps in a database; `capabilities` is what the ledger steps of the processes need to know of the gateways."""

    def __init__(self, database: Database, capabilities: dict[str, Capabilities]) -> None:
        self._database = database
        self._charges = ChargeBooks(database, capabilities, _NoneFollows(), NOBODY)
        self._refunds = RefundBooks(database, capabilities, NOBODY)

    async def do(self, step: Step) -> None:
        """Do one step. Raises StepRefused."""
        try:
            await self._do(step)
        except (ApplicationError, LedgerError) as error:
            said = error.message if isinstance(error, ApplicationError) else str(error)
            raise StepRefused(f"{step}: {said}") from error

    async def _do(self, step: Step) -> None:
        match step:
            case RestoreCharge():
                async with self._database.begin() as connection:
                    await charges.open_charge(connection, step.request, step.gateway, step.reason)
            case RestoreOperation():
                await self._restore_operation(step.new)
            case RestoreRefund():
                await self._restore_refund(step)
            case Remember():
                async with self._database.begin() as connection:
                    await operations.remember_payment(connection, step.operation_id, step.payment_reference)
            case Record():
                await self._record(step)
            case BookFee():
                request = await self._request(step.operation_id)
                await self._charges.record_fee(RecordFee(operation=request, fee=step.fee, occurred_at=step.occurred_at))
            case PostEntries():
                await self._post_entries(step)

    async def _restore_operation(self, new: NewOperation) -> None:
        async with self._database.begin() as connection:
            charge = await charges.known(connection, new.charge_id, lock=True)
            _, is_new = await operations.intend(connection, new)
            if is_new and new.target_reference is None and new.kind in {"authorize", "capture"}:
                await charges.change(connection, charge.charge_id, {"gateway": new.gateway})

    async def _restore_refund(self, step: RestoreRefund) -> None:
        async with self._database.begin() as connection:
            charge, operation, is_new = await refunds.reserve(connection, step.request)
            if operation.operation_id != step.operation_id:
                message = (
                    f"{step}: the books would name it {operation.operation_id}; restore the refunds before it first"
                )
                raise StepRefused(message)
            if is_new:
                await journal.post(connection, consequences.of_reservation(charge, operation))

    async def _record(self, step: Record) -> None:
        request = await self._request(step.operation_id)
        if request.kind == "refund":
            await self._refunds.record_refund(RecordRefund(operation=request, outcome=step.outcome))
        else:
            outcome = RecordOutcome(operation=request, outcome=step.outcome, lapsed=step.lapsed)
            await self._charges.record_outcome(outcome)

    async def _post_entries(self, step: PostEntries) -> None:
        async with self._database.begin() as connection:
            operation = await operations.known(connection, step.operation_id)
            charge = await charges.known(connection, operation.charge_id, lock=True)
            present = {each.reference for each in await reports.entries(connection, charge_id=charge.charge_id)}
            missing = [each for each in _entries(charge, operation, step.outcome) if each.reference not in present]
            if missing:
                await journal.post(connection, missing)

    async def _request(self, operation_id: str) -> Any:
        async with self._database.connect() as connection:
            operation = await operations.known(connection, operation_id)
            charge = await charges.known(connection, operation.charge_id)
        return operation_request(operation, charge.customer)


def _entries(charge: charges.Charge, operation: Operation, outcome: Succeeded) -> list[Entry]:
    """All entries that the processes post for an operation that succeeded."""
    now = datetime.now(UTC)
    if operation.kind == "refund":
        reserved = consequences.of_reservation(charge, operation)
        return [*reserved, *consequences.of_refund_outcome(charge, operation, outcome, now).entries]
    return list(consequences.of_outcome(charge, operation, outcome, now, lapsed=False).entries)


async def entries_of(connection: Connection, charge_id: str) -> list[reports.EntryRecord]:
    """List the entries of a charge, oldest first."""
    return await reports.entries(connection, charge_id=charge_id, limit=reports.MAX_LISTED)
