"""A gateway call, whichever run and attempt it is of: one name at the gateway, and nothing sent that is decided already."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import charge_decisions
from activities.charge_decisions import Case, NextAttempt, operation_request
from activities.gateway_calls import GatewayCalls
from gateways.port import OperationKind, OperationRequest, Outcome, Succeeded, Withdrawal
from gateways.stripe_amounts import CAPABILITIES
from ledger import charges, operations
from ledger.charges import ChargeRequest
from ledger.database import create_engine
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from tests.conftest import Database

AMOUNT = Money.parse("49.99", "USD")
CHARGE = ChargeRequest(
    charge_id="ch_1",
    amount=AMOUNT,
    customer="cus_1",
    payment_methods=(PaymentMethod(gateway="stripe", token="pm_card_visa"),),
    actor="person:tester",
)
REFUND = OperationRequest(
    operation_id="ch_1:refund:1",
    charge_id="ch_1",
    kind=OperationKind.REFUND,
    gateway="stripe",
    amount=AMOUNT,
    customer="cus_1",
    payment_reference="pi_1",
    target_reference="pi_1",
)
DONE = Succeeded(reference="re_1", amount=AMOUNT, occurred_at=datetime(2026, 11, 25, tzinfo=UTC))


class Witness:
    """A gateway that writes down what it is asked, and under which name; `known` is what became of it before."""

    name = "stripe"
    capabilities = CAPABILITIES

    def __init__(self, known: Outcome | None = None) -> None:
        self.known = known
        self.asked: list[tuple[str, str]] = []

    async def create_payment(self, request: OperationRequest) -> str:
        """Make the payment."""
        self.asked.append(("create_payment", request.operation_id))
        return "pi_1"

    async def look_up(self, request: OperationRequest) -> Outcome | None:
        """Tell what became of it."""
        self.asked.append(("look_up", request.operation_id))
        return self.known

    async def _moves_money(self, request: OperationRequest) -> Outcome:
        self.asked.append((request.kind, request.operation_id))
        return DONE

    authorize = capture = void = refund = _moves_money

    async def withdrawals(self, request: OperationRequest) -> tuple[Withdrawal, ...]:  # noqa: ARG002 # nothing was
        """Nothing was taken back."""
        return ()

    async def close(self) -> None:
        """Nothing is open."""


async def perform(calls: GatewayCalls, request: OperationRequest, **of_the_run: Any) -> Outcome:
    """Run the call of an operation, as an attempt or a run of its own."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, **of_the_run)
    call = {OperationKind.REFUND: calls.refund, OperationKind.CAPTURE: calls.capture}[request.kind]
    outcome: Outcome = await environment.run(call, request)
    return outcome


def without_books() -> AsyncEngine:
    """A database that cannot be reached, for what does not need one."""
    return create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")


@pytest.mark.parametrize("attempt", [1, 2, 9])
@pytest.mark.parametrize("run", ["first", "after-a-reset"])
async def test_an_operation_has_one_name_in_every_run_and_attempt(run: str, attempt: int) -> None:
    """A process that is reset, and a call that is tried again, ask for the same thing and not for another one."""
    gateway = Witness()
    await perform(GatewayCalls(gateway, without_books()), REFUND, workflow_run_id=run, attempt=attempt)
    assert {name for _, name in gateway.asked} == {REFUND.operation_id}
    assert [what for what, _ in gateway.asked if what != "look_up"] == ["refund"]


async def test_what_is_asked_again_is_read_first() -> None:
    """The first attempt may have done it, and the gateway may have forgotten its key: then nothing is sent."""
    gateway = Witness(known=DONE)
    assert await perform(GatewayCalls(gateway, without_books()), REFUND, attempt=2) == DONE
    assert gateway.asked == [("look_up", REFUND.operation_id)]


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The test's database, as the application's role."""
    engine = create_engine(database.app_url, 2)
    yield engine
    await engine.dispose()


async def capture_of(engine: AsyncEngine) -> OperationRequest:
    """Open a charge; returns what its gateway is to be asked."""
    chosen = NextAttempt(gateway="stripe", payment_method="pm_card_visa", reason="the only one")
    async with engine.begin() as connection:
        charge, _ = await charges.open_charge(connection, CHARGE, chosen.gateway, chosen.reason)
        operation, _ = await operations.intend(
            connection, charge_decisions.attempt(Case(charge=charge, operations=()), chosen)
        )
    return operation_request(operation, charge.customer)


async def test_a_payment_is_remembered_before_its_money_moves(engine: AsyncEngine) -> None:
    """Whoever comes after a crash has the gateway's object to read; without it a taken payment looks like one never sent."""
    request = await capture_of(engine)
    gateway = Witness()
    seen: list[str | None] = []

    async def capture(asked: OperationRequest) -> Outcome:
        async with engine.connect() as connection:
            seen.append(await operations.payment_reference(connection, asked.operation_id))
        return DONE

    gateway.capture = capture  # type: ignore[method-assign,assignment]
    assert await perform(GatewayCalls(gateway, engine), request) == DONE
    assert seen == ["pi_1"]


async def test_what_was_given_up_is_not_sent(engine: AsyncEngine) -> None:
    """A worker that stood still finds the attempt answered with a no, and moves no money."""
    request = await capture_of(engine)
    async with engine.begin() as connection:
        given_up = {"outcome": "refused", "decline_code": "gateway_unreachable", "message": "no answer"}
        assert await operations.decide(connection, request.operation_id, given_up)
    gateway = Witness()
    with pytest.raises(ApplicationError, match="nothing was sent"):
        await perform(GatewayCalls(gateway, engine), request)
    assert gateway.asked == [("create_payment", request.operation_id)]
