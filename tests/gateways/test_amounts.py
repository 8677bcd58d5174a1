"""Amounts as each gateway writes them: exact both ways, in every currency that it takes."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways import paypal_amounts, stripe_amounts
from gateways.paypal_amounts import from_paypal, to_paypal
from gateways.port import Capabilities
from gateways.stripe_amounts import from_stripe, to_stripe
from ledger.money import MAX_AMOUNT_MINOR, Money, minor_digits
from tests.gateways.cases import money

GATEWAYS: dict[str, tuple[Capabilities, Callable[[Money], Money]]] = {
    "stripe": (stripe_amounts.CAPABILITIES, lambda amount: from_stripe(to_stripe(amount), amount.currency.lower())),
    "paypal": (paypal_amounts.CAPABILITIES, lambda amount: from_paypal(to_paypal(amount), amount.currency)),
}


def amounts(capabilities: Capabilities) -> st.SearchStrategy[Money]:
    """Any amount that a gateway can write: as many decimals as it takes, no more than ISO has."""

    def of(currency: str) -> st.SearchStrategy[Money]:
        step = 10 ** max(minor_digits(currency) - capabilities.currencies[currency], 0)
        counts = st.integers(min_value=1, max_value=MAX_AMOUNT_MINOR // step)
        return counts.map(lambda count: Money(amount_minor=int(count * step), currency=currency))

    return st.sampled_from(sorted(capabilities.currencies)).flatmap(of)


@pytest.mark.parametrize("name", list(GATEWAYS))
@given(data=st.data())
def test_round_trip(name: str, data: st.DataObject) -> None:
    """Whatever amount a gateway can write comes back as the same amount."""
    capabilities, there_and_back = GATEWAYS[name]
    amount = data.draw(amounts(capabilities))
    assert capabilities.unwritable(amount) is None
    assert there_and_back(amount) == amount


@pytest.mark.parametrize("name", list(GATEWAYS))
@given(data=st.data())
def test_what_cannot_be_written_is_said(name: str, data: st.DataObject) -> None:
    """An amount that would lose anything on the way is known as such beforehand, never rounded."""
    capabilities, there_and_back = GATEWAYS[name]
    currency = data.draw(st.sampled_from(sorted(capabilities.currencies)))
    amount = Money(amount_minor=data.draw(st.integers(1, MAX_AMOUNT_MINOR)), currency=currency)
    if capabilities.unwritable(amount) is None:
        assert there_and_back(amount) == amount
    else:
        assert amount.decimal() != round(amount.decimal(), capabilities.currencies[currency])


@given(data=st.data())
def test_stripe_digits_agree_with_the_rules(data: st.DataObject) -> None:
    """Stripe gets ISK and UGX in hundreds, and three-decimal amounts that end in 0."""
    amount = data.draw(amounts(stripe_amounts.CAPABILITIES))
    sent = to_stripe(amount)
    if amount.currency in {"ISK", "UGX"}:
        assert sent % 100 == 0
    if amount.currency in {"BHD", "JOD", "KWD", "OMR", "TND"}:
        assert sent % 10 == 0
    assert Decimal(sent).scaleb(-stripe_amounts.sent_digits(amount.currency)) == amount.decimal()


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        (money("49.99"), 4999),
        (money("5000", "JPY"), 5000),
        (money("5", "ISK"), 500),
        (money("5", "UGX"), 500),
        (money("5.12", "KWD"), 5120),
        (money("175", "HUF"), 17500),
        (money("9000", "MGA"), 9000),
    ],
)
def test_as_stripe_writes_it(amount: Money, sent: int) -> None:
    """Stripe's own examples of amounts."""
    assert to_stripe(amount) == sent
    assert from_stripe(sent, amount.currency.lower()) == amount


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        (money("49.99"), "49.99"),
        (money("10"), "10.00"),
        (money("5000", "JPY"), "5000"),
        (money("1500", "HUF"), "1500"),
        (money("300", "TWD"), "300"),
    ],
)
def test_as_paypal_writes_it(amount: Money, sent: str) -> None:
    """PayPal's decimals: two, and none for HUF, JPY and TWD."""
    assert to_paypal(amount) == sent


@pytest.mark.parametrize("value", ["", "1,5", "1e5", "NaN", "1.005", "0x1", "1" * 40, " 1.00"])
def test_unreadable_amounts(value: str) -> None:
    """What is no amount of the currency is refused, not guessed."""
    with pytest.raises(ValueError, match=r"not a(n amount| whole number)"):
        from_paypal(value, "USD")


def test_stripe_limits() -> None:
    """Stripe takes eight digits as it writes them, twelve of IDR, and a documented least."""
    refusal = stripe_amounts.CAPABILITIES.refusal
    assert refusal(money("999999.99")) is None
    assert refusal(money("1000000")) == "takes no charge over 999,999.99 USD"
    assert refusal(money("999999", "ISK")) is None
    assert refusal(money("1000000", "ISK")) == "takes no charge over 999,999 ISK"
    assert refusal(money("9999999999.99", "IDR")) is None
    assert refusal(money("0.49")) == "takes no charge under 0.50 USD"
    assert refusal(money("50", "JPY")) is None
    assert refusal(money("1.234", "KWD")) == "takes KWD with at most 2 decimal places, not 1.234 KWD"
    assert refusal(money("1", "IRR")) == "cannot take IRR"


def test_paypal_limits() -> None:
    """PayPal takes its listed currencies, without decimals where it has none."""
    refusal = paypal_amounts.CAPABILITIES.refusal
    assert refusal(money("0.01")) is None
    assert refusal(money("10.50", "TWD")) == "takes TWD with at most 0 decimal places, not 10.50 TWD"
    assert refusal(money("10", "KWD")) == "cannot take KWD"
    assert refusal(Money(amount_minor=0, currency="USD")) == "takes no charge under 0.01 USD"
