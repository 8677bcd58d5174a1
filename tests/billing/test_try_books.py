"""Tries of an invoice: one at a time, of what is due, on a card that may be tried, and never after a payment."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing import cards, methods, try_books
from billing.cards import Verdict
from billing.dunning.decision import Purpose, Reason
from billing.dunning.history import EventKind, TryOutcome
from billing.errors import ChangeRefused, UnknownId
from billing.tries import CardRests, Nothing
from ledger import charges, operations
from ledger.answers import CardFacts, GatewayAnswer
from ledger.charges import ChargeRequest, ChargeStatus
from ledger.operations import NewOperation
from ledger.payment_methods import PaymentMethod
from tests.billing.owed_samples import ALICE, usd
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery

LATER = FAILED_AT + 2 * DAY
SETTLED = {ChargeStatus.VOIDED, ChargeStatus.CANCELED, ChargeStatus.REFUNDED, ChargeStatus.EXPIRED}
TAKEN = {ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED, ChargeStatus.DISPUTED, ChargeStatus.REVERSED}


async def test_the_first_collection_is_a_charge_of_what_is_due(recovery: Recovery) -> None:
    """Without the customer, by their mandate, and named after the invoice, so that it is one charge however often it is asked for."""
    await recovery.pay(400, invoices=("in_1",))
    request = await recovery.attempt(purpose=Purpose.FIRST)
    card = {"brand": "visa", "country": "US", "mandate": "mandate_1"}
    assert request == ChargeRequest(
        charge_id="in_1.0",
        amount=usd(1500),
        customer="cus_1",
        payment_methods=(PaymentMethod(gateway="stripe", token="tok_pm_1", **card),),
        invoice="in_1",
        metadata={"invoice": "in_1"},
        customer_present=False,
        actor="process:subscription",
    )


async def test_a_customer_who_is_there_pays_without_a_mandate(recovery: Recovery) -> None:
    """The gateway may ask them to confirm; a mandate is for those who are not there."""
    await recovery.fail()
    request = await recovery.attempt(purpose=Purpose.CUSTOMER, now=LATER)
    assert isinstance(request, ChargeRequest)
    assert (request.customer_present, request.payment_methods[0].mandate) == (True, None)
    assert request.actor == "process:dunning"


async def test_the_same_try_is_begun_once(recovery: Recovery) -> None:
    """After a crash between the row and the charge, the same charge is started, though something else is decided by then."""
    await recovery.fail()
    await recovery.method("pm_2")
    first = await recovery.attempt(now=LATER, number=1)
    assert await recovery.attempt(now=LATER, number=1) == first
    assert await recovery.attempt(method_id="pm_2", now=LATER + HOUR, number=1) == first
    assert await recovery.attempt(now=LATER) == Nothing("try 1, charge in_1.1, is not decided yet")
    assert isinstance(first, ChargeRequest)
    await recovery.step(lambda books: charges.open_charge(books, first, "stripe", "the only one"))
    assert await recovery.attempt(now=LATER, number=1) == first
    await recovery.decline("in_1.1")
    assert await recovery.attempt(now=LATER, number=1) == Nothing("try 1 of invoice in_1 is decided")
    assert await recovery.attempt(now=LATER, number=5) == Nothing("the next try of invoice in_1 is number 2")


async def test_two_that_begin_a_try_at_once_begin_one(recovery: Recovery) -> None:
    """Two workers that think themselves alone: one request, and whoever comes second gets nothing, or the same by its number."""
    await recovery.fail()
    both = await asyncio.gather(*(recovery.attempt(now=LATER) for _ in range(6)))
    assert sorted(type(each).__name__ for each in both) == ["ChargeRequest", *["Nothing"] * 5]
    again = await asyncio.gather(*(recovery.attempt(now=LATER, number=1) for _ in range(6)))
    assert len({each.charge_id for each in again if isinstance(each, ChargeRequest)}) == 1


async def test_a_payment_that_came_after_the_decision_leaves_nothing_to_try(recovery: Recovery) -> None:
    """A transfer that arrives between the decision and the try: the customer does not pay twice."""
    await recovery.fail()
    await recovery.pay(1900)
    assert await recovery.attempt(now=LATER) == Nothing("invoice in_1 is paid")


async def test_a_payment_and_a_try_that_race_do_not_both_take_it_all(recovery: Recovery) -> None:
    """Whichever is first: the try is of what is due then, and nothing where nothing is."""
    await recovery.fail()
    paid, tried = await asyncio.gather(recovery.pay(900), recovery.attempt(now=LATER))
    assert paid.applied_minor == 900
    assert isinstance(tried, ChargeRequest)
    [row] = [each for each in await recovery.step(lambda books: try_books.of_invoice(books, "in_1")) if each.number]
    assert row.amount_minor in {1000, 1900}


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        ("void", "invoice in_1 is void"),
        ("write_off", "invoice in_1 is uncollectible"),
        ("remove", "payment method pm_1 was removed or replaced"),
        ("end", "the dunning of invoice in_1 is over"),
        ("give_up", "it is over: given up"),
        ("legal_hold", "it is on hold: legal hold"),
    ],
)
async def test_what_happened_since_the_decision_is_seen(recovery: Recovery, happens: str, why: str) -> None:
    """Each try is checked against what stands, under the lock, and not only against what was read."""
    await recovery.fail()
    match happens:
        case "void":
            await recovery.void("in_1")
        case "write_off":
            await recovery.write_off("in_1")
        case "remove":
            await recovery.step(lambda books: methods.remove(books, "pm_1", actor=ALICE))
        case "end":
            await recovery.end()
        case "give_up":
            await recovery.note(EventKind.GIVEN_UP)
        case _:
            await recovery.note(EventKind.LEGAL_HOLD_BEGAN)
    assert await recovery.attempt(now=LATER) == Nothing(why)


async def test_without_dunning_there_is_only_the_first_try(recovery: Recovery) -> None:
    """Nothing is tried again of what nobody recovers."""
    assert await recovery.attempt(now=LATER) == Nothing("the dunning of invoice in_1 has not begun")
    await recovery.customer("cus_2")
    await recovery.method("pm_of_2", customer_id="cus_2")
    with pytest.raises(ChangeRefused, match="payment method pm_of_2: it is not of customer cus_1"):
        await recovery.attempt(method_id="pm_of_2", purpose=Purpose.FIRST)
    with pytest.raises(UnknownId, match="there is no payment method pm_9"):
        await recovery.attempt(method_id="pm_9", purpose=Purpose.FIRST)
    with pytest.raises(UnknownId, match="there is no invoice in_9"):
        await recovery.attempt("in_9", purpose=Purpose.FIRST)


async def test_a_card_that_rests_is_not_tried(recovery: Recovery) -> None:
    """Our own minimum binds the policy's tries, and no person's command; nothing is written of what is not tried."""
    await recovery.fail()
    rests = await recovery.attempt(now=FAILED_AT + HOUR)
    assert isinstance(rests, CardRests)
    assert rests.next_at == FAILED_AT + DAY
    assert len(await recovery.step(lambda books: try_books.of_invoice(books, "in_1"))) == 1
    assert isinstance(await recovery.attempt(purpose=Purpose.COMMAND, now=FAILED_AT + HOUR), ChargeRequest)


async def test_a_card_that_is_never_to_be_tried_is_not(recovery: Recovery) -> None:
    """Stolen on another invoice, an hour ago: it is not tried on this one."""
    await recovery.fail()
    await recovery.step(lambda books: methods.mark_never(books, "pm_1", "stolen"))
    assert await recovery.attempt(now=LATER) == CardRests(None, "stolen")


async def test_a_try_whose_charge_never_came_to_be_counts_nowhere(recovery: Recovery) -> None:
    """It uses up none of the card's tries, another may follow at once, and its charge can never be opened after all."""
    await recovery.fail()
    request = await recovery.attempt(now=LATER)
    assert isinstance(request, ChargeRequest)
    withdrawn = await recovery.step(lambda books: try_books.withdraw_try(books, "in_1.1", "no gateway takes it"))
    assert (withdrawn.outcome, withdrawn.withdrawn_because) == (TryOutcome.DECLINED, "no gateway takes it")
    assert await recovery.step(lambda books: try_books.withdraw_try(books, "in_1.1", "again")) == withdrawn
    assert (await recovery.history()).tries[-1].at_network is False
    with pytest.raises(DBAPIError, match="the try of invoice in_1 was withdrawn"):
        await recovery.step(lambda books: charges.open_charge(books, request, "stripe", "late"))
    followed = await recovery.begun(now=LATER)
    assert followed.charge_id == "in_1.2"
    with pytest.raises(ChangeRefused, match="has a charge: that is canceled instead"):
        await recovery.step(lambda books: try_books.withdraw_try(books, "in_1.2", "too late"))
    with pytest.raises(UnknownId, match=r"there is no try in_1\.9"):
        await recovery.step(lambda books: try_books.withdraw_try(books, "in_1.9", "nothing there"))


