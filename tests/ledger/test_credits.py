"""Credits: bought with a fee, spent as revenue; worked examples to the cent, and nothing left when all is spent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledger import credits as rules
from ledger import fees
from ledger.credits import Outstanding, Purchase, Spending
from ledger.exchange_errors import ConversionRefused
from ledger.fees import Fees
from ledger.money import Money
from ledger.posting import captured, fee_charged
from tests.ledger.exchange_samples import DAY, applied, balances, money, surplus
from tests.ledger.fee_samples import ask, edition, rule
from tests.ledger.samples import fact


def fees_of(amount_minor: int, currency: str = "USD", **fields: object) -> Fees:
    """What a price comes to at 2.9 % and 30 cents."""
    one = rule(**{"fixed_minor": {currency: 30}, **fields})
    return fees.of_purchase(edition(one), one, ask(amount_minor, currency))


def purchase(of: Fees, credits_minor: int = 1000) -> Purchase:
    """A thousand credits."""
    return Purchase(
        purchase_id="pu_1",
        customer="cus_1",
        credits=Money(amount_minor=credits_minor, currency="CREDIT"),
        fees=of,
        event_at=DAY,
        actor="workflow:charge",
        charge_id="ch_1",
        operation_id="ch_1:capture:1",
    )


def spending(credits_minor: int) -> Spending:
    """Some of them are spent."""
    credits_ = Money(amount_minor=credits_minor, currency="CREDIT")
    return Spending(spending_id="sp_1", customer="cus_1", credits=credits_, event_at=DAY, actor="service:shop")


def test_a_thousand_credits_for_ten_dollars() -> None:
    """The gross is owed by the gateway less its fee; credits are in the wallet; nothing is earned yet."""
    entry = rules.bought(purchase(fees_of(1000)), {}, "USD")
    assert balances(entry.lines) == {
        ("clearing:stripe", "USD"): 941,
        ("expense:gateway_fees", "USD"): 59,
        ("liability:deferred_revenue.CREDIT", "USD"): -1000,
        ("wallet:cus_1", "CREDIT"): -1000,
        ("credits:issued", "CREDIT"): 1000,
    }
    through = [(line.side, line.money) for line in entry.lines if line.account.code == "exchange:CREDIT"]
    assert {unit: sum(line[1].currency == unit for line in through) for unit in ("USD", "CREDIT")} == {
        "USD": 2,
        "CREDIT": 2,
    }
    assert (entry.reference, entry.rule, entry.operation_id) == ("purchase:pu_1", "credits_bought", "ch_1:capture:1")
    assert entry.description == "bought 1,000 CREDIT for 10.00 USD at stripe"


@pytest.mark.parametrize("borne_by", ["merchant", "customer"])
def test_a_purchase_that_a_charge_collected_comes_to_the_same(borne_by: str) -> None:
    """With the entries of the charge, which has the gateway's part, the books hold what one entry would have said."""
    whole = purchase(fees_of(1000, borne_by=borne_by))
    took = fact(amount_minor=whole.fees.gross.amount_minor, invoice="in_1")
    fee = took.model_copy(update={"money": whole.fees.fee})
    parts = [captured(took), fee_charged(fee), rules.bought(whole.model_copy(update={"invoiced": True}), {}, "USD")]
    assert balances(line for part in parts for line in part.lines) == balances(rules.bought(whole, {}, "USD").lines)


def test_a_fee_on_top_is_not_paid_for_credits() -> None:
    """What the customer bears of the fee is earned at once; only the price is deferred."""
    moved = balances(rules.bought(purchase(fees_of(1000, borne_by="customer")), {}, "USD").lines)
    assert moved["liability:deferred_revenue.CREDIT", "USD"] == -1000
    assert moved["revenue:fees_charged", "USD"] == -61
    assert moved["clearing:stripe", "USD"] == 1000


def test_the_reported_fee_is_the_one_that_is_booked() -> None:
    """What the gateway reports wins over the rule."""
    moved = balances(rules.bought(purchase(fees_of(1000).reported(money("0.70", "USD"))), {}, "USD").lines)
    assert moved["expense:gateway_fees", "USD"] == 70
    assert moved["clearing:stripe", "USD"] == 930


