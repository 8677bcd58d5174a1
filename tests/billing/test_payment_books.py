"""Payments: what they close and reopen, that no money is applied twice or lost, and that the journal says the same."""

import asyncio

import pytest

from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.payments import Payment
from ledger.errors import UnknownCharge
from tests.billing.books import Books

OWED, CREDIT, BANK, CLEARING = "receivable:cus_1", "liability:customer_credit:cus_1", "bank:main", "clearing:stripe"
SALES, LOST = "revenue:subscriptions", "expense:bad_debt"


@pytest.fixture(autouse=True)
async def agree(books: Books) -> object:
    """Whatever a test does, billing and the journal agree at its end."""
    yield
    assert await books.differences() == []


async def test_one_payment_closes_several_overdue_invoices_the_oldest_first(books: Books) -> None:
    """The last one in part; the books have what is still due."""
    for name in ("in_1", "in_2", "in_3"):
        await books.issue(name, 1000)
    await books.pay(2500)
    assert await books.standing("in_1", "in_2", "in_3") == [("paid", 0), ("paid", 0), ("open", 500)]
    assert await books.balances() == {OWED: 500, BANK: 2500, SALES: 3000}


async def test_a_payment_closes_what_it_names_and_nothing_else(books: Books) -> None:
    """What is left of it is the customer's, though another invoice is open; in the order in which they are named."""
    for name in ("in_1", "in_2", "in_3"):
        await books.issue(name, 1000)
    payment = await books.pay(2300, invoices=("in_3", "in_2"))
    assert payment.free_minor == 300
    assert await books.standing("in_1", "in_2", "in_3") == [("open", 1000), ("paid", 0), ("paid", 0)]
    assert await books.balances() == {OWED: 1000, CREDIT: 300, BANK: 2300, SALES: 3000}


async def test_a_payment_is_recorded_once(books: Books) -> None:
    """The same again is the same; another amount under its id, or its reference under another id, is refused."""
    await books.issue("in_1", 1000)
    first = await books.pay(400)
    again = await books.pay(400, received_at=first.received_at)
    assert again == first
    with pytest.raises(IdConflict, match="payment outside/p1 exists with other content"):
        await books.pay(401, received_at=first.received_at)
    with pytest.raises(ChangeRefused, match="reference R-p1 at main is recorded as another payment already"):
        await books.pay(400, "p2", reference="R-p1")
    assert await books.standing("in_1") == [("open", 600)]


async def test_a_payment_that_does_not_fit_is_refused_whole(books: Books) -> None:
    """Another currency, another customer's invoice, an invoice or a customer that there is not: nothing is booked."""
    await books.customer("cus_2")
    await books.issue("in_1", 1000)
    await books.issue("in_2", 1000, customer_id="cus_2")
    with pytest.raises(ChangeRefused, match="it is in EUR, and customer cus_1 is billed in USD"):
        await books.pay(5, amount={"amount_minor": 5, "currency": "EUR"})
    with pytest.raises(ChangeRefused, match="invoice in_2 is not of customer cus_1"):
        await books.pay(5, invoices=("in_1", "in_2"))
    with pytest.raises(UnknownId, match="there is no invoice in_9"):
        await books.pay(5, invoices=("in_1", "in_9"))
    with pytest.raises(UnknownId, match="there is no customer cus_9"):
        await books.pay(5, customer_id="cus_9")
    assert BANK not in await books.balances()


async def test_a_charge_closes_its_invoice_once(books: Books) -> None:
    """However often it is applied; before anything was captured nothing happens."""
    await books.issue("in_1", 1000)
    await books.charge("ch_0", 1000, "in_1", is_captured=False)
    assert await books.apply("ch_0") is None
    await books.charge("ch_1", 1000, "in_1")
    for _ in range(3):
        payment = await books.apply("ch_1")
        assert payment is not None
        assert (payment.amount_minor, payment.applied_minor) == (1000, 1000)
    assert await books.standing("in_1") == [("paid", 0)]
    assert await books.balances() == {CLEARING: 1000, SALES: 1000}


async def test_a_refund_reopens_what_the_charge_had_closed(books: Books) -> None:
    """What is given back is due again, in full or in part, and a later payment closes it."""
    await books.issue("in_1", 1000)
    await books.charge("ch_1", 1000, "in_1")
    await books.apply("ch_1")
    await books.give_back("ch_1", 300)
    assert [line.partition(":")[0] for line in await books.differences()] == ["charge ch_1", "customer cus_1"]
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("open", 300)]
    await books.give_back("ch_1", 700, 2)
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("open", 1000)]
    await books.pay(1000)
    assert await books.standing("in_1") == [("paid", 0)]