@pytest.mark.parametrize("status", sorted(ChargeStatus))
async def test_a_charge_is_a_try_by_where_it_stands(recovery: Recovery, status: ChargeStatus) -> None:
    """Money that came is approved, also where it was taken back; what nobody knows yet lets nothing follow."""
    request = await recovery.begun(purpose=Purpose.FIRST)
    await recovery.dun()
    authorized = 1900 if status in TAKEN | {ChargeStatus.AUTHORIZED} else 0
    await recovery.stand(request.charge_id, {"status": status, "authorized_minor": authorized})
    [tried] = (await recovery.history()).tries
    if status in TAKEN:
        assert tried.outcome is TryOutcome.APPROVED
    elif status in SETTLED | {ChargeStatus.DECLINED}:
        assert tried.outcome is TryOutcome.DECLINED
        assert tried.is_technical is (status is not ChargeStatus.DECLINED)
        assert tried.at_network is (status is ChargeStatus.DECLINED)
    else:
        assert tried.outcome is TryOutcome.UNDECIDED
    follows = await recovery.attempt(now=LATER)
    assert isinstance(follows, ChargeRequest) is (tried.outcome is TryOutcome.DECLINED)


async def test_a_decline_says_what_the_gateway_said(recovery: Recovery) -> None:
    """All codes, and the network and country that the gateway tells before those that we supposed."""
    told = {"network_code": "51", "network_advice": "02", "advice": "try_again_later", "reached_issuer": True}
    card = {"brand": "mastercard", "country": "BR"}
    await recovery.fail(code="insufficient_funds", answer=GatewayAnswer.model_validate(told | {"card": card}))
    [tried] = (await recovery.history()).tries
    assert (tried.network, tried.country, tried.at_network, tried.is_rung) == ("mastercard", "BR", True, False)
    assert tried.answer is not None
    assert tried.answer.model_dump() == {
        "code": "insufficient_funds",
        "advice": "try_again_later",
        "network_code": "51",
        "network_advice": "02",
    }
    assert tried.wait_until == FAILED_AT + 72 * HOUR


