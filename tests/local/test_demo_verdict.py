"""The demo's verdict: exit code 0 only where every charge and the books are as the scenario says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.accounts import AccountType, Side
from ledger.charges import Charge, ChargeStatus
from ledger.history import TrialBalanceRow
from ledger.operations import Operation
from local.demo_scenario import PlannedCharge, plan
from local.demo_verdict import Books, Verdict, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = plan()
REFUNDED = next(planned for planned in PLAN if planned.story.name == "refunded in part")
DECLINED = next(planned for planned in PLAN if planned.ending.status is ChargeStatus.DECLINED)


def row_of(planned: PlannedCharge) -> Charge:
    """The row of a charge that ended as planned."""
    request, ending = planned.request, planned.ending
    return Charge(
        charge_id=planned.charge_id,
        request_hash=request.content_hash(),
        status=ending.status,
        customer=request.customer,
        currency=request.amount.currency,
        amount_minor=request.amount.amount_minor,
        capture_method=request.capture,
        at_expiry=request.at_expiry,
        payment_methods=request.payment_methods,
        invoice=None,
        metadata=request.metadata,
        actor=request.actor,
        customer_country=None,
        confirm_by=None,
        confirmed_at=None,
        canceled_by=None,
        gateway=ending.gateway,
        gateway_reason="the only one that can take it",
        decline_code=ending.decline_code,
        message=None,
        action_url=None,
        authorization_expires_at=None,
        authorized_minor=ending.authorized_minor,
        captured_minor=ending.captured_minor,
        refunded_minor=ending.refunded_minor,
        refund_reserved_minor=0,
        withdrawn_minor=0,
        created_at=NOW,
        updated_at=NOW,
    )


def operations_of(planned: PlannedCharge) -> list[Operation]:
    """The operations of a charge that ended as planned."""
    return [
        Operation(
            operation_id=f"{planned.charge_id}:{expected.name}",
            charge_id=planned.charge_id,
            kind=expected.name.split(":")[0],
            number=int(expected.name.split(":")[1]),
            attempt=1,
            gateway=planned.ending.gateway,
            payment_method=None,
            amount_minor=expected.amount_minor,
            currency=planned.request.amount.currency,
            payment_reference=None,
            target_reference=None,
            gateway_reference=None,
            outcome=expected.outcome,
            decline_code=expected.decline_code,
            message=None,
            fee_minor=None,
            fee_currency=None,
            fee_status="none",
            refund_id=None,
            reason=None,
            actor="person:tester",
            purpose=expected.name,
            compensates=None,
            excess=False,
            authenticate=False,
            times_unknown=0,
            routing=None,
            final=True,
            requested_at=NOW,
            decided_at=NOW,
        )
        for expected in planned.ending.operations
    ]


def totals(currency: str, debit_minor: int = 700, credit_minor: int = 700) -> list[TrialBalanceRow]:
    """A small trial balance of one currency."""
    sides: dict[str, Any] = {"type": AccountType.ASSET, "currency": currency, "normal_side": Side.DEBIT}
    return [
        TrialBalanceRow(account="clearing:stripe", debit_minor=debit_minor, credit_minor=0, balance_minor=0, **sides),
        TrialBalanceRow(account="revenue:sales", debit_minor=0, credit_minor=credit_minor, balance_minor=0, **sides),
    ]


@pytest.fixture
def books() -> Books:
    """What the books say where all went as planned."""
    currencies = sorted({planned.request.amount.currency for planned in PLAN})
    return Books(
        charges={planned.charge_id: row_of(planned) for planned in PLAN},
        operations={planned.charge_id: operations_of(planned) for planned in PLAN},
        trial_balance=[row for currency in currencies for row in totals(currency)],
    )


def judged(books: Books, troubles: Mapping[str, str] | None = None, *, is_proved: bool = True) -> Verdict:
    return judge(PLAN, troubles or {}, books, is_proved=is_proved)


def with_charge(books: Books, planned: PlannedCharge, **changes: Any) -> Books:
    """The books with another row for one charge."""
    row = books.charges[planned.charge_id].model_copy(update=changes)
    return replace(books, charges={**books.charges, planned.charge_id: row})


def with_operations(books: Books, planned: PlannedCharge, operations: list[Operation]) -> Books:
    """The books with other operations of one charge."""
    return replace(books, operations={**books.operations, planned.charge_id: operations})


def test_the_exit_code_is_0_where_all_is_as_the_scenario_says(books: Books) -> None:
    """A demo that went well says so to scripts."""
    verdict = judged(books)
    assert (verdict.exit_code, dict(verdict.deviations), verdict.unbalanced, verdict.absent) == (0, {}, [], [])


@pytest.mark.parametrize(
    "change",
    [
        {"status": ChargeStatus.NEEDS_REVIEW},
        {"gateway": "other"},
        {"decline_code": "generic_decline"},
        {"authorized_minor": 1},
        {"captured_minor": 1},
        {"refunded_minor": 0},
        {"refund_reserved_minor": 1},
        {"amount_minor": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_charge_that_ended_otherwise_is_named_and_gives_exit_code_1(books: Books, change: dict[str, Any]) -> None:
    """No wrong status and no wrong amount passes."""
    verdict = judged(with_charge(books, REFUNDED, **change))
    assert verdict.exit_code == 1
    assert list(verdict.deviations) == [REFUNDED.charge_id]


def test_a_decline_with_another_code_gives_exit_code_1(books: Books) -> None:
    """The code decides what may be tried next, so that a wrong one costs money."""
    verdict = judged(with_charge(books, DECLINED, decline_code="another"))
    assert verdict.exit_code == 1
    assert verdict.deviations[DECLINED.charge_id] == [f"decline code another, not {DECLINED.ending.decline_code}"]


def test_a_charge_that_is_not_in_the_books_gives_exit_code_1(books: Books) -> None:
    """A charge that was never written down did not end."""
    rows = {charge_id: row for charge_id, row in books.charges.items() if charge_id != DECLINED.charge_id}
    verdict = judged(replace(books, charges=rows))
    assert verdict.exit_code == 1
    assert verdict.deviations == {DECLINED.charge_id: ["is not in the books"]}


def test_a_charge_that_nobody_planned_gives_exit_code_1(books: Books) -> None:
    """Nobody is charged who is not in the scenario."""
    stranger = row_of(DECLINED).model_copy(update={"charge_id": "stranger"})
    verdict = judged(replace(books, charges={**books.charges, "stranger": stranger}))
    assert verdict.exit_code == 1
    assert verdict.deviations == {"stranger": ["is not in the scenario"]}


def test_an_operation_that_is_missing_gives_exit_code_1(books: Books) -> None:
    """Every call that moved money is in the books."""
    verdict = judged(with_operations(books, REFUNDED, operations_of(REFUNDED)[:-1]))
    assert verdict.exit_code == 1
    assert "missing" in verdict.deviations[REFUNDED.charge_id][0]


def test_an_operation_too_many_gives_exit_code_1(books: Books) -> None:
    """A second capture is seen even where the charge's row shows one."""
    first, *others = operations_of(REFUNDED)
    second = first.model_copy(update={"operation_id": f"{REFUNDED.charge_id}:capture:2", "number": 2})
    verdict = judged(with_operations(books, REFUNDED, [first, second, *others]))
    assert verdict.exit_code == 1
    assert "not expected" in verdict.deviations[REFUNDED.charge_id][0]


