"""Which effect belongs to which operation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.proofs.evidence import Effect, EffectKind, OperationRow, Standing
from ledger.proofs.matching import match
from tests.prove.story import THEN, Story


def capture(number: int = 1, **changes: Any) -> OperationRow:
    """A capture of an authorization, as the books have it."""
    row = Story().authorize().capture().operations[1]
    fields: dict[str, Any] = {
        "operation_id": f"ch_1:capture:{number}",
        "gateway_reference": None,
        "requested_at": THEN + timedelta(minutes=number),
        **changes,
    }
    return row._replace(**fields)


def effect(**changes: Any) -> Effect:
    """A capture that names no operation."""
    found = Story().capture().effects[0]
    return replace(found, operation_id=None, **changes)


def joined(operations: list[OperationRow], *effects: Effect) -> dict[str, list[str]]:
    """Which references were joined to which operation."""
    matched = match(operations, effects)
    return {name: [each.reference for each in found] for name, found in matched.by_operation.items()}


def test_a_name_is_stronger_than_a_reference() -> None:
    """An effect goes to the operation that it names, also where another one knows its payment."""
    operations = [capture(1), capture(2)]
    assert joined(operations, replace(effect(), operation_id="ch_1:capture:2")) == {"ch_1:capture:2": ["pay_ch_1"]}


@pytest.mark.parametrize("name", ["ch_1:capture:3", "ch_1:refund:1"])
def test_a_name_that_is_not_ours_is_not_replaced_by_a_reference(name: str) -> None:
    """What claims to be another operation is unexplained."""
    matched = match([capture()], [replace(effect(), operation_id=name)])
    assert not matched.by_operation
    assert len(matched.unexplained) == 1


def test_without_a_name_the_payment_tells() -> None:
    """Stripe's PaymentIntent may name its authorization only; the capture is that of the same payment."""
    assert joined([capture()], effect(reference="other")) == {"ch_1:capture:1": ["other"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_reference": "pay_2", "reference": "other"},
        {"payment_reference": None, "reference": "other"},
        {"gateway": "paypal"},
        {"kind": EffectKind.AUTHORIZE},
    ],
)
def test_another_payment_gateway_or_kind_does_not_join(changes: dict[str, Any]) -> None:
    """An effect is never explained by an operation that is about something else."""
    operation = capture(gateway_reference="pay_ch_1")
    assert joined([operation], effect(**changes)) == {}


def test_an_operation_that_knows_no_payment_does_not_join_one_that_names_none() -> None:
    """Two things that are both unknown are not the same."""
    operation = capture(payment_reference=None)
    assert joined([operation], effect(payment_reference=None, reference="other")) == {}


def test_its_own_reference_joins_whatever_the_payment() -> None:
    """An object that an operation's row names is that operation's."""
    operation = capture(gateway_reference="cap_1", payment_reference=None)
    assert joined([operation], effect(reference="cap_1", payment_reference=None)) == {"ch_1:capture:1": ["cap_1"]}


def test_a_refund_joins_by_its_own_reference_only() -> None:
    """A refund of the dashboard is not taken for the refund of ours of the same payment that has not been seen."""
    story = Story().capture().refund(100)
    refund = replace(story.effects[1], operation_id=None)
    assert "ch_1:refund:1" in joined(story.operations, refund)
    assert joined(story.operations, replace(refund, reference="re_dashboard")) == {}


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["refused", "succeeded"], 2),
        (["succeeded", "refused"], 1),
        ([None, "refused"], 1),
        (["unknown", "succeeded"], 2),
        (["refused", "declined"], 2),
    ],
)
def test_among_several_the_likeliest_joins(outcomes: list[str | None], expected: int) -> None:
    """The capture that succeeded is it, else one that may have, else the latest."""
    operations = [capture(number, outcome=outcome) for number, outcome in enumerate(outcomes, start=1)]
    assert list(joined(operations, effect(reference="other"))) == [f"ch_1:capture:{expected}"]


def test_one_operation_explains_one_nameless_effect() -> None:
    """A second capture of the same payment is unexplained."""
    matched = match([capture()], [effect(reference="one"), effect(reference="two")])
    assert [each.reference for each in matched.unexplained] == ["two"]


def test_an_effect_takes_the_payment_from_its_operation_and_keeps_its_own() -> None:
    """PayPal's search does not name the order, which tells payments of one charge apart."""
    for own, expected in ((None, "pay_ch_1"), ("order_9", "order_9")):
        named = replace(effect(), operation_id="ch_1:capture:1", payment_reference=own)
        [found] = match([capture()], [named]).by_operation["ch_1:capture:1"]
        assert found.payment_reference == expected


def test_movements_belong_to_no_operation() -> None:
    """A dispute of a payment is not explained by the payment."""
    dispute = effect(kind=EffectKind.MOVEMENT, standing=Standing.DONE)
    assert match([capture()], [dispute]).unexplained == [dispute]
