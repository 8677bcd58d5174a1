"""The readers of the gateways' own record, over real HTTP, held against what the simulators really did."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commands.gateway_records import GatewayRecord
from gateways.port import OperationKind, OperationRequest, Succeeded
from gateways.records import paypal, reader, stripe
from gateways.records.paypal import PayPalRecord
from gateways.records.reader import RecordUnreadable
from gateways.records.stripe import StripeRecord
from ledger.money import Money
from ledger.proofs.evidence import Claim, Effect, EffectKind, Standing
from local.simulators import Simulator
from tests.gateways.cases import GatewayCase, money

AUTHORIZE, CAPTURE, VOID, REFUND = OperationKind
TRUTH_OF = {EffectKind.CAPTURE: "capture", EffectKind.REFUND: "refund", EffectKind.AUTHORIZE: "authorize"}
LIST_PATHS = {"stripe": "/v1/payment_intents", "paypal": "/v1/reporting/transactions"}

pytestmark = pytest.mark.simulator


Take = Callable[["RecordCase", str], Awaitable[None]]


class RecordCase(GatewayCase):
    """An adapter that does things, and the reader that must see them."""

    def __init__(self, name: str, simulator: Simulator, *, with_right_credentials: bool = True) -> None:
        super().__init__(name, simulator)
        self.record: GatewayRecord
        if name == "stripe":
            self.record = StripeRecord("sk_test_proof" if with_right_credentials else "no_key", simulator.url, 5.0)
        else:
            self.record = PayPalRecord("proof", "right" if with_right_credentials else "wrong", simulator.url, 5.0)
        self.requests: list[OperationRequest] = []

    def operation(self, kind: OperationKind, amount: Money | None = None, **given: Any) -> OperationRequest:
        """Remember what is asked for, each time for a charge of its own unless it acts on an earlier payment."""
        earlier = [each for each in self.requests if each.payment_reference == given.get("payment_reference")]
        follows = earlier and given.get("target_reference")
        given.setdefault("charge_id", earlier[0].charge_id if follows else f"chg_{len(self.requests)}")
        request = super().operation(kind, amount, **given)
        request = request.model_copy(update={"operation_id": f"{request.charge_id}:{kind}:{len(self.requests)}"})
        self.requests.append(request)
        return request

    async def created(self, request: OperationRequest) -> OperationRequest:
        """Remember the payment as well."""
        created = await super().created(request)
        self.requests = [created if each.operation_id == created.operation_id else each for each in self.requests]
        return created

    def claims(self, decided_at: datetime | None = None) -> list[Claim]:
        """What the books would say."""
        now = datetime.now(UTC)
        return [
            Claim(each.operation_id, each.kind, self.name, each.payment_reference, None, now, decided_at)
            for each in self.requests
        ]

    async def everything(self, **given: Any) -> list[Effect]:
        """Read it all; the search of the simulated PayPal knows at once, unless told otherwise."""
        return await self.record.everything(None, self.claims(**given))

    def truth(self) -> Counter[tuple[str, int, str]]:
        """What really happened: kind, amount and currency of each effect."""
        effects = self.simulator.truth()["effects"]
        return Counter((each["kind"], each["amount_minor"], each["currency"]) for each in effects)


@pytest.fixture(params=["stripe", "paypal"])
async def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RecordCase]:
    """Each gateway in turn, empty; the reader does not wait long between its attempts."""
    monkeypatch.setattr(reader, "FIRST_WAIT_SECONDS", 0.01)
    record_case = RecordCase(request.param, request.getfixturevalue(f"{request.param}_simulator"))
    yield record_case
    await record_case.gateway.close()
    await record_case.record.close()


def told(effects: Iterable[Effect]) -> Counter[tuple[str, int, str]]:
    """What a reader says, in the words of the simulators' truth."""
    return Counter(
        (TRUTH_OF[each.kind], each.amount_minor, each.currency) for each in effects if each.standing.took_effect
    )


TRUE_SIGNS = {
    **dict.fromkeys(("capture", "refund_failed", "reversal_returned", "dispute_returned"), 1),
    **dict.fromkeys(("refund", "reversal", "dispute", "fee", "dispute_fee"), -1),
}


def balance(effects: Iterable[Effect]) -> Counter[str]:
    """What all of it did to the merchant's balance, by currency, fees included."""
    sums: Counter[str] = Counter()
    for each in effects:
        sums[each.currency] += each.signed_minor if each.standing is Standing.DONE else 0
        sums[each.fee_currency or each.currency] -= each.fee_minor or 0
    return sums


def true_balance(case: RecordCase) -> Counter[str]:
    """The same, as it really was."""
    sums: Counter[str] = Counter()
    for each in case.simulator.truth()["effects"]:
        sums[each["currency"]] += TRUE_SIGNS.get(each["kind"], 0) * each["amount_minor"]
    return sums


def as_withdrawals(effects: Iterable[Effect]) -> dict[str, tuple[str, int, int, int]]:
    """By reference: why, what left, what returned, and the fee."""
    found: dict[str, tuple[str, int, int, int]] = {}
    for each in effects:
        why, left, returned, fee = found.get(each.reference, (each.description, 0, 0, 0))
        if each.kind is EffectKind.WITHDRAWAL:
            left, fee = left + each.amount_minor, fee + (each.fee_minor or 0)
        else:
            returned += each.amount_minor
        found[each.reference] = (why, left, returned, fee)
    return found


