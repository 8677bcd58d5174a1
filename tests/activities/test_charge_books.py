"""A ledger step that runs again finds what it wrote before, whatever has changed around it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_books import ChargeBooks, Park, RecordOutcome, RecordUnknown, Standing
from activities.charge_decisions import Case, Further, NextAttempt, TryAgain
from activities.refund_books import RecordRefund, RefundBooks
from gateways.paypal_amounts import CAPABILITIES as PAYPAL
from gateways.port import Declined, OperationKind, Outcome, RefusalCode, Refused, Succeeded
from gateways.routing.errors import NoGateway
from gateways.stripe_amounts import CAPABILITIES as STRIPE
from ledger import operations, reports, reviews
from ledger.charges import CaptureMode, ChargeRequest, ChargeStatus
from ledger.database import create_engine
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.refunds import RefundRequest
from tests.conftest import Database

CAPABILITIES = {"stripe": STRIPE, "paypal": PAYPAL}
REQUEST = ChargeRequest(
    charge_id="ch_1",
    amount=Money.parse("49.99", "USD"),
    customer="cus_1",
    payment_methods=(PaymentMethod(gateway="stripe", token="pm_card_visa"),),
    actor="person:tester",
)


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
    books = ChargeBooks(engine, CAPABILITIES, chooser, frozenset())
    request = REQUEST
    first = await books.open_charge(request)
    chooser.can_choose = False
    again = await books.open_charge(request)
    assert again.operation == first.operation
    assert (first.seen_before, again.seen_before) == (False, True)
    other = request.model_copy(update={"charge_id": "ch_2"})
    with pytest.raises(ApplicationError, match="no gateway can take"):
        await books.open_charge(other)


def succeeded(reference: str) -> Succeeded:
    """The gateway did all of it."""
    return Succeeded(reference=reference, amount=REQUEST.amount, occurred_at=datetime(2026, 11, 25, tzinfo=UTC))


async def carried_out(books: ChargeBooks, standing: Standing, outcome: Outcome) -> Standing:
    """Bring the answer to what is under way into the books."""
    assert standing.operation is not None
    return await books.record_outcome(RecordOutcome(operation=standing.operation, outcome=outcome))


async def test_nothing_is_booked_before_the_gateway_has_said_that_it_happened(engine: AsyncEngine) -> None:
    """The intent is a row, and no money: a charge that is declined, or never sent, leaves the journal empty."""
    books = ChargeBooks(engine, CAPABILITIES, Chooser(), frozenset())
    standing = await books.open_charge(REQUEST)
    await carried_out(books, standing, Declined(code="card_declined", message="no"))
    async with engine.connect() as connection:
        assert await reports.entries(connection, charge_id="ch_1") == []


async def test_a_case_is_closed_once_everything_is_given_back(engine: AsyncEngine) -> None:
    """A person was asked about money that could not be given back; when it is, nobody is asked any more."""
    books, refunds = (
        ChargeBooks(engine, CAPABILITIES, Chooser(), frozenset()),
        RefundBooks(engine, CAPABILITIES, frozenset()),
    )
    await carried_out(books, await books.open_charge(REQUEST), succeeded("pi_1"))
    await books.park(Park(charge_id="ch_1", reason="five refunds did not succeed"))
    refund = await refunds.reserve_refund(RefundRequest(refund_id="re_1", charge_id="ch_1", actor="person:tester"))
    await refunds.record_refund(RecordRefund(operation=refund.operation, outcome=succeeded("re_1")))
    assert (await books.settle_undone("ch_1")).view.status is ChargeStatus.REFUNDED
    async with engine.connect() as connection:
        assert await reviews.open_of(connection, "ch_1", None) is None
        assert (await reviews.latest_of(connection, "ch_1", None)).because == "everything that was taken is given back"


async def test_a_case_is_closed_by_the_answer_to_a_command_that_was_unknown_at_first(engine: AsyncEngine) -> None:
    """The charge left the review while its command was under way; the answer settles it all the same."""
    books = ChargeBooks(engine, CAPABILITIES, Chooser(), frozenset())
    manual = REQUEST.model_copy(update={"capture": CaptureMode.MANUAL})
    await carried_out(books, await books.open_charge(manual), succeeded("pi_1"))
    await books.park(Park(charge_id="ch_1", reason="the authorization could not be voided"))
    asked = Further(charge_id="ch_1", kind=OperationKind.VOID, purpose="cancel", actor="person:tester")
    standing = await books.open_operation(asked)
    assert standing.operation is not None
    sent = standing.operation.model_copy(update={"payment_reference": "pi_1"})
    async with engine.begin() as connection:
        await operations.remember_payment(connection, sent.operation_id, "pi_1")
    standing = await books.record_unknown(RecordUnknown(operation=sent, reason="no answer"))
    assert standing.view.status is ChargeStatus.UNKNOWN
    assert (await carried_out(books, standing, succeeded("pi_1"))).view.status is ChargeStatus.VOIDED
    async with engine.connect() as connection:
        assert await reviews.open_of(connection, "ch_1", None) is None


async def test_a_charge_that_has_gone_on_is_not_handed_over(engine: AsyncEngine) -> None:
    """A worker that stood still and goes on hours later does not overwrite how the charge has ended."""
    books = ChargeBooks(engine, CAPABILITIES, Chooser(), frozenset())
    standing = await carried_out(books, await books.open_charge(REQUEST), succeeded("pi_1"))
    parked = await books.park(Park(charge_id="ch_1", reason="still unknown", status=ChargeStatus.UNKNOWN))
    assert parked.view == standing.view
    async with engine.connect() as connection:
        assert await reviews.open_of(connection, "ch_1", None) is None


async def test_another_operation_is_opened_upon_the_one_that_came_to_nothing_and_once(engine: AsyncEngine) -> None:
    """A worker that stood still and runs the step once more, when all has gone on, opens no operation of its own."""
    books = ChargeBooks(engine, CAPABILITIES, Chooser(), frozenset())
    manual = REQUEST.model_copy(update={"capture": CaptureMode.MANUAL})
    await carried_out(books, await books.open_charge(manual), succeeded("pi_1"))
    asked = Further(charge_id="ch_1", kind=OperationKind.VOID, purpose="cancel", actor="person:tester")
    refused = Refused(code=RefusalCode.NO_EFFECT, message="an error of the gateway's own")
    await carried_out(books, await books.open_operation(asked), refused)
    again = await books.open_operation(asked)
    assert (again.operation, again.came_to_nothing) == (None, "ch_1:void:1")
    upon = asked.model_copy(update={"upon": again.came_to_nothing})
    await carried_out(books, await books.open_operation(upon), refused)
    late = await books.open_operation(upon)
    assert (late.operation, late.came_to_nothing) == (None, "ch_1:void:2")
