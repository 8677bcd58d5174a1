"""What was taken back, in the gateways' own record: the proof sees what happened, under the names that the adapters give it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from gateways.port import OperationKind
from ledger.proofs.evidence import Effect, EffectKind, Standing
from tests.prove.record_case import RecordCase, payment_of

CAPTURE = OperationKind.CAPTURE

pytestmark = pytest.mark.simulator

Take = Callable[["RecordCase", str], Awaitable[None]]

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


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
@pytest.mark.parametrize("setting", ["listed", "gone"])
async def test_a_dispute_that_paypal_lists_no_more(case: RecordCase, setting: str) -> None:
    """What a dispute took that changed last over 180 days ago is told by its name, or else as a movement, never left out."""
    case.simulator.configure(old_disputes=setting)
    paid, _ = await case.paid()
    made = case.simulator.dispute(payment_of(paid))
    case.simulator.advance_clock(300 * 24 * 3600)
    effects = await case.everything(decided_at=datetime.now(UTC))
    assert balance(effects) == true_balance(case)
    taken = [each for each in effects if each.kind is not EffectKind.CAPTURE]
    assert {each.charge_id for each in taken} == {paid.charge_id}
    if setting == "listed":
        assert [(each.kind, each.reference) for each in taken] == [(EffectKind.WITHDRAWAL, made)]
    else:
        assert {each.kind for each in taken} == {EffectKind.MOVEMENT}


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