def payment_of(request: OperationRequest) -> str:
    """The gateway's name of the payment."""
    assert request.payment_reference is not None
    return request.payment_reference


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


async def nothing_back(case: RecordCase, payment: str) -> None:
    """Money that stays away: the gateway's own reversal."""
    case.simulator.reverse(payment)


async def by_hand(case: RecordCase, payment: str) -> None:
    """Two refunds at the gateway's site."""
    case.simulator.refund_by_hand(payment, 2500)
    case.simulator.refund_by_hand(payment, 500)


async def failing(case: RecordCase, payment: str) -> None:
    """A refund at the gateway's site that fails later."""
    case.simulator.refund_by_hand(payment, 2500)
    case.simulator.advance_clock(3 * 24 * 3600)


async def disputed(case: RecordCase, payment: str) -> None:
    """A dispute that is open."""
    case.simulator.dispute(payment, 4000)


async def won(case: RecordCase, payment: str) -> None:
    """A dispute that is won."""
    case.simulator.win_dispute(case.simulator.dispute(payment))


async def lost_in_part(case: RecordCase, payment: str) -> None:
    """A dispute that is lost, and of which a part comes back."""
    case.simulator.lose_dispute(case.simulator.dispute(payment), 2500)


async def held_and_lost(case: RecordCase, payment: str) -> None:
    """A dispute of which the money is held first, or asked for only, and that is lost in part."""
    case.simulator.configure(dispute_course="hold" if case.name == "paypal" else "inquiry")
    case.simulator.lose_dispute(case.simulator.dispute(payment, 4000), 1000)


async def asked(case: RecordCase, payment: str) -> None:
    """A dispute that takes nothing."""
    case.simulator.configure(dispute_course="inquiry")
    case.simulator.dispute(payment)


WITHDRAWALS = [nothing_back, by_hand, failing, disputed, won, lost_in_part, held_and_lost, asked]


@pytest.mark.parametrize("way", ["pay", "capture"])
@pytest.mark.parametrize("take", WITHDRAWALS, ids=lambda take: take.__name__)
async def test_what_was_taken_back_is_told_with_its_payment(case: RecordCase, take: Take, way: str) -> None:
    """The proof sees what left and what returned, to the unit and with its fee, under the name that the adapter gives it."""
    method = case.traits.refund_fails if take is failing else case.traits.pays
    paid, outcome = await case.paid(method=method) if way == "pay" else await case.authorized(method=method)
    if way == "capture":
        paid = case.following(CAPTURE, paid, outcome)
        await case.call(paid)
    await take(case, payment_of(paid))
    everything = await case.everything()
    again = await case.record.again({payment_of(paid)}, {each.reference for each in everything})
    for effects in (everything, again):
        assert not [each for each in effects if each.kind is EffectKind.MOVEMENT]
        assert balance(effects) == true_balance(case)
        taken = [each for each in effects if each.kind in {EffectKind.WITHDRAWAL, EffectKind.WITHDRAWAL_RETURNED}]
        assert {each.charge_id for each in taken} <= {paid.charge_id}
        assert as_withdrawals(taken) == {
            each.reference: (
                each.kind.value,
                each.amount.amount_minor,
                each.returned.amount_minor if each.returned else 0,
                each.fee.amount_minor if each.fee else 0,
            )
            for each in await case.gateway.withdrawals(paid)
        }
        assert len({(each.kind, each.reference) for each in effects}) == len(effects)
        # The capture itself stays what it was.
        [capture] = [each for each in effects if each.kind is EffectKind.CAPTURE]
        assert (capture.standing, capture.amount_minor) == (Standing.DONE, 100_00)


async def test_what_was_taken_back_long_after_the_payment(case: RecordCase) -> None:
    """A proof of this month sees what was taken back in it, and whose payment that was, however old the payment is."""
    paid, _ = await case.paid()
    failed, _ = await case.paid()
    case.simulator.advance_clock(100 * 24 * 3600)
    since = datetime.fromtimestamp(case.simulator.now(), UTC) - timedelta(days=1)
    made = {
        case.simulator.dispute(payment_of(paid), 1000): paid.charge_id,
        case.simulator.refund_by_hand(payment_of(failed), 500): failed.charge_id,
    }
    if case.name == "stripe":
        whole, _ = await case.paid()
        made[case.simulator.reverse(payment_of(whole))] = whole.charge_id
    effects = await case.record.everything(since, case.claims(decided_at=datetime.now(UTC)))
    found = {each.reference: each.charge_id for each in effects if each.kind is EffectKind.WITHDRAWAL}
    assert found == made
    assert not [each for each in effects if each.kind is EffectKind.MOVEMENT]


async def test_a_dispute_that_is_decided_long_after_it_was_opened(case: RecordCase) -> None:
    """Money that returns is told with the dispute that took it, though a list of what is new has the dispute no more."""
    paid, _ = await case.paid()
    made = case.simulator.dispute(payment_of(paid))
    case.simulator.advance_clock(100 * 24 * 3600)
    since = datetime.fromtimestamp(case.simulator.now(), UTC) - timedelta(days=1)
    case.simulator.win_dispute(made)
    effects = await case.record.everything(since, case.claims(decided_at=datetime.now(UTC)))
    kinds = {each.kind for each in effects if each.reference == made}
    assert kinds == {EffectKind.WITHDRAWAL, EffectKind.WITHDRAWAL_RETURNED}
    assert {each.charge_id for each in effects if each.reference == made} == {paid.charge_id}
    assert not [each for each in effects if each.kind is EffectKind.MOVEMENT]


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
