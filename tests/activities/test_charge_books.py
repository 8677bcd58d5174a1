"""A ledger step that runs again finds what it wrote before, whatever has changed around it."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_books import ChargeBooks
from activities.charge_decisions import Case, NextAttempt, TryAgain
from gateways.paypal_amounts import CAPABILITIES as PAYPAL
from gateways.routing.errors import NoGateway
from gateways.stripe_amounts import CAPABILITIES as STRIPE
from ledger.charges import ChargeRequest, PaymentMethod
from ledger.database import create_engine
from ledger.money import Money
from tests.conftest import Database


class Chooser:
    """Chooses Stripe, until nothing can be chosen any more."""

    def __init__(self) -> None:
        self.can_choose = True

    async def refresh(self) -> None:
        """Nothing is read."""

    def first(self, request: ChargeRequest, _now: datetime) -> NextAttempt:
        """Choose Stripe, or nothing."""
        if not self.can_choose:
            raise NoGateway(f"no gateway can take {request.amount}")
        return NextAttempt(gateway="stripe", payment_method="pm_card_visa", reason="the only one")

    def next_at(self, _now: datetime) -> TryAgain:
        """Nothing follows."""

        def never(_case: Case) -> NextAttempt | None:
            return None

        return never


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The test's database, as the application's role."""
    engine = create_engine(database.app_url, 2)
    yield engine
    await engine.dispose()


async def test_a_charge_that_was_written_down_goes_on_when_no_gateway_could_take_it_any_more(
    engine: AsyncEngine,
) -> None:
    """The step's answer was lost, and the policy has changed meanwhile: the operation that was opened is carried out."""
    chooser = Chooser()
    books = ChargeBooks(engine, {"stripe": STRIPE, "paypal": PAYPAL}, chooser, frozenset())
    request = ChargeRequest(
        charge_id="ch_1",
        amount=Money.parse("49.99", "USD"),
        customer="cus_1",
        payment_methods=(PaymentMethod(gateway="stripe", token="pm_card_visa"),),
        actor="person:tester",
    )
    first = await books.open_charge(request)
    chooser.can_choose = False
    again = await books.open_charge(request)
    assert again.operation == first.operation
    assert (first.seen_before, again.seen_before) == (False, True)
    other = request.model_copy(update={"charge_id": "ch_2"})
    with pytest.raises(ApplicationError, match="no gateway can take"):
        await books.open_charge(other)
