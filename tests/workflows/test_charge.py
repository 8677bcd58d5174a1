"""A charge from request to balanced books, on both gateways: each ending, its operations, its entries, its effects."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError

from ledger.charges import CaptureMode, ChargeStatus
from ledger.errors import UnknownCharge
from ledger.money import Money
from tests.workflows.conftest import Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand, VoidCommand

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
DECLINED = {"stripe": "pm_card_visa_chargeDeclinedInsufficientFunds", "paypal": "wallet_instrument_declined"}
DECLINE_CODES = {"stripe": "insufficient_funds", "paypal": "INSTRUMENT_DECLINED"}
ACTION = {"stripe": "pm_card_authenticationRequired", "paypal": "wallet_payer_action"}
AMOUNT = 4999


async def capture(processes: Processes, charge_id: str, amount_minor: int | None = None) -> Any:
    command = CaptureCommand(amount_minor=amount_minor, actor="person:tester")
    return await processes.handle(charge_id).execute_update(ChargeWorkflow.capture, command)


async def void(processes: Processes, charge_id: str) -> Any:
    return await processes.handle(charge_id).execute_update(ChargeWorkflow.void, VoidCommand(actor="person:tester"))


async def no_memo_is_left(processes: Processes) -> bool:
    return not [code for code, _ in await processes.balances() if code.startswith("memo:")]


@GATEWAYS
async def test_a_charge_with_automatic_capture_is_one_operation_and_two_entries(
    processes: Processes, gateway: str
) -> None:
    """The customer is charged once, and the books show the sale, the fee and what the gateway owes us."""
    view = await processes.charge(processes.request(gateway))
    assert (view.status, view.gateway, view.captured_minor) == (ChargeStatus.CAPTURED, gateway, AMOUNT)
    (operation,) = await processes.operations(view.charge_id)
    assert (operation.operation_id, operation.outcome) == (f"{view.charge_id}:capture:1", "succeeded")
    assert await processes.rules(view.charge_id) == ["captured", "fee_charged"]
    (effect,) = processes.effects(gateway, "capture")
    assert (effect["operation_id"], effect["amount_minor"]) == (operation.operation_id, AMOUNT)
    assert operation.fee_minor is not None
    assert await processes.balances() == {
        (f"clearing:{gateway}", "USD"): AMOUNT - operation.fee_minor,
        ("expense:gateway_fees", "USD"): operation.fee_minor,
        ("revenue:sales", "USD"): AMOUNT,
    }


@GATEWAYS
async def test_a_decline_ends_the_charge_and_posts_nothing(processes: Processes, gateway: str) -> None:
    """Nothing was taken, so the books show nothing, and the caller gets the gateway's own code."""
    view = await processes.charge(processes.request(gateway, DECLINED[gateway]))
    assert (view.status, view.decline_code) == (ChargeStatus.DECLINED, DECLINE_CODES[gateway])
    assert await processes.rules(view.charge_id) == []
    assert processes.effects(gateway, "capture") == []


@GATEWAYS
async def test_an_authorization_is_captured_in_full(processes: Processes, gateway: str) -> None:
    """The goods leave, and all the reserved money is taken."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    assert (view.status, view.authorized_minor) == (ChargeStatus.AUTHORIZED, AMOUNT)
    assert view.authorization_expires_at is not None
    assert await processes.rules(view.charge_id) == ["authorized"]
    taken = await capture(processes, view.charge_id)
    assert (taken.status, taken.captured_minor) == (ChargeStatus.CAPTURED, AMOUNT)
    posted = ["authorization_released", "authorized", "captured", "fee_charged"]
    assert sorted(await processes.rules(view.charge_id)) == posted
    assert await no_memo_is_left(processes)


@GATEWAYS
async def test_an_authorization_is_captured_in_part_and_the_rest_is_released(
    processes: Processes, gateway: str
) -> None:
    """The customer pays for what was sent, and the rest of the reservation ends."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    taken = await capture(processes, view.charge_id, 1999)
    assert (taken.status, taken.captured_minor) == (ChargeStatus.PARTIALLY_CAPTURED, 1999)
    assert (await processes.balances())[("revenue:sales", "USD")] == 1999
    assert await no_memo_is_left(processes)