async def test_what_a_gateway_takes_back_beyond_the_charge_is_owed(books: Books) -> None:
    """Refunded and taken back too, the customer has it twice: it is owed though no invoice asks for it."""
    await books.issue("in_1", 1000)
    await books.charge("ch_1", 1000, "in_1")
    await books.apply("ch_1")
    await books.give_back("ch_1", 1000)
    await books.give_back("ch_1", 400, 2)
    payment = await books.apply("ch_1")
    assert payment is not None
    assert (payment.amount_minor, payment.applied_minor, payment.free_minor) == (-400, 0, 0)
    assert (await books.balances())[OWED] == 1400


async def test_money_in_flight_while_another_payment_arrives_is_credit_until_it_is_given_back(books: Books) -> None:
    """The invoice is paid once; the surplus is the customer's, and its refund leaves the invoice paid."""
    await books.issue("in_1", 1000)
    await books.pay(1000)
    await books.charge("ch_1", 1000, "in_1")
    payment = await books.apply("ch_1")
    assert payment is not None
    assert payment.free_minor == 1000
    assert (await books.balances())[CREDIT] == 1000
    await books.give_back("ch_1", 1000)
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("paid", 0)]
    assert OWED not in await books.balances()
    assert CREDIT not in await books.balances()


async def test_a_charge_may_close_several_invoices(books: Books) -> None:
    """A refund reopens the last of them first."""
    await books.issue("in_1", 1000)
    await books.issue("in_2", 1000)
    await books.charge("ch_1", 2000, "in_1")
    await books.apply("ch_1", "in_1", "in_2")
    assert await books.standing("in_1", "in_2") == [("paid", 0), ("paid", 0)]
    await books.give_back("ch_1", 1200)
    await books.apply("ch_1", "in_1", "in_2")
    assert await books.standing("in_1", "in_2") == [("open", 200), ("open", 1000)]


async def test_credit_pays_the_next_invoice(books: Books) -> None:
    """The oldest first, as soon as it is issued; what is left of it stays credit."""
    await books.pay(300, "p1")
    await books.pay(500, "p2")
    await books.issue("in_1", 600)
    assert await books.standing("in_1") == [("paid", 0)]
    assert (await books.balances())[CREDIT] == 200
    await books.issue("in_2", 600)
    assert await books.standing("in_2") == [("open", 400)]
    assert CREDIT not in await books.balances()


async def test_money_from_outside_that_went_back_opens_what_it_had_closed(books: Books) -> None:
    """All of it, credit too, once; a lost invoice is lost again; a charge is refunded instead."""
    await books.issue("in_1", 1000)
    await books.issue("in_2", 1000)
    await books.write_off("in_2")
    await books.pay(2100, invoices=("in_1", "in_2"))
    assert await books.balances() == {BANK: 2100, CREDIT: 100, SALES: 2000}
    gone = await books.returned("outside/p1")
    assert (gone.amount_minor, gone.applied_minor, gone.free_minor) == (0, 0, 0)
    assert await books.returned("outside/p1") == gone
    assert await books.standing("in_1", "in_2") == [("open", 1000), ("uncollectible", 1000)]
    assert await books.balances() == {OWED: 1000, LOST: 1000, SALES: 2000}
    await books.void("in_1")
    await books.charge("ch_1", 500, "in_2")
    await books.apply("ch_1")
    with pytest.raises(ChangeRefused, match="it is a charge: refund it with `refund ch_1`"):
        await books.returned("charge/ch_1")
    with pytest.raises(UnknownId, match="there is no payment outside/p9: check the id with `invoices payments`"):
        await books.returned("outside/p9")


async def test_a_return_and_an_invoice_that_race_leave_the_books_whole(books: Books) -> None:
    """Credit that goes back pays nothing, or what it had paid is open again; and many returns are one."""
    for number in range(4):
        await books.pay(500, f"p{number}")
        await asyncio.gather(
            *(books.returned(f"outside/p{number}") for _ in range(3)), books.issue(f"in_{number}", 500)
        )
        assert await books.standing(f"in_{number}") == [("open", 500)]
    assert await books.balances() == {OWED: 2000, SALES: 2000}