@pytest.mark.parametrize("change", [{"amount_minor": 1}, {"outcome": "unknown"}, {"outcome": None}])
def test_an_operation_with_another_outcome_or_amount_gives_exit_code_1(books: Books, change: dict[str, Any]) -> None:
    """What the gateway did is compared operation by operation."""
    first, *others = operations_of(REFUNDED)
    verdict = judged(with_operations(books, REFUNDED, [first.model_copy(update=change), *others]))
    assert verdict.exit_code == 1
    assert list(verdict.deviations) == [REFUNDED.charge_id]


def test_operations_in_another_order_give_exit_code_1(books: Books) -> None:
    """Money is not given back before it was taken."""
    verdict = judged(with_operations(books, REFUNDED, operations_of(REFUNDED)[::-1]))
    assert verdict.exit_code == 1


def test_what_a_process_refused_is_shown_and_gives_exit_code_1(books: Books) -> None:
    """A message that was refused is trouble even where the books look right."""
    verdict = judged(books, {REFUNDED.charge_id: "had not come to its end after 60 s"})
    assert verdict.exit_code == 1
    assert verdict.deviations == {REFUNDED.charge_id: ["had not come to its end after 60 s"]}


def test_books_that_do_not_balance_in_one_currency_give_exit_code_1(books: Books) -> None:
    """One unit too many in one currency is enough."""
    others = [row for row in books.trial_balance if row.currency != "KWD"]
    verdict = judged(replace(books, trial_balance=[*others, *totals("KWD", 700, 699)]))
    assert verdict.exit_code == 1
    assert [str(total.difference) for total in verdict.unbalanced] == ["0.001 KWD"]


def test_a_journal_without_a_currency_in_which_money_was_taken_gives_exit_code_1(books: Books) -> None:
    """Empty books balance, and prove nothing."""
    verdict = judged(replace(books, trial_balance=[row for row in books.trial_balance if row.currency != "JPY"]))
    assert (verdict.exit_code, verdict.absent) == (1, ["JPY"])


def test_what_is_not_proved_gives_exit_code_1(books: Books) -> None:
    """A finding, or a record that could not be read, is not success."""
    assert judged(books, is_proved=False).exit_code == 1