def test_credits_for_euros_are_deferred_in_dollars_at_the_rate_of_the_day() -> None:
    """The exchange holds the euros at what they were worth, and no credits."""
    entry = rules.bought(purchase(fees_of(1000, "EUR")), {}, "USD", applied("EUR", "USD", "1.08"))
    moved = balances(entry.lines)
    assert moved["liability:deferred_revenue.CREDIT", "USD"] == -1080
    assert (moved["exchange:EUR", "EUR"], moved["exchange:EUR", "USD"]) == (-1000, 1080)
    assert not any(account == "exchange:CREDIT" for account, _ in moved)


def test_three_hundred_of_a_thousand_credits_are_spent() -> None:
    """Three tenths of what was paid are earned."""
    entry = rules.spent(spending(300), Outstanding(issued_minor=1000, deferred_minor=1000), "USD")
    assert balances(entry.lines) == {
        ("wallet:cus_1", "CREDIT"): 300,
        ("credits:issued", "CREDIT"): -300,
        ("liability:deferred_revenue.CREDIT", "USD"): 300,
        ("revenue:credits", "USD"): -300,
    }
    assert (entry.reference, entry.description) == ("spending:sp_1", "spent 300 CREDIT, earned 3.00 USD")


def test_credits_that_are_worth_less_than_a_cent_are_spent_without_revenue() -> None:
    """The cent is earned with a later credit, and never lost."""
    entry = rules.spent(spending(1), Outstanding(issued_minor=1000, deferred_minor=10), "USD")
    assert balances(entry.lines) == {("wallet:cus_1", "CREDIT"): 1, ("credits:issued", "CREDIT"): -1}


@given(
    price=st.integers(1, 10**6), credits_minor=st.integers(1, 10**4), held=st.integers(0, 10**4), deferred=st.integers(0, 10**6),
    spends=st.lists(st.integers(1, 10**4), max_size=10),
)  # fmt: skip
def test_all_that_was_paid_is_earned_when_all_is_spent(
    price: int, credits_minor: int, held: int, deferred: int, spends: list[int]
) -> None:
    """However it is spent, revenue is what was paid, to the cent, and each entry balances in each unit."""
    bought = rules.bought(purchase(fees_of(price), credits_minor), {}, "USD")
    assert not surplus(bought.lines)
    issued = held + credits_minor
    left, total, earned = issued, deferred + price, 0
    for wanted in [*spends, issued]:
        part = min(wanted, left)
        if part:
            entry = rules.spent(spending(part), Outstanding(issued_minor=left, deferred_minor=total - earned), "USD")
            assert not surplus(entry.lines)
            earned -= balances(entry.lines)["revenue:credits", "USD"]
            left -= part
    assert (left, earned) == (0, total)


def test_what_cannot_be_bought_or_spent_is_refused_with_what_to_do() -> None:
    """No entry of nothing, of more than there is, or at a value that nobody stated."""
    with pytest.raises(
        ConversionRefused, match=r"1,001 CREDIT cannot be spent, since 1,000 CREDIT are in wallets: give 1 up to that"
    ):
        rules.spent(spending(1001), Outstanding(issued_minor=1000, deferred_minor=1), "USD")
    with pytest.raises(ConversionRefused, match="0 CREDIT cannot be spent"):
        rules.spent(spending(0), Outstanding(issued_minor=1000, deferred_minor=1), "USD")
    with pytest.raises(
        ConversionRefused, match=r"the value of 10\.00 EUR in USD is not known: give the rate of that pair"
    ):
        rules.bought(purchase(fees_of(1000, "EUR")), {}, "USD")
    with pytest.raises(ConversionRefused, match="is worth nothing in USD: sell credits for more"):
        rules.bought(purchase(fees_of(1, "JPY")), {}, "USD", applied("JPY", "USD", "0.0001"))
    with pytest.raises(ValidationError, match="0 CREDIT cannot be bought or paid: give a positive amount"):
        purchase(fees_of(1000), 0)
    with pytest.raises(ValidationError, match="USD is money, which is not ours to issue: give a unit such as CREDIT"):
        Purchase.model_validate(dict(purchase(fees_of(1000))) | {"credits": money("1", "USD")})
