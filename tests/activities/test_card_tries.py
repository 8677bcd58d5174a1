"""Charges and the cards that they try: within the networks' ceilings whoever asks, counted once, and never where never was said."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_books import ChargeBooks, RecordOutcome, RecordUnknown, Standing
from activities.charge_decisions import Case, NextAttempt, TryAgain
from billing import cards, customers, methods
from billing.cards import Asked, CardTry
from billing.customers import CustomerRequest
from billing.methods import Method, MethodRequest
from gateways.cards import CardFacts
from gateways.paypal_amounts import CAPABILITIES as PAYPAL
from gateways.port import ActionRequired, Declined, Outcome, Succeeded
from gateways.stripe_amounts import CAPABILITIES as STRIPE
from ledger.charges import ChargeRequest, ChargeStatus
from ledger.database import create_engine
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from tests.conftest import Database

Result = TypeVar("Result")
AMOUNT = Money.parse("49.99", "USD")
ALICE = "person:alice"
TOKENS = {"stripe": "pm_card_visa", "paypal": "vault_1"}
NO = Declined(code="generic_decline", message="no")
STOLEN = Declined(code="stolen_card", network="visa", network_code="43", message="no")
FINGERPRINT = "fp_ada"
TOLD = CardFacts(fingerprint=FINGERPRINT, brand="visa", country="US")


class Chooser:
    """Chooses Stripe first, and after a no what the test says."""

    def __init__(self) -> None:
        self.then: str | None = None

    async def refresh(self) -> None:
        """Nothing is read."""

    def first(self, _request: ChargeRequest, _now: datetime) -> NextAttempt:
        return NextAttempt(gateway="stripe", payment_method=TOKENS["stripe"], reason="the first")

    def next_at(self, _now: datetime) -> TryAgain:
        """Go on at the gateway that the test named, once."""

        def again(case: Case) -> NextAttempt | None:
            if self.then is None or len(case.attempts) > 1:
                return None
            return NextAttempt(gateway=self.then, payment_method=TOKENS[self.then], reason="the second")

        return again


class Desk:
    """The steps of charges against one database, and what billing knows of their cards."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.chooser = Chooser()
        self.books = ChargeBooks(engine, {"stripe": STRIPE, "paypal": PAYPAL}, self.chooser, frozenset())

    async def step(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        async with self.engine.begin() as connection:
            return await work(connection)

    async def add(self, method_id: str, gateway: str = "stripe", **changes: Any) -> Method:
        """Let the customer have a method."""
        fields = {"customer_id": "cus_1", "gateway": gateway, "token": TOKENS[gateway], "actor": ALICE}
        request = MethodRequest(**{"method_id": method_id} | fields | changes)
        return (await self.step(lambda connection: methods.add(connection, request)))[0]

    async def method(self, method_id: str = "pm_1") -> Method:
        return await self.step(lambda connection: methods.known(connection, method_id))

    async def open(self, charge_id: str, **changes: Any) -> Standing:
        paying = tuple(PaymentMethod(gateway=gateway, token=token) for gateway, token in TOKENS.items())
        fields = {"amount": AMOUNT, "customer": "cus_1", "payment_methods": paying, "actor": ALICE}
        return await self.books.open_charge(ChargeRequest(**{"charge_id": charge_id} | fields | changes))

    async def answered(self, standing: Standing, outcome: Outcome) -> Standing:
        assert standing.operation is not None
        return await self.books.record_outcome(RecordOutcome(operation=standing.operation, outcome=outcome))

    async def charge(self, charge_id: str, outcome: Outcome) -> Standing:
        """Make a charge of one attempt."""
        return await self.answered(await self.open(charge_id), outcome)

    async def tries(self, *names: str) -> list[CardTry]:
        """The tries of the cards of methods."""
        found = [(await self.method(name)).card for name in names or ("pm_1",)]
        since = datetime.now(UTC) - timedelta(days=40)
        return list(await self.step(lambda connection: cards.tries_of(connection, found, since)))

    async def rows(self, table: str) -> int:
        query = text(f"SELECT count(*) FROM {table}")  # noqa: S608 # a name of ours
        return int(await self.step(lambda connection: connection.scalar(query)) or 0)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """A customer without a method yet."""
    engine = create_engine(database.app_url, 5)
    desk = Desk(engine)
    customer = CustomerRequest(customer_id="cus_1", currency="USD", time_zone="UTC", locale="en", actor=ALICE)
    await desk.step(lambda connection: customers.add(connection, customer))
    yield desk
    await engine.dispose()


def succeeded(card: CardFacts | None = None) -> Succeeded:
    return Succeeded(reference="pi_1", amount=AMOUNT, occurred_at=datetime.now(UTC), card=card)


@pytest.mark.parametrize("customer_present", [True, False])
async def test_a_charge_on_a_card_that_rests_is_refused_before_anything_is_written(
    desk: Desk, *, customer_present: bool
) -> None:
    """The network fines the twenty-first try of thirty days, at a checkout too; whoever asks learns when it may be made."""
    await desk.add("pm_1", brand="visa")
    for number in range(20):
        await desk.charge(f"ch_{number}", NO)
    before = [await desk.rows(table) for table in ("charges", "operations", "card_tries")]
    with pytest.raises(ApplicationError) as refused:
        await desk.open("ch_20", customer_present=customer_present)
    first = (await desk.tries())[0].tried_at + timedelta(days=30, minutes=1, microseconds=-1)
    until = f"{first:%Y-%m-%d %H:%M} UTC"
    line = f"card of payment method pm_1 may not be tried before {until}: 20 tries in 30 days (visa)"
    assert (refused.value.message, refused.value.type, refused.value.non_retryable) == (line, "CardRests", True)
    assert [await desk.rows(table) for table in ("charges", "operations", "card_tries")] == before


async def test_a_charge_that_succeeds_uses_up_nothing(desk: Desk) -> None:
    """A good customer may buy as often as they like."""
    await desk.add("pm_1", brand="visa")
    for number in range(25):
        await desk.charge(f"ch_{number}", succeeded())
    assert {each.is_approved for each in await desk.tries()} == {True}


async def test_a_stolen_card_is_never_tried_again(desk: Desk) -> None:
    """The issuer said so at one charge: no other charge asks for it, under another token of the card neither."""
    await desk.add("pm_1", brand="visa", fingerprint=FINGERPRINT)
    await desk.add("pm_2", token="pm_other", fingerprint=FINGERPRINT)
    assert (await desk.charge("ch_1", STOLEN)).view.status is ChargeStatus.DECLINED
    with pytest.raises(ApplicationError) as refused:
        await desk.open("ch_2")
    why = "visa 43: category 1: the issuer will never approve"
    line = f"card of payment method pm_1 may never be tried again: {why}; ask for another card"
    assert refused.value.message == line
    assert [(await desk.method(name)).never_because for name in ("pm_1", "pm_2")] == [why, why]
    assert await desk.rows("charges") == 1


async def test_no_further_attempt_is_made_on_a_card_that_rests(desk: Desk) -> None:
    """The first gateway said no, and the card at the second is a stolen one: the charge ends as declined."""
    await desk.add("pm_1", brand="visa")
    vault = await desk.add("pm_2", "paypal")
    await desk.step(lambda connection: methods.mark_never(connection, vault.method_id, "stolen"))
    desk.chooser.then = "paypal"
    standing = await desk.charge("ch_1", NO)
    assert (standing.view.status, standing.operation) == (ChargeStatus.DECLINED, None)
    assert await desk.rows("operations") == 1
    assert [each.operation_id for each in await desk.tries("pm_1", "pm_2")] == ["ch_1:capture:1"]


async def test_a_further_attempt_is_claimed_too(desk: Desk) -> None:
    """Each attempt is a try of its own card, and an answer that comes again is counted once."""
    await desk.add("pm_1", brand="visa")
    await desk.add("pm_2", "paypal")
    desk.chooser.then = "paypal"
    first = await desk.open("ch_1")
    second = await desk.answered(first, NO)
    assert (await desk.answered(first, NO)).operation == second.operation
    found = {each.operation_id: each.is_decided for each in await desk.tries("pm_1", "pm_2")}
    assert found == {"ch_1:capture:1": True, "ch_1:capture:2": False}


async def test_a_card_that_is_refused_for_ever_is_not_tried_again_in_the_same_charge(desk: Desk) -> None:
    """Its own no is counted before the next attempt is asked for."""
    await desk.add("pm_1", brand="visa")
    desk.chooser.then = "stripe"
    assert (await desk.charge("ch_1", STOLEN)).operation is None
    assert await desk.rows("operations") == 1


async def test_an_unknown_outcome_counts_as_refused_until_it_is_known(desk: Desk) -> None:
    """It may have been declined at the network; nobody knows."""
    await desk.add("pm_1", brand="mastercard")
    for number in range(9):
        await desk.charge(f"ch_{number}", NO)
    waiting = await desk.answered(await desk.open("ch_9"), ActionRequired(reference="pi_9", action_url="https://x"))
    with pytest.raises(ApplicationError, match=r"10 declines in a row within 24 hours \(mastercard\)"):
        await desk.open("ch_10")
    await desk.answered(waiting, succeeded())
    assert (await desk.open("ch_10")).view.status is ChargeStatus.PROCESSING


@pytest.mark.parametrize(
    ("outcome", "at_network", "technical"),
    [
        (NO, True, False),
        (Declined(code="processing_error", message="no"), True, True),
        (Declined(code="card_declined", message="no", reached_issuer=False), False, False),
        (None, False, True),
    ],
)
async def test_what_never_reached_the_network_is_not_counted(
    desk: Desk, outcome: Outcome | None, *, at_network: bool, technical: bool
) -> None:
    """A gateway that was down, or that blocked the payment itself, has asked nobody."""
    await desk.add("pm_1", brand="visa")
    standing = await desk.open("ch_1")
    if outcome is None:
        assert standing.operation is not None
        await desk.books.record_unknown(RecordUnknown(operation=standing.operation, reason="connection refused"))
    else:
        await desk.answered(standing, outcome)
    [tried] = await desk.tries()
    found = (tried.is_decided, tried.is_approved, tried.at_network, tried.is_technical)
    assert found == (True, False, at_network, technical)


async def test_a_claim_that_was_made_before_is_found(desk: Desk) -> None:
    """Dunning claims with its own minimum before it starts the charge; the charge uses up nothing more."""
    method = await desk.add("pm_1", brand="visa")
    asked = Asked("ch_1:capture:1", "ch_1", AMOUNT, datetime.now(UTC))
    claim = await desk.step(
        lambda connection: cards.claim(connection, asked, card=method.card, network="visa", country=None, ours=True)
    )
    assert (claim.granted, claim.next_at) == (True, asked.tried_at)
    await desk.open("ch_1")
    assert [each.operation_id for each in await desk.tries()] == ["ch_1:capture:1"]


async def test_checkouts_of_a_card_that_was_not_known_count_once_it_is(desk: Desk) -> None:
    """A stranger's card was declined nineteen times; when it is kept as a method, one try is left of twenty."""
    declined = NO.model_copy(update={"card": TOLD})
    for number in range(19):
        await desk.charge(f"ch_{number}", declined)
    assert await desk.rows("payment_methods") == 0
    await desk.add("pm_1", brand="visa", fingerprint=FINGERPRINT)
    await desk.charge("ch_19", declined)
    assert len(await desk.tries()) == 20
    with pytest.raises(ApplicationError, match="20 tries in 30 days"):
        await desk.open("ch_20")


async def test_a_card_of_which_nothing_is_told_is_not_counted(desk: Desk) -> None:
    """Without a fingerprint nobody can say that two tokens are one card."""
    await desk.charge("ch_1", NO)
    assert await desk.rows("card_tries") == 0


async def test_a_fingerprint_is_learnt_once_with_all_that_was_tried_before(desk: Desk) -> None:
    """The gateway tells late that two tokens are one card: what was tried with both counts together."""
    before = await desk.add("pm_1")
    await desk.add("pm_2", token="pm_other", fingerprint=FINGERPRINT, brand="visa")
    await desk.charge("ch_1", NO)
    assert len(await desk.tries("pm_2")) == 0
    await desk.charge("ch_2", NO.model_copy(update={"card": TOLD.model_copy(update={"country": "nowhere"})}))
    learnt = await desk.method()
    assert (learnt.fingerprint, learnt.brand, learnt.country) == (FINGERPRINT, "visa", None)
    assert learnt.card == (await desk.method("pm_2")).card != before.card
    assert [each.operation_id for each in await desk.tries("pm_2")] == ["ch_1:capture:1", "ch_2:capture:1"]
    await desk.charge("ch_3", NO.model_copy(update={"card": TOLD.model_copy(update={"fingerprint": "fp_other"})}))
    assert (await desk.method()).fingerprint == FINGERPRINT
    # Whoever asks for the card by its former name means this one.
    asked = Asked("ch_4:capture:1", "ch_4", AMOUNT, datetime.now(UTC))
    await desk.step(
        lambda connection: cards.claim(connection, asked, card=before.card, network=None, country=None, ours=False)
    )
    assert len(await desk.tries("pm_2")) == 4


async def test_never_stays_with_a_token_that_is_added_again(desk: Desk) -> None:
    """Removed and entered again, with its fingerprint or without, it is the card that was reported stolen."""
    await desk.add("pm_1", brand="visa")
    await desk.charge("ch_1", STOLEN)
    for name, fingerprint in (("pm_2", FINGERPRINT), ("pm_3", None)):
        previous = f"pm_{int(name[-1]) - 1}"
        await desk.step(partial(methods.remove, method_id=previous, actor=ALICE))
        await desk.add(name, brand="visa", fingerprint=fingerprint)
        assert (await desk.method(name)).is_never
    assert len({(await desk.method(name)).card for name in ("pm_2", "pm_3")}) == 1
    with pytest.raises(ApplicationError, match="card of payment method pm_3 may never be tried again"):
        await desk.open("ch_2")
