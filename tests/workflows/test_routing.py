"""A charge whose gateway said no: what the customer and the gateways see of the next attempts."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateways.routing.errors import PolicyFault
from ledger.charges import ChargeStatus
from ledger.payment_methods import PaymentMethod
from local.simulators import SimulatorProcess
from settings import Settings
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for
from worker import policies_of

POLICY = """editions:
  - version: test
    effective_from: 2026-01-01
    fallback_order: [stripe, paypal]
    outages: {}
    rules:
      - {name: wallets-first, when: {metadata: {first: wallet}}, then: {gateway: paypal}}
"""


def both(stripe: str, paypal: str = "wallet_ok") -> tuple[PaymentMethod, ...]:
    return PaymentMethod(gateway="stripe", token=stripe), PaymentMethod(gateway="paypal", token=paypal)


async def attempts(processes: Processes, charge_id: str) -> list[tuple[str, str | None, str | None]]:
    rows = await processes.operations(charge_id)
    assert [row.attempt for row in rows] == list(range(1, len(rows) + 1))
    return [(row.gateway, row.outcome, row.decline_code) for row in rows]


async def test_a_decline_that_is_worth_it_is_made_good_at_the_other_gateway(processes: Processes) -> None:
    """The customer pays at the second attempt and waits a moment longer; the first gateway took nothing."""
    view = await processes.charge(processes.request("stripe", payment_methods=both("pm_card_chargeDeclined")))
    assert (view.status, view.gateway) == (ChargeStatus.CAPTURED, "paypal")
    assert await attempts(processes, view.charge_id) == [
        ("stripe", "declined", "generic_decline"),
        ("paypal", "succeeded", None),
    ]
    assert processes.effects("stripe", "capture") == []
    assert len(processes.effects("paypal", "capture")) == 1
    first, second = await processes.operations(view.charge_id)
    assert first.advice == "try_again_later"
    assert second.routing is not None
    assert second.routing["reason"].startswith("after generic_decline at stripe: ")
    assert second.operation_id == f"{view.charge_id}:capture:2"


async def test_an_error_on_the_way_is_tried_once_more_before_the_other_gateway(processes: Processes) -> None:
    """A passing fault costs the merchant no customer, and each attempt has a key of its own."""
    methods = both("pm_card_chargeDeclinedProcessingError")
    view = await processes.charge(processes.request("stripe", payment_methods=methods))
    assert view.status is ChargeStatus.CAPTURED
    assert [gateway for gateway, *_ in await attempts(processes, view.charge_id)] == ["stripe", "stripe", "paypal"]


@pytest.mark.parametrize(
    ("stripe", "code"),
    [
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    ],
)
async def test_a_decline_that_is_not_worth_it_ends_the_charge(processes: Processes, stripe: str, code: str) -> None:
    """Nobody is charged through their wallet because their card was stolen."""
    view = await processes.charge(processes.request("stripe", payment_methods=both(stripe)))
    assert (view.status, view.decline_code) == (ChargeStatus.DECLINED, code)
    assert await attempts(processes, view.charge_id) == [("stripe", "declined", code)]
    assert processes.simulators["paypal"].truth()["requests"] == []


async def test_a_charge_that_every_gateway_declines_is_declined(processes: Processes) -> None:
    """The last answer is the charge's answer, and nothing is tried without end."""
    methods = both("pm_card_chargeDeclined", "wallet_instrument_declined")
    view = await processes.charge(processes.request("stripe", payment_methods=methods))
    assert (view.status, view.decline_code) == (ChargeStatus.DECLINED, "INSTRUMENT_DECLINED")
    assert len(await attempts(processes, view.charge_id)) == 2


async def test_a_worker_routes_by_its_policy(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
    tmp_path: Path,
) -> None:
    """What the operator wrote is what happens, and the attempt says by which rule."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    async with AsyncExitStack() as stack:
        routed = settings.model_copy(update={"routing_policy": str(path)})
        processes = await run_processes(stack, routed, simulators)
        request = processes.request("stripe", payment_methods=both("pm_card_visa"), metadata={"first": "wallet"})
        view = await processes.charge(request)
        assert (view.status, view.gateway) == (ChargeStatus.CAPTURED, "paypal")
        (operation,) = await processes.operations(view.charge_id)
        assert operation.routing is not None
        assert (operation.routing["rule"], operation.routing["policy_version"]) == ("wallets-first", "test")
        assert (await processes.charge(processes.request("stripe"))).gateway == "stripe"


def test_a_worker_with_a_policy_that_cannot_be_used_does_not_start(tmp_path: Path) -> None:
    """No charge is routed by half a policy, or by one that begins next year."""
    path = tmp_path / "policy.yaml"
    for text, said in (
        (POLICY.replace("paypal}", "adyen}"), "there is no gateway adyen"),
        (POLICY.replace("2026-01-01", "2999-01-01"), "no edition of the routing policy is in force"),
    ):
        path.write_text(text)
        with pytest.raises(PolicyFault, match=said):
            policies_of(Settings(_env_file=None, routing_policy=str(path)), ("stripe", "paypal"))