@GATEWAYS
async def test_an_authorization_is_voided(processes: Processes, gateway: str) -> None:
    """The customer gets the reserved money back, and nothing stays in the books."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    voided = await void(processes, view.charge_id)
    assert voided.status is ChargeStatus.VOIDED
    assert await processes.rules(view.charge_id) == ["authorized", "authorization_released"]
    assert await processes.balances() == {}
    assert len(processes.effects(gateway, "void")) == 1


@GATEWAYS
async def test_an_authentication_step_is_shown_at_once_and_then_waited_for(processes: Processes, gateway: str) -> None:
    """The checkout can send the customer on their way, and the charge goes on when they have done it."""
    view = await processes.charge(processes.request(gateway, ACTION[gateway]))
    assert view.status is ChargeStatus.REQUIRES_ACTION
    assert view.action_url is not None
    (operation,) = await processes.operations(view.charge_id)
    assert operation.payment_reference is not None
    processes.simulators[gateway].complete_authentication(operation.payment_reference, "succeed")
    decided = await processes.handle(view.charge_id).result()
    assert (decided.status, decided.captured_minor, decided.action_url) == (ChargeStatus.CAPTURED, AMOUNT, None)
    assert len(processes.effects(gateway, "capture")) == 1


async def test_an_authentication_that_fails_is_a_decline(processes: Processes) -> None:
    """The customer did not pass; nothing is taken."""
    view = await processes.charge(processes.request("stripe", ACTION["stripe"]))
    (operation,) = await processes.operations(view.charge_id)
    processes.simulators["stripe"].complete_authentication(operation.payment_reference or "", "fail")
    assert (await processes.handle(view.charge_id).result()).status is ChargeStatus.DECLINED


async def test_a_payment_under_review_is_pending_until_the_gateway_decides(processes: Processes) -> None:
    """A capture that was answered 201 is not booked as paid while it is pending."""
    view = await processes.charge(processes.request("paypal", "wallet_pending_review"))
    assert view.status is ChargeStatus.PENDING
    assert await processes.rules(view.charge_id) == []
    processes.simulators["paypal"].advance_clock(61)
    assert (await processes.handle(view.charge_id).result()).status is ChargeStatus.CAPTURED
    assert await processes.rules(view.charge_id) == ["captured", "fee_charged"]


async def test_a_fee_that_comes_later_is_booked_when_it_comes(processes: Processes) -> None:
    """The charge is captured at once; the fee follows with the balance transaction."""
    processes.simulators["stripe"].configure(balance_transaction_delay_seconds=60)
    view = await processes.charge(processes.request("stripe"))
    assert view.status is ChargeStatus.CAPTURED
    assert await processes.rules(view.charge_id) == ["captured"]
    processes.simulators["stripe"].advance_clock(61)
    await processes.handle(view.charge_id).result()
    assert await processes.rules(view.charge_id) == ["captured", "fee_charged"]


@GATEWAYS
async def test_the_same_id_with_the_same_content_is_the_same_charge(processes: Processes, gateway: str) -> None:
    """A checkout that asks twice charges once."""
    request = processes.request(gateway, capture=CaptureMode.MANUAL)
    first, second = await asyncio.gather(processes.charge(request), processes.charge(request))
    assert first == second
    assert len(processes.effects(gateway, "authorize")) == 1


async def test_the_same_id_with_other_content_is_refused(processes: Processes) -> None:
    """A mistaken id never changes a charge."""
    request = processes.request("stripe", capture=CaptureMode.MANUAL)
    await processes.charge(request)
    other = request.model_copy(update={"amount": Money.parse("1", "USD")})
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await processes.charge(other)
    assert "other content" in str(refusal.value.cause)


async def test_a_charge_that_is_started_again_after_its_process_is_gone_is_not_charged_again(
    processes: Processes,
) -> None:
    """Temporal forgets a workflow id after its retention; the row in PostgreSQL does not."""
    request = processes.request("stripe")
    first = await processes.charge(request)
    again = await processes.client.execute_workflow(
        ChargeWorkflow.run, request, id=f"another/{request.charge_id}", task_queue=processes.settings.task_queue
    )
    assert again == first
    assert len(processes.effects("stripe", "capture")) == 1


@pytest.mark.parametrize("amount_minor", [5000, 10**9])
async def test_more_than_was_authorized_is_refused_before_anything_is_sent(
    processes: Processes, amount_minor: int
) -> None:
    """Nobody is charged more than they agreed to."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await capture(processes, view.charge_id, amount_minor)
    assert "more than the 49.99 USD" in str(refusal.value.cause)
    assert (await processes.row(view.charge_id)).status is ChargeStatus.AUTHORIZED