async def test_a_charge_that_pays_no_invoice_of_the_customer_is_not_applied(books: Books) -> None:
    """Revenue at once, another customer's invoice, none that there is, no charge: each is said."""
    await books.customer("cus_2")
    await books.issue("in_2", 1000, customer_id="cus_2")
    await books.charge("ch_1", 1000, None)
    with pytest.raises(ChangeRefused, match="charge ch_1: it names no invoice"):
        await books.apply("ch_1")
    await books.charge("ch_2", 1000, "in_9", "cus_2")
    with pytest.raises(UnknownId, match="there is no invoice in_9"):
        await books.apply("ch_2")
    with pytest.raises(UnknownCharge):
        await books.apply("ch_9")
    await books.apply("ch_2", "in_2")
    await books.issue("in_1", 1000)
    with pytest.raises(ChangeRefused, match="invoice in_1 is not of customer cus_2"):
        await books.apply("ch_2", "in_1")


async def test_what_is_paid_after_a_write_off_is_recovered(books: Books) -> None:
    """In part, in full, and lost again where it is given back: bad debt is what was not paid."""
    await books.issue("in_1", 1000)
    await books.pay(100)
    await books.write_off("in_1")
    assert await books.standing("in_1") == [("uncollectible", 900)]
    assert (await books.balances())[LOST] == 900
    await books.pay(400, "p2", invoices=("in_1",))
    assert await books.standing("in_1") == [("uncollectible", 500)]
    assert (await books.balances())[LOST] == 500
    await books.charge("ch_1", 500, "in_1")
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("paid", 0)]
    assert LOST not in await books.balances()
    await books.give_back("ch_1", 200)
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("uncollectible", 200)]
    balances = await books.balances()
    assert (balances[LOST], balances.get(OWED)) == (200, None)


async def test_money_that_names_nothing_goes_past_what_was_written_off(books: Books) -> None:
    """Only whoever names a lost invoice recovers it; the rest of the money is for what is open."""
    await books.issue("in_1", 1000)
    await books.write_off("in_1")
    await books.issue("in_2", 300)
    await books.pay(500)
    assert await books.standing("in_1", "in_2") == [("uncollectible", 1000), ("paid", 0)]
    assert (await books.balances())[CREDIT] == 200


async def test_money_for_a_void_invoice_is_credit(books: Books) -> None:
    """Nothing is owed of it, and the money is the customer's."""
    await books.issue("in_1", 1000)
    await books.charge("ch_1", 1000, "in_1")
    await books.void("in_1")
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("void", 0)]
    assert await books.balances() == {CLEARING: 1000, CREDIT: 1000}


async def test_payments_that_race_for_one_invoice_pay_it_once(books: Books) -> None:
    """Ten at once, each for all of it: one closes it, and nine are credit."""
    await books.issue("in_1", 1000)
    payments = await asyncio.gather(*(books.pay(1000, f"p{number}") for number in range(10)))
    assert sorted(payment.applied_minor for payment in payments) == [0] * 9 + [1000]
    assert await books.standing("in_1") == [("paid", 0)]
    assert (await books.balances())[CREDIT] == 9000


async def test_a_charge_and_a_void_that_race_leave_the_money_somewhere(books: Books) -> None:
    """Either the invoice is paid and cannot be called off, or it is void and the money is credit; five times."""
    for number in range(5):
        name, charge = f"in_{number}", f"ch_{number}"
        await books.issue(name, 1000)
        await books.charge(charge, 1000, name)
        _, refused = await asyncio.gather(books.apply(charge), books.void(name), return_exceptions=True)
        state = (await books.invoice(name)).state
        assert state == ("paid" if isinstance(refused, ChangeRefused) else "void")
        payment = await books.apply(charge)
        assert isinstance(payment, Payment)
        assert payment.applied_minor == (1000 if state == "paid" else 0)
        if state == "void":
            await books.give_back(charge, 1000)
            await books.apply(charge)


async def test_one_payment_that_is_recorded_by_many_at_once_is_one(books: Books) -> None:
    """A person who clicks twice, or two of them, book the transfer once."""
    await books.issue("in_1", 1000)
    first = await books.pay(100, "p0")
    found = await asyncio.gather(*(books.pay(700, received_at=first.received_at) for _ in range(8)))
    assert {payment.payment_id for payment in found} == {"outside/p1"}
    assert await books.standing("in_1") == [("open", 200)]
    assert (await books.balances())[BANK] == 800


async def test_a_charge_that_is_applied_by_many_at_once_is_applied_once(books: Books) -> None:
    """Also while it is being given back."""
    await books.issue("in_1", 1000)
    await books.charge("ch_1", 1000, "in_1")
    await asyncio.gather(*(books.apply("ch_1") for _ in range(8)), books.give_back("ch_1", 400))
    await books.apply("ch_1")
    assert await books.standing("in_1") == [("open", 400)]
