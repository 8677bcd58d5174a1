"""Plans the repair of charges: what the books lack, as the gateways tell it now and the processes' histories remember it.

Nothing is decided by a memory where the gateway can be asked. What cannot be repaired is said, never guessed.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from activities.charge_decisions import operation_request
from commands.gateway_records import GatewayRecords
from commands.lost_operations import Lost, Memory, payment_of
from commands.repair_steps import (
    BookFee,
    PostEntries,
    Record,
    Remember,
    RestoreCharge,
    RestoreOperation,
    RestoreRefund,
    Step,
    entries_of,
)
from gateways.errors import GatewayError
from gateways.port import Declined, Gateway, OperationRequest, Outcome, Refused, Succeeded
from ledger import charges, operations
from ledger.charges import Charge
from ledger.database import Database
from ledger.operations import NewOperation, Operation
from ledger.proofs.evidence import Effect

References = Mapping[str, Collection[str]]
"""Objects at the gateways, by gateway."""


@dataclass(slots=True)
class ChargePlan:
    """What to do for one charge, in this order, and what cannot be done."""

    charge_id: str
    steps: list[Step] = field(default_factory=list)
    cannot: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Books:
    """What the books have of a charge."""

    charge: Charge | None
    operations: tuple[Operation, ...]
    entries: frozenset[str]


class Planner:
    """Plans repairs; `actor` is the person who asks for them."""

    def __init__(
        self, database: Database, gateways: Mapping[str, Gateway], records: GatewayRecords, actor: str
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._records = records
        self._actor = actor

    async def plan(self, charge_id: str, memory: Memory, seen: References) -> ChargePlan:
        """Plan the repair of one charge; `seen` are objects at the gateways that the proof found for it."""
        books = await self._books(charge_id)
        effects = await self._effects(books, memory, seen)
        written = {row.operation_id for row in books.operations}
        memory.add_effects(
            charge_id,
            [each for each in effects if each.charge_id == charge_id and each.operation_id not in written],
            self._actor,
        )
        plan = ChargePlan(charge_id)
        lost = sorted((each for name, each in memory.operations.items() if name not in written), key=_refunds_last)
        if books.charge is None and not _restore_charge(plan, memory):
            return plan
        for row in books.operations:
            await self._row(plan, row, books, effects, memory)
        for each in lost:
            # One after the other, as they happened: a refund needs the capture that it gives back.
            self._restore(plan, each, [*written, *(other.request.operation_id for other in lost)])
            await self._lost(plan, each, effects, memory)
        return plan

    async def _books(self, charge_id: str) -> Books:
        async with self._database.connect() as connection:
            charge = await charges.get(connection, charge_id)
            rows = await operations.of_charge(connection, charge_id)
            entries = await entries_of(connection, charge_id)
        return Books(charge, tuple(rows), frozenset(each.reference for each in entries))

    async def _effects(self, books: Books, memory: Memory, seen: References) -> list[Effect]:
        references: dict[str, set[str]] = defaultdict(set)
        for gateway, names in seen.items():
            references[gateway] |= set(names)
        for row in books.operations:
            references[row.gateway] |= {name for name in (row.payment_reference, row.gateway_reference) if name}
        for each in memory.operations.values():
            told = None if each.outcome is None else each.outcome.reference
            references[each.request.gateway] |= {name for name in (each.request.payment_reference, told) if name}
        return await self._with_what_they_name(references)

    async def _with_what_they_name(self, references: dict[str, set[str]]) -> list[Effect]:
        """Read these objects, and then those that they name: a capture tells of its authorization and its order."""
        found = await self._records.by_reference(references)
        named: dict[str, set[str]] = defaultdict(set)
        for effect in found:
            named[effect.gateway] |= effect.references - references.get(effect.gateway, set())
        if any(named.values()):
            found += await self._records.by_reference(named)
        return list({(each.gateway, each.kind, each.reference): each for each in found}.values())

    def _restore(self, plan: ChargePlan, lost: Lost, names: Collection[str]) -> None:
        request = lost.request
        if request.kind == "refund":
            if lost.refund is None:
                plan.cannot.append(f"{request.operation_id} was lost, and nothing tells which refund it was for")
            else:
                plan.steps.append(RestoreRefund(lost.refund, request.operation_id))
            return
        of_kind = [name for name in names if name.split(":")[1] == request.kind]
        plan.steps.append(RestoreOperation(_new(request, self._actor, of_kind)))

    async def _row(
        self, plan: ChargePlan, row: Operation, books: Books, effects: Sequence[Effect], memory: Memory
    ) -> None:
        assert books.charge is not None  # noqa: S101 # the rows of operations refer to it
        request = operation_request(row, books.charge.customer)
        request = _remembered(plan, request, effects, None)
        answer = await self._ask(plan, request)
        if not row.is_decided:
            if memory.is_open and isinstance(answer, Declined | Refused):
                plan.cannot.append(
                    f"{row.operation_id} was declined: its process is running, and tries again or records it"
                )
                return
            _undecided(plan, request, answer, None, lapsed=_lapsed(row, memory))
        elif row.outcome == "succeeded":
            _succeeded(plan, row, books, answer)
        elif isinstance(answer, Succeeded) and row.outcome != "failed" and row.kind != "void":
            plan.cannot.append(
                f"{row.operation_id} is {row.outcome} and took effect: the process reconcile/{plan.charge_id} gives it back"
            )

    async def _lost(self, plan: ChargePlan, lost: Lost, effects: Sequence[Effect], memory: Memory) -> None:
        if lost.request.kind == "refund" and lost.refund is None:
            return
        request = _remembered(plan, lost.request, effects, lost.outcome)
        answer = await self._ask(plan, request)
        lapsed = request.kind == "void" and memory.statuses[-1:] == ["expired"]
        _undecided(plan, request, answer, lost.outcome, lapsed=lapsed)

    async def _ask(self, plan: ChargePlan, request: OperationRequest) -> Outcome | None:
        try:
            return await self._gateways[request.gateway].look_up(request)
        except KeyError:
            plan.cannot.append(f"{request.operation_id}: there is no gateway {request.gateway}")
        except GatewayError as error:
            plan.cannot.append(f"{request.operation_id}: {error}")
        return None


def _refunds_last(lost: Lost) -> tuple[bool, int]:
    """Sort refunds behind the rest, by their numbers; the rest stays in the order in which it was sent."""
    is_refund = lost.request.kind == "refund"
    return is_refund, int(lost.request.operation_id.rpartition(":")[2]) if is_refund else 0


def _restore_charge(plan: ChargePlan, memory: Memory) -> bool:
    if memory.charge is None:
        plan.cannot.append("neither a process nor a gateway tells what was asked for")
        return False
    if not memory.operations:
        plan.cannot.append("nothing of it was sent to a gateway: ask for it again under the same id")
        return False
    first = next(iter(memory.operations.values())).request.gateway
    guessed = "restored_from" in memory.charge.metadata
    source = "as its gateway shows it, and without an invoice" if guessed else "as its process was asked for it"
    plan.steps.append(RestoreCharge(memory.charge, first, f"restored {source}"))
    return True


def _new(request: OperationRequest, actor: str, of_kind: Sequence[str]) -> NewOperation:
    number = int(request.operation_id.rpartition(":")[2])
    is_attempt = request.target_reference is None and request.kind in {"authorize", "capture"}
    attempts = len([name for name in of_kind if int(name.rpartition(":")[2]) <= number]) if is_attempt else 1
    return NewOperation(
        charge_id=request.charge_id,
        kind=request.kind,
        number=number,
        attempt=max(attempts, 1),
        gateway=request.gateway,
        payment_method=request.payment_method,
        gateway_customer=request.gateway_customer,
        mandate=request.mandate,
        customer_present=request.customer_present,
        amount=request.amount,
        payment_reference=request.payment_reference,
        target_reference=request.target_reference,
        final=request.final,
        reason=request.reason,
        actor=actor,
        authenticate=request.authenticate,
        purpose=f"attempt:{attempts}" if is_attempt else f"restored:{request.kind}:{number}",
    )


def _remembered(
    plan: ChargePlan, request: OperationRequest, effects: Sequence[Effect], told: Outcome | None
) -> OperationRequest:
    """Give an operation the gateway's object of its payment, where only the gateway knows it any more."""
    if request.payment_reference is not None:
        return request
    own = (each for each in effects if each.operation_id == request.operation_id and each.kind == request.kind.value)
    found = next((payment for each in own if (payment := payment_of(each, effects)) is not None), None)
    if found is None and told is not None and not isinstance(told, Succeeded):
        # What declined or asks for the customer is the payment itself.
        found = told.reference
    if found is None:
        return request
    plan.steps.append(Remember(request.operation_id, found))
    return request.model_copy(update={"payment_reference": found})


