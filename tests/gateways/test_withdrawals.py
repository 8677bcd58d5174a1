"""The contract: what a gateway took back of a capture by itself is read apart from the capture's own outcome."""

from typing import Any

import pytest

from gateways.errors import OutcomeUnknown
from gateways.port import OperationRequest, Refused, Succeeded, Withdrawal, WithdrawalKind, WithdrawalState
from ledger.money import Money
from tests.gateways.cases import CAPTURE, REFUND, GatewayCase, money

pytestmark = pytest.mark.simulator

OPEN, LOST, WON = WithdrawalState
DAY = 24 * 3600
FEES = {"stripe": money("15.00"), "paypal": money("19.60")}
"""What a dispute costs, as the simulators have it."""
DISPUTED = {"stripe": "charge_disputed", "paypal": "TRANSACTION_DISPUTED"}


async def captured(case: GatewayCase, way: str = "pay") -> tuple[OperationRequest, Succeeded]:
    """A capture of 100.00, in one step or of an authorization."""
    if way == "pay":
        return await case.paid()
    request = await case.prepared(CAPTURE)
    outcome = await case.call(request)
    assert isinstance(outcome, Succeeded)
    return request, outcome


def payment_of(request: OperationRequest) -> str:
    """The gateway's name of the payment."""
    assert request.payment_reference is not None
    return request.payment_reference


def told(withdrawal: Withdrawal) -> tuple[WithdrawalKind, str, WithdrawalState, Money, Money | None, Money | None]:
    """All of it but its times."""
    found = withdrawal
    return found.kind, found.reference, found.state, found.amount, found.returned, found.fee


def effects(case: GatewayCase, *kinds: str) -> list[tuple[str, int]]:
    """What really happened, of these kinds: object and amount."""
    found = case.simulator.truth()["effects"]
    return [(each["object_id"], each["amount_minor"]) for each in found if each["kind"] in kinds]


@pytest.mark.parametrize("way", ["pay", "capture"])
async def test_nothing_taken_back(case: GatewayCase, way: str) -> None:
    """A capture of which nothing was taken back has no withdrawals; refunds of ours are none, be they decided or not."""
    request, outcome = await captured(case, way)
    assert await case.gateway.withdrawals(request) == ()
    refund = case.following(REFUND, request, outcome, money("30.00"))
    assert isinstance(await case.gateway.refund(refund), Succeeded)
    assert await case.gateway.withdrawals(request) == ()


@pytest.mark.parametrize("method", ["refund_pends", "refund_fails"])
async def test_our_refunds_are_none_whatever_becomes_of_them(case: GatewayCase, method: str) -> None:
    """A refund of ours that is pending, or that fails later, is no withdrawal at any time."""
    request, outcome = await case.paid(method=getattr(case.traits, method))
    await case.gateway.refund(case.following(REFUND, request, outcome, money("30.00")))
    assert await case.gateway.withdrawals(request) == ()
    case.simulator.advance_clock(30 * DAY)
    assert await case.gateway.withdrawals(request) == ()


async def test_payment_that_was_not_made(case: GatewayCase) -> None:
    """Of a capture that took nothing there is nothing to take back."""
    request = await case.created(case.operation(CAPTURE))
    assert await case.gateway.withdrawals(request) == ()
    declined = next(iter(case.traits.declines))
    request = await case.created(case.operation(CAPTURE, payment_method=declined))
    await case.call(request)
    assert await case.gateway.withdrawals(request) == ()


@pytest.mark.parametrize("way", ["pay", "capture"])
async def test_reversal(case: GatewayCase, way: str) -> None:
    """Money taken back by the gateway itself is told once, as lost; the capture stays what it was, with its fee."""
    request, outcome = await captured(case, way)
    made = case.simulator.reverse(payment_of(request))
    assert await case.gateway.look_up(request) == outcome
    (withdrawal,) = await case.gateway.withdrawals(request)
    assert told(withdrawal) == (WithdrawalKind.REVERSAL, made, LOST, money("100.00"), None, None)
    assert withdrawal.closed_at == withdrawal.withdrawn_at
    assert effects(case, "reversal") == [(made, 10_000)]


async def test_refund_at_the_gateways_site(case: GatewayCase) -> None:
    """A refund that a person made at the gateway is a withdrawal, beside one of ours over the same capture."""
    request, outcome = await captured(case, "capture")
    ours = case.following(REFUND, request, outcome, money("30.00"))
    assert isinstance(await case.gateway.refund(ours), Succeeded)
    made = case.simulator.refund_by_hand(payment_of(request), 2500)
    assert await case.gateway.look_up(case.following(REFUND, request, outcome, money("25.00"))) is None
    (withdrawal,) = await case.gateway.withdrawals(request)
    assert told(withdrawal) == (WithdrawalKind.REVERSAL, made, LOST, money("25.00"), None, None)
    assert effects(case, "reversal") == [(made, 2500)]


