"""The readers of the gateways' own record, over real HTTP, held against what the simulators really did."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways.port import OperationKind, Succeeded
from gateways.records import paypal, stripe
from gateways.records.reader import RecordUnreadable
from ledger.money import Money
from ledger.proofs.evidence import Effect, EffectKind, Standing
from local.simulators import Simulator
from tests.gateways.cases import money
from tests.prove.record_case import RecordCase, payment_of

AUTHORIZE, CAPTURE, VOID, REFUND = OperationKind
TRUTH_OF = {EffectKind.CAPTURE: "capture", EffectKind.REFUND: "refund", EffectKind.AUTHORIZE: "authorize"}
LIST_PATHS = {"stripe": "/v1/payment_intents", "paypal": "/v1/reporting/transactions"}

pytestmark = pytest.mark.simulator


def told(effects: Iterable[Effect]) -> Counter[tuple[str, int, str]]:
    """What a reader says, in the words of the simulators' truth."""
    return Counter(
        (TRUTH_OF[each.kind], each.amount_minor, each.currency) for each in effects if each.standing.took_effect
    )


def by_name(effects: Iterable[Effect]) -> dict[str | None, Effect]:
    """By the operation that each names."""
    return {effect.operation_id: effect for effect in effects}


async def test_captures_refunds_and_fees_are_read_as_they_happened(case: RecordCase) -> None:
    """The record that the proof rests on is what the gateway did, to the last minor unit, in every currency."""
    for amount in (money("49.99"), *case.traits.amounts):
        paid, outcome = await case.paid(amount)
        assert case.name == paid.gateway
        half = Money(amount_minor=amount.amount_minor // 2 // 100 * 100, currency=amount.currency)
        await case.call(case.following(REFUND, paid, outcome, half))
    effects = await case.everything()
    kinds = {"capture", "refund"}
    assert told(effects) == Counter({key: count for key, count in case.truth().items() if key[0] in kinds})
    fees = Counter(("fee", each.fee_minor, each.fee_currency) for each in effects if each.kind is EffectKind.CAPTURE)
    assert fees == Counter({key: count for key, count in case.truth().items() if key[0] == "fee"})


async def test_each_effect_names_its_operation_charge_and_payment(case: RecordCase) -> None:
    """Effects join operations by the operation id that the gateway keeps for us."""
    authorization, held = await case.authorized()
    captured = await case.call(case.following(CAPTURE, authorization, held, money("60.00")))
    assert isinstance(captured, Succeeded)
    refund = case.following(REFUND, authorization, captured, money("10.00"))
    await case.call(refund)
    effects = by_name(await case.everything())
    assert effects.keys() == {each.operation_id for each in case.requests}
    assert {each.charge_id for each in effects.values()} == {authorization.charge_id}
    assert {each.payment_reference for each in effects.values()} == {authorization.payment_reference}
    assert effects[authorization.operation_id].standing is Standing.USED
    assert effects[authorization.operation_id].amount_minor == 100_00
    assert effects[refund.operation_id].target_reference == captured.reference


async def test_an_authorization_is_read_as_held_used_or_released(case: RecordCase) -> None:
    """Whether the customer's money is still held is the gateway's word, not ours."""
    held, _ = await case.authorized()
    first, outcome = await case.authorized()
    await case.call(case.following(VOID, first, outcome))
    effects = by_name(await case.everything())
    assert effects[held.operation_id].standing is Standing.HELD
    assert effects[first.operation_id].standing is Standing.RELEASED


async def test_a_decline_leaves_no_effect(case: RecordCase) -> None:
    """A payment that was declined moved nothing."""
    for method in case.traits.declines:
        request = case.operation(CAPTURE, payment_method=method)
        await case.call(await case.created(request))
    assert await case.everything() == []


async def test_a_refund_is_read_as_pending_then_failed(case: RecordCase) -> None:
    """A refund that did not reach the customer is told from one that did."""
    if case.name == "paypal":
        case.simulator.configure(failing_refund_starts="PENDING")
    paid, outcome = await case.paid(method=case.traits.refund_pends)
    pending = case.following(REFUND, paid, outcome, money("1.00"))
    await case.call(pending)
    assert by_name(await case.everything())[pending.operation_id].standing is Standing.PENDING
    paid, outcome = await case.paid(method=case.traits.refund_fails)
    failing = case.following(REFUND, paid, outcome, money("1.00"))
    await case.call(failing)
    case.simulator.advance_clock(3 * 24 * 3600)
    effects = by_name(await case.everything())
    assert effects[failing.operation_id].standing is Standing.FAILED
    assert effects[pending.operation_id].standing is Standing.DONE


async def test_reading_again_by_id_says_the_same(case: RecordCase) -> None:
    """The second look at a charge sees what the first one saw."""
    paid, outcome = await case.paid()
    await case.call(case.following(REFUND, paid, outcome, money("5.00")))
    await case.authorized()
    everything = await case.everything()
    payments = {each.payment_reference for each in everything if each.payment_reference}
    again = await case.record.again(payments, {each.reference for each in everything})
    assert told(again) == told(everything)
    assert by_name(again).keys() == by_name(everything).keys()
    assert {(each.fee_minor, each.reference) for each in again} == {
        (each.fee_minor, each.reference) for each in everything
    }


async def test_pages_are_turned_to_the_end(case: RecordCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost between pages."""
    monkeypatch.setattr(stripe, "PAGE", 2)
    monkeypatch.setattr(paypal, "PAGE", 2)
    for _ in range(5):
        await case.paid()
    effects = await case.everything()
    assert len(by_name(effects)) == len(effects) == 5


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 500},
        {"action": "rate_limit", "retry_after": 0},
        {"action": "drop"},
        {"action": "html"},
        {"action": "truncate"},
    ],
    ids=lambda fault: fault["action"],
)
async def test_a_read_that_fails_for_the_moment_is_tried_again(case: RecordCase, fault: dict[str, Any]) -> None:
    """A hiccup of the gateway is not taken for an empty record."""
    await case.paid()
    case.simulator.add_fault(method="GET", path=f"{LIST_PATHS[case.name]}*", when="before", times=2, **fault)
    assert len(await case.everything()) == 1


@pytest.mark.parametrize("action", ["status", "rate_limit", "drop", "html"])
async def test_what_cannot_be_read_is_an_error_and_no_empty_record(case: RecordCase, action: str) -> None:
    """A proof never rests on what it did not see; it says which gateway and what was asked for."""
    await case.paid()
    path = LIST_PATHS[case.name]
    case.simulator.add_fault(method="GET", path=f"{path}*", when="before", times=None, action=action, retry_after=0)
    with pytest.raises(RecordUnreadable, match=rf"{case.name}: GET {path} failed 5 times"):
        await case.everything()
    case.simulator.clear_faults()


async def test_wrong_credentials_are_told_as_such(case: RecordCase) -> None:
    """A person reads which setting to look at."""
    wrong = RecordCase(case.name, case.simulator, with_right_credentials=False)
    try:
        with pytest.raises(RecordUnreadable, match="credentials"):
            await wrong.everything()
    finally:
        await wrong.gateway.close()
        await wrong.record.close()


async def test_a_refund_of_the_dashboard_is_a_withdrawal_of_the_charge(case: RecordCase) -> None:
    """What a person does in the gateway's dashboard is seen, and seen to be none of our operations."""
    paid, outcome = await case.paid()
    ours = case.following(REFUND, paid, outcome, money("30.00"))
    await case.call(ours)
    made = case.simulator.refund_by_hand(payment_of(paid), 2000)
    effects = await case.everything()
    assert {each.operation_id for each in effects if each.kind is EffectKind.REFUND} == {ours.operation_id}
    [found] = [each for each in effects if each.kind is EffectKind.WITHDRAWAL]
    assert (found.reference, found.operation_id, found.charge_id) == (made, None, paid.charge_id)


async def test_a_window_of_the_search_is_as_long_as_paypal_takes_it(paypal_simulator: Simulator) -> None:
    """Months of payments are found although one search spans 31 days at most, and finds a limited number."""
    case = RecordCase("paypal", paypal_simulator)
    for _ in range(3):
        await case.paid()
        paypal_simulator.advance_clock(25 * 24 * 3600)
    paypal_simulator.configure(search_limit=1)
    assert len(await case.everything(decided_at=datetime.now(UTC))) == 3
    await case.gateway.close()
    await case.record.close()


async def test_what_the_search_does_not_know_yet_is_read_by_id(paypal_simulator: Simulator) -> None:
    """PayPal's search lags by hours; a payment of this minute is seen all the same."""
    case = RecordCase("paypal", paypal_simulator)
    paypal_simulator.configure(search_lag_seconds=3 * 3600)
    paid, outcome = await case.paid()
    await case.call(case.following(REFUND, paid, outcome, money("5.00")))
    effects = await case.everything(decided_at=datetime.now(UTC) - timedelta(minutes=1))
    assert by_name(effects).keys() == {each.operation_id for each in case.requests}
    assert await case.record.everything(None, []) == []
    await case.gateway.close()
    await case.record.close()


async def test_a_token_that_ended_early_is_renewed(paypal_simulator: Simulator) -> None:
    """A proof that takes longer than a token lives goes on."""
    case = RecordCase("paypal", paypal_simulator)
    await case.everything()
    paypal_simulator.reset()
    assert await case.everything() == []
    await case.gateway.close()
    await case.record.close()


async def test_a_fee_that_stripe_has_not_reported_is_told_as_not_known(stripe_simulator: Simulator) -> None:
    """No fee yet and no fee at all are different things."""
    case = RecordCase("stripe", stripe_simulator)
    stripe_simulator.configure(balance_transaction_delay_seconds=60)
    await case.paid()
    assert [each.fee_minor for each in await case.everything()] == [None]
    stripe_simulator.advance_clock(61)
    [effect] = await case.everything()
    assert effect.fee_minor
    await case.gateway.close()
    await case.record.close()


async def test_stripe_settles_in_another_currency(stripe_simulator: Simulator) -> None:
    """A fee is in the currency in which Stripe keeps it, and the amount in the customer's."""
    case = RecordCase("stripe", stripe_simulator)
    stripe_simulator.configure(settlement="usd")
    await case.paid(money("20.00", "EUR"))
    [effect] = await case.everything()
    assert (effect.amount_minor, effect.currency, effect.fee_currency) == (20_00, "EUR", "USD")
    await case.gateway.close()
    await case.record.close()