@pytest.mark.parametrize("code", ["gateway_unreachable", "card_declined"])
async def test_what_nobody_was_asked_counts_nowhere(recovery: Recovery, code: str) -> None:
    """A gateway that cannot be reached, or that refuses before it asks the issuer."""
    asked = None if code == "gateway_unreachable" else False
    await recovery.fail(code=code, answer=GatewayAnswer(reached_issuer=asked), at_network=False)
    assert (await recovery.history()).tries[0].at_network is False


async def test_a_long_invoice_id_makes_a_charge_id_that_fits(recovery: Recovery) -> None:
    """Named by a hash, and each try by its number."""
    name = "in_" + "x" * 61
    await recovery.issue(name, 500)
    request = await recovery.attempt(name, purpose=Purpose.FIRST)
    assert isinstance(request, ChargeRequest)
    assert len(request.charge_id) <= 64
    assert request.charge_id.endswith(".0")


async def test_the_database_refuses_a_second_try_whoever_asks(recovery: Recovery) -> None:
    """Also a program that asks nobody: while one is not decided, of another amount, or of what is paid."""
    await recovery.fail()
    await recovery.begun(now=LATER)
    new = text(
        "INSERT INTO invoice_tries (charge_id, invoice_id, number, method_id, card, gateway, purpose, is_rung,"
        " amount_minor, currency, tried_at) VALUES ('x', 'in_1', 9, 'pm_1', 'c', 'stripe', 'rung', true, :of, 'USD', now())"
    )
    with pytest.raises(DBAPIError, match="another try is not decided, or took the payment"):
        await recovery.step(lambda books: books.execute(new, {"of": 1900}))
    await recovery.decline("in_1.1")
    with pytest.raises(DBAPIError, match="a try is of what is due"):
        await recovery.step(lambda books: books.execute(new, {"of": 1800}))
    await recovery.pay(1900)
    with pytest.raises(DBAPIError, match="the invoice is paid"):
        await recovery.step(lambda books: books.execute(new, {"of": 1900}))


async def test_a_surplus_is_what_is_left_of_this_charge(recovery: Recovery) -> None:
    """A payment arrived while the try was in flight: what the charge took too much is told, to be given back."""
    await recovery.fail()
    request = await recovery.begun(now=LATER)
    await recovery.pay(1500)
    assert await recovery.capture(request) == usd(1500)
    assert await recovery.standing("in_1") == [("paid", 0)]
    assert await recovery.differences() == []


async def test_a_charge_that_brought_nothing_has_no_surplus(recovery: Recovery) -> None:
    """Nothing came, so nothing is applied and nothing given back."""
    await recovery.fail()
    assert await recovery.step(lambda books: try_books.apply(books, "in_1.0", actor=ALICE)) is None
    assert (await recovery.end(reason=Reason.TRIES_USED_UP)).recovered_by is None


async def test_a_token_that_turns_out_to_be_a_card_keeps_its_tries(recovery: Recovery) -> None:
    """The fingerprint is learnt from an answer: what the token was tried for before, the card was."""
    await recovery.method("pm_2", fingerprint=None)
    await recovery.dun()
    request = await recovery.begun(method_id="pm_2", now=LATER)
    operation = NewOperation(
        charge_id=request.charge_id,
        kind="capture",
        number=1,
        gateway="stripe",
        payment_method="tok_pm_2",
        amount=request.amount,
        actor=ALICE,
        purpose="attempt:1",
    )
    await recovery.step(lambda books: operations.intend(books, operation))
    await recovery.stand(request.charge_id, {"status": ChargeStatus.DECLINED, "decline_code": "do_not_honor"})
    refused = Verdict(approved=False, at_network=True, technical=False)
    told = CardFacts(fingerprint="fp_new")
    assert await recovery.step(lambda books: cards.settle(books, operation.operation_id, refused, told))
    history = await recovery.history()
    [card] = {each.card for each in history.methods if each.method_id == "pm_2"}
    assert [each.card for each in history.tries] == [card]
    assert history.other_tries == ()