async def test_refund_at_the_gateways_site_that_fails(case: GatewayCase) -> None:
    """A refund of somebody's that fails later gives the money back: the same withdrawal is won then."""
    request, _ = await case.paid(method=case.traits.refund_fails)
    made = case.simulator.refund_by_hand(payment_of(request))
    (before,) = await case.gateway.withdrawals(request)
    assert told(before)[1:4] == (made, LOST, money("100.00"))
    case.simulator.advance_clock(30 * DAY)
    (after,) = await case.gateway.withdrawals(request)
    assert told(after) == (WithdrawalKind.REVERSAL, made, WON, money("100.00"), money("100.00"), None)
    assert after.withdrawn_at == before.withdrawn_at
    assert after.closed_at is not None
    assert after.closed_at > after.withdrawn_at
    assert effects(case, "reversal_returned") == [(made, 10_000)]


@pytest.mark.parametrize("amount_minor", [None, 4000])
@pytest.mark.parametrize("way", ["pay", "capture"])
async def test_open_dispute(case: GatewayCase, way: str, amount_minor: int | None) -> None:
    """A dispute takes its amount and a fee at once, under the name that it keeps until it is decided."""
    request, outcome = await captured(case, way)
    made = case.simulator.dispute(payment_of(request), amount_minor)
    (withdrawal,) = await case.gateway.withdrawals(request)
    amount = money("40.00" if amount_minor else "100.00")
    assert told(withdrawal) == (WithdrawalKind.DISPUTE, made, OPEN, amount, None, FEES[case.name])
    assert withdrawal.closed_at is None
    assert await case.gateway.look_up(request) == outcome
    assert effects(case, "dispute") == [(made, amount.amount_minor)]
    assert effects(case, "dispute_fee") == [(made, FEES[case.name].amount_minor)]


async def test_dispute_that_is_won(case: GatewayCase) -> None:
    """All of the money comes back with a dispute that is won; its fee does not."""
    request, _ = await captured(case)
    made = case.simulator.dispute(payment_of(request))
    case.simulator.advance_clock(10 * DAY)
    case.simulator.win_dispute(made)
    (withdrawal,) = await case.gateway.withdrawals(request)
    whole = money("100.00")
    assert told(withdrawal) == (WithdrawalKind.DISPUTE, made, WON, whole, whole, FEES[case.name])
    assert withdrawal.closed_at is not None
    assert (withdrawal.closed_at - withdrawal.withdrawn_at).days == 10
    assert effects(case, "dispute_returned") == [(made, 10_000)]


@pytest.mark.parametrize("returned_minor", [None, 2500])
async def test_dispute_that_is_lost(case: GatewayCase, returned_minor: int | None) -> None:
    """The money stays away with a dispute that is lost; where a part of it comes back all the same, that is told."""
    request, _ = await captured(case)
    made = case.simulator.dispute(payment_of(request))
    case.simulator.lose_dispute(made, returned_minor)
    (withdrawal,) = await case.gateway.withdrawals(request)
    returned = money("25.00") if returned_minor else None
    assert told(withdrawal) == (WithdrawalKind.DISPUTE, made, LOST, money("100.00"), returned, FEES[case.name])


@pytest.mark.parametrize("ending", ["open", "won", "lost"])
async def test_inquiry(case: GatewayCase, ending: str) -> None:
    """A dispute that takes no money is no withdrawal; it becomes one when it is lost."""
    case.simulator.configure(dispute_course="inquiry")
    request, _ = await captured(case)
    made = case.simulator.dispute(payment_of(request), 4000)
    if ending == "won":
        case.simulator.win_dispute(made)
    if ending != "lost":
        assert await case.gateway.withdrawals(request) == ()
        return
    case.simulator.lose_dispute(made)
    (withdrawal,) = await case.gateway.withdrawals(request)
    assert told(withdrawal) == (WithdrawalKind.DISPUTE, made, LOST, money("40.00"), None, FEES[case.name])


async def test_several(case: GatewayCase) -> None:
    """Several withdrawals of one capture are told apart, the oldest first, and a payment's are no other's."""
    request, _ = await captured(case)
    other, _ = await captured(case)
    made = []
    for amount_minor in (1000, 2000):
        made.append(case.simulator.dispute(payment_of(request), amount_minor))
        case.simulator.advance_clock(60)
    case.simulator.win_dispute(made[0])
    assert [each.reference for each in await case.gateway.withdrawals(request)] == made
    assert await case.gateway.withdrawals(other) == ()


async def test_refund_of_a_disputed_payment(case: GatewayCase) -> None:
    """A refund while the payment is disputed is refused in the gateway's word for it; after a dispute was won it is made."""
    request, outcome = await captured(case)
    made = case.simulator.dispute(payment_of(request), 4000)
    refund = case.following(REFUND, request, outcome, money("30.00"))
    refused = await case.gateway.refund(refund)
    assert isinstance(refused, Refused)
    assert refused.code == DISPUTED[case.name]
    assert await case.gateway.look_up(refund) is None
    case.simulator.win_dispute(made)
    again = case.following(REFUND, request, outcome, money("30.00"))
    assert isinstance(await case.gateway.refund(again), Succeeded)
    assert case.effects(refund) == []


