"""Whether the demo's charges and books are as the scenario says: pure comparisons, and the exit code that follows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ledger.charges import Charge
from ledger.history import TrialBalanceRow
from ledger.money import Money
from ledger.operations import Operation
from local.demo_scenario import PlannedCharge

AS_EXPECTED = 0
NOT_AS_EXPECTED = 1


@dataclass(frozen=True)
class Books:
    """What PostgreSQL says when all charges were played."""

    charges: Mapping[str, Charge]
    operations: Mapping[str, Sequence[Operation]]
    """Those of each charge, oldest first."""
    trial_balance: Sequence[TrialBalanceRow]


@dataclass(frozen=True)
class Total:
    """The sums of a currency's debits and credits."""

    currency: str
    debit_minor: int
    credit_minor: int

    @property
    def difference(self) -> Money:
        """Zero where the books balance."""
        return Money(amount_minor=self.debit_minor - self.credit_minor, currency=self.currency)


@dataclass(frozen=True)
class Verdict:
    """What is not as it should be."""

    deviations: Mapping[str, Sequence[str]]
    """By charge id: what is otherwise than the scenario says."""
    totals: Sequence[Total]
    absent: Sequence[str]
    """Currencies in which money was taken and of which the trial balance knows nothing."""
    is_proved: bool
    """Whether `prove` read everything and found nothing."""

    @property
    def unbalanced(self) -> list[Total]:
        """Currencies in which the books do not balance."""
        return [total for total in self.totals if total.difference.amount_minor != 0]

    @property
    def exit_code(self) -> int:
        """0 only if there is nothing to object to."""
        wrong = self.deviations or self.unbalanced or self.absent or not self.is_proved
        return NOT_AS_EXPECTED if wrong else AS_EXPECTED


def judge(plan: Sequence[PlannedCharge], troubles: Mapping[str, str], books: Books, *, is_proved: bool) -> Verdict:
    """Compare every charge and the books with the scenario."""
    deviations = {planned.charge_id: list(_deviations(planned, troubles, books)) for planned in plan}
    for charge_id in books.charges.keys() - deviations.keys():
        deviations[charge_id] = ["is not in the scenario"]
    totals = totals_of(books.trial_balance)
    taken = {planned.request.amount.currency for planned in plan if planned.ending.captured_minor}
    return Verdict(
        deviations={charge_id: found for charge_id, found in deviations.items() if found},
        totals=totals,
        absent=sorted(taken - {total.currency for total in totals}),
        is_proved=is_proved,
    )


def totals_of(rows: Sequence[TrialBalanceRow]) -> list[Total]:
    """Sum the trial balance up, by currency."""
    return [
        Total(
            currency,
            sum(row.debit_minor for row in rows if row.currency == currency),
            sum(row.credit_minor for row in rows if row.currency == currency),
        )
        for currency in sorted({row.currency for row in rows})
    ]


def _deviations(planned: PlannedCharge, troubles: Mapping[str, str], books: Books) -> Iterator[str]:
    if planned.charge_id in troubles:
        yield troubles[planned.charge_id]
    charge = books.charges.get(planned.charge_id)
    if charge is None:
        yield "is not in the books"
        return
    yield from _of_charge(planned, charge)
    yield from _of_operations(planned, books.operations.get(planned.charge_id, ()))


def _of_charge(planned: PlannedCharge, charge: Charge) -> Iterator[str]:
    ending = planned.ending
    for name in ("status", "gateway", "decline_code"):
        found, expected = getattr(charge, name), getattr(ending, name)
        if found != expected:
            yield f"{name.replace('_', ' ')} {found}, not {expected}"
    amounts = {"authorized": ending.authorized_minor, "captured": ending.captured_minor}
    amounts |= {"refunded": ending.refunded_minor, "refund_reserved": 0}
    for name, expected_minor in amounts.items():
        found_minor = getattr(charge, f"{name}_minor")
        if found_minor != expected_minor:
            yield f"{name} {charge.money(found_minor)}, not {charge.money(expected_minor)}"
    if charge.amount != planned.request.amount:
        yield f"amount {charge.amount}, not {planned.request.amount}"


def _of_operations(planned: PlannedCharge, operations: Sequence[Operation]) -> Iterator[str]:
    currency = planned.request.amount.currency
    expected = [
        _operation_in_words(
            f"{planned.charge_id}:{operation.name}",
            Money(amount_minor=operation.amount_minor, currency=currency),
            operation.outcome,
            operation.decline_code,
        )
        for operation in planned.ending.operations
    ]
    found = [
        _operation_in_words(operation.operation_id, operation.amount, operation.outcome, operation.decline_code)
        for operation in operations
    ]
    missing, surplus = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    yield from (f"missing: {words}" for words in missing.elements())
    yield from (f"not expected: {words}" for words in surplus.elements())
    if expected != found and not missing and not surplus:
        yield "its operations are in another order"


def _operation_in_words(operation_id: str, amount: Money, outcome: str | None, decline_code: str | None) -> str:
    because = f" ({decline_code})" if decline_code else ""
    return f"{operation_id} of {amount} {outcome or 'not known yet'}{because}"