async def test_of_a_capture_and_a_void_at_once_exactly_one_wins(processes: Processes) -> None:
    """A charge is never both taken and released."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    answers = await asyncio.gather(
        capture(processes, view.charge_id), void(processes, view.charge_id), return_exceptions=True
    )
    assert len([answer for answer in answers if isinstance(answer, WorkflowUpdateFailedError)]) == 1
    effects = processes.effects("stripe", "capture") + processes.effects("stripe", "void")
    assert len(effects) == 1


async def test_a_capture_that_the_issuer_declines_leaves_the_authorization_standing(processes: Processes) -> None:
    """The merchant may try again or void; the books still show the reservation."""
    view = await processes.charge(
        processes.request("paypal", "card/card_authorize_ok_capture_declined", capture=CaptureMode.MANUAL)
    )
    assert view.status is ChargeStatus.AUTHORIZED
    answer = await capture(processes, view.charge_id)
    assert (answer.status, answer.captured_minor) == (ChargeStatus.AUTHORIZED, 0)
    assert answer.message is not None
    assert (await void(processes, view.charge_id)).status is ChargeStatus.VOIDED


async def test_a_charge_that_no_gateway_can_take_is_refused_and_leaves_no_trace(processes: Processes) -> None:
    """A currency that PayPal does not take is refused before a row is written, and the caller is told why."""
    request = processes.request("paypal", amount=Money.parse("10", "KWD"))
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await processes.charge(request)
    assert "paypal cannot take KWD" in str(refusal.value.cause)
    description = await processes.handle(request.charge_id).describe()
    assert description.status is WorkflowExecutionStatus.FAILED
    with pytest.raises(UnknownCharge):
        await processes.row(request.charge_id)


@pytest.mark.parametrize(
    ("gateway", "amount"),
    [
        ("stripe", Money.parse("5000", "JPY")),
        ("paypal", Money.parse("5000", "JPY")),
        ("stripe", Money.parse("10.500", "KWD")),
    ],
)
async def test_currencies_without_and_with_three_decimals_arrive_exactly(
    processes: Processes, gateway: str, amount: Money
) -> None:
    """5000 yen are not 50, and 10.500 dinars are not 1050."""
    view = await processes.charge(processes.request(gateway, amount=amount))
    assert (view.status, view.captured_minor) == (ChargeStatus.CAPTURED, amount.amount_minor)
    (effect,) = processes.effects(gateway, "capture")
    assert (effect["amount_minor"], effect["currency"]) == (amount.amount_minor, amount.currency)


async def test_a_paid_invoice_reduces_what_the_customer_owes(processes: Processes) -> None:
    """A charge for an invoice is not booked as revenue a second time."""
    await processes.charge(processes.request("stripe", invoice="in_1"))
    balances = await processes.balances()
    assert ("revenue:sales", "USD") not in balances
    assert balances[("receivable:cus_1", "USD")] == -AMOUNT


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"amount": {"amount_minor": 0, "currency": "USD"}}, "greater than zero"),
        ({"amount": {"amount_minor": 1, "currency": "ZZZ"}}, "unknown currency"),
        ({"customer": "4242424242424242"}, "looks like a card number"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
async def test_a_wrong_request_of_another_programs_sdk_ends_at_once_and_says_why(
    processes: Processes, wrong: dict[str, Any], told: str
) -> None:
    """A process that cannot begin is not retried for ever, and its failure repeats no card number."""
    content = processes.request("stripe").model_dump(mode="json") | wrong
    handle = await processes.client.start_workflow(
        "Charge", content, id=f"charge/{content['charge_id']}", task_queue=processes.settings.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), 20)
    assert told in str(failure.value.cause)
    assert "4242424242424242" not in str(failure.value.cause)