async def test_unreadable(case: GatewayCase) -> None:
    """What cannot be read is raised, never taken for nothing."""
    request, _ = await captured(case)
    case.simulator.dispute(payment_of(request))
    case.simulator.add_fault(method="GET", path="*disputes*", action="status", status=500, times=1)
    with pytest.raises(OutcomeUnknown):
        await case.gateway.withdrawals(request)
    assert len(await case.gateway.withdrawals(request)) == 1


async def test_page_by_page(case: GatewayCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many disputes and refunds there are, all are read; a list that does not end is given up loudly."""
    page = "gateways.stripe_lists" if case.name == "stripe" else "gateways.paypal_withdrawal_reader"
    monkeypatch.setattr(f"{page}.PAGE", 2)
    request, _ = await captured(case)
    for _ in range(3):
        case.simulator.refund_by_hand(payment_of(request), 100)
    made = []
    for _ in range(5):
        made.append(case.simulator.dispute(payment_of(request), 100))
        case.simulator.win_dispute(made[-1])
    found = await case.gateway.withdrawals(request)
    assert {each.reference for each in found if each.kind is WithdrawalKind.DISPUTE} == set(made)
    assert len(found) == 3 + 5
    monkeypatch.setattr(f"{page}.PAGES", 2)
    with pytest.raises(OutcomeUnknown, match="more than"):
        await case.gateway.withdrawals(request)


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
@pytest.mark.parametrize(("won", "settings"), [(True, {"dispute_fee": "returned"}), (False, {})])
async def test_settled_in_another_currency(case: GatewayCase, *, won: bool, settings: dict[str, Any]) -> None:
    """Where Stripe settles in another currency, amounts stay in the payment's and the fee is in the balance's."""
    case.simulator.configure(settlement="eur", **settings)
    request, _ = await captured(case)
    made = case.simulator.dispute(payment_of(request))
    (opened,) = await case.gateway.withdrawals(request)
    assert (opened.amount, opened.returned, opened.fee) == (money("100.00"), None, money("12.50", "EUR"))
    if won:
        case.simulator.win_dispute(made)
    else:
        case.simulator.lose_dispute(made, 2500)
    (closed,) = await case.gateway.withdrawals(request)
    expected = (WON, money("100.00"), None) if won else (LOST, money("25.00"), money("12.50", "EUR"))
    assert (closed.state, closed.returned, closed.fee) == expected


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
@pytest.mark.parametrize("ending", ["open", "won", "lost", "lost in part"])
async def test_money_that_is_held(case: GatewayCase, ending: str) -> None:
    """Money that PayPal holds and then takes for good has left once, and a hold that is released comes back."""
    case.simulator.configure(dispute_course="hold")
    request, _ = await captured(case)
    made = case.simulator.dispute(payment_of(request))
    match ending:
        case "won":
            case.simulator.win_dispute(made)
        case "lost":
            case.simulator.lose_dispute(made)
        case "lost in part":
            case.simulator.lose_dispute(made, 2500)
    (withdrawal,) = await case.gateway.withdrawals(request)
    whole, fee = money("100.00"), FEES["paypal"]
    states = {"open": (OPEN, None, None), "won": (WON, whole, None), "lost": (LOST, None, fee)}
    state, returned, cost = states.get(ending, (LOST, money("25.00"), fee))
    assert told(withdrawal) == (WithdrawalKind.DISPUTE, made, state, whole, returned, cost)
    assert sum(amount for _, amount in effects(case, "dispute")) == 10_000


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_fee_that_comes_back_with_a_reversal(case: GatewayCase) -> None:
    """What PayPal gives back of the payment's fee with a reversal is told as a negative fee."""
    case.simulator.configure(refund_returns_fixed_fee=True)
    request, _ = await captured(case)
    case.simulator.reverse(payment_of(request))
    (withdrawal,) = await case.gateway.withdrawals(request)
    assert withdrawal.fee == Money(amount_minor=-49, currency="USD")


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_two_captures_of_one_authorization(case: GatewayCase) -> None:
    """What was taken back of one capture is told of that one, and not of another in the same order."""
    held, authorized = await case.authorized()
    first = case.following(CAPTURE, held, authorized, money("40.00")).model_copy(update={"final": False})
    second = case.following(CAPTURE, held, authorized, money("60.00"))
    references = {}
    for request in (first, second):
        outcome = await case.call(request)
        assert isinstance(outcome, Succeeded)
        made = (case.simulator.refund_by_hand(outcome.reference, 100), case.simulator.dispute(outcome.reference, 200))
        references[request.operation_id] = set(made)
    for request in (first, second):
        found = await case.gateway.withdrawals(request)
        assert {each.reference for each in found} == references[request.operation_id]