def _undecided(
    plan: ChargePlan, request: OperationRequest, answer: Outcome | None, told: Outcome | None, *, lapsed: bool
) -> None:
    """Record the gateway's answer; where it shows nothing, a no that the process was told before counts."""
    if answer is None and isinstance(told, Declined | Refused):
        answer = told
    if answer is None:
        plan.cannot.append(
            f"{request.operation_id} left no trace at {request.gateway}: a repair sends nothing; its process does, where it runs"
        )
        return
    plan.steps.append(Record(request.operation_id, answer, lapsed=lapsed))


def _succeeded(plan: ChargePlan, row: Operation, books: Books, answer: Outcome | None) -> None:
    if isinstance(answer, Declined | Refused) and row.kind == "refund":
        plan.steps.append(Record(row.operation_id, answer))
        return
    if not isinstance(answer, Succeeded):
        return
    if row.excess or row.compensates is not None:
        return
    if _expected(row) - books.entries:
        if f"{row.operation_id}:failed" in books.entries:
            plan.cannot.append(
                f"{row.operation_id} failed once and was made after all: its entries are a person's to post"
            )
            return
        plan.steps.append(PostEntries(row.operation_id, answer))
    elif answer.fee is not None and row.fee_minor is None:
        plan.steps.append(BookFee(row.operation_id, answer.fee, answer.occurred_at))


def _expected(row: Operation) -> frozenset[str]:
    """The references that the journal has for an operation that succeeded."""
    name = row.operation_id
    if row.kind == "void" and row.target_reference is None:
        return frozenset()
    also = {"refund": {f"{name}:reserved"}, "capture": {f"{name}:released"} if row.target_reference else set()}
    fee = {f"{name}:fee"} if row.fee_minor else set()
    return frozenset({name} | also.get(row.kind, set()) | fee)


def _lapsed(row: Operation, memory: Memory) -> bool:
    return row.kind == "void" and (row.actor.startswith("workflow:") or memory.statuses[-1:] == ["expired"])
