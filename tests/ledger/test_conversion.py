"""A conversion balances in every unit, loses nothing that is not booked, and realises what its position cost."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import clearing, wallet
from ledger.conversion import Conversion, Quote, converted
from ledger.entries import credit, debit
from ledger.exchange_errors import ConversionRefused
from ledger.money import Money
from ledger.positions import Position, exchanged
from ledger.rounding import Rounding
from tests.ledger.exchange_samples import DAY, applied, balances, conversion, money, surplus

UNITS = ("USD", "EUR", "JPY", "KWD", "CREDIT")
AMOUNTS = st.integers(1, 10**10)
RATES = st.fractions(min_value=Fraction(1, 10**4), max_value=10**4, max_denominator=10**6)
PAIRS = st.permutations(UNITS).map(lambda units: (units[0], units[1], units[2]))
POSITIONS = st.tuples(st.integers(0, 10**10), st.integers(0, 10**10), st.sampled_from([1, -1])).map(
    lambda drawn: Position(held_minor=drawn[0] * drawn[2], cost_minor=drawn[1] * drawn[2] if drawn[0] else 0)
)


def quote_of(from_unit: str, to_unit: str, functional: str, rate: Fraction, value: Fraction) -> Quote:
    other = None if functional in {from_unit, to_unit} else applied(from_unit, functional, value)
    return Quote(rate=applied(from_unit, to_unit, rate), value=other)


def tried(
    wish: Conversion, quote: Quote, positions: dict[str, Position], functional: str
) -> Counter[tuple[str, str]] | None:
    """Convert, and return the movements; None where the amount is too small for it."""
    try:
        entry = converted(wish, quote, positions, functional)
    except ConversionRefused:
        return None
    assert not surplus(entry.lines)
    return balances(entry.lines)


@given(
    units=PAIRS, amount=AMOUNTS, rate=RATES, value=RATES, first=POSITIONS, second=POSITIONS, takes=st.booleans(),
    rounding=st.sampled_from(Rounding),
)  # fmt: skip
def test_every_conversion_balances_in_every_unit(
    units: tuple[str, str, str],
    amount: int,
    rate: Fraction,
    value: Fraction,
    first: Position,
    second: Position,
    *,
    takes: bool,
    rounding: Rounding,
) -> None:
    """Whatever the amount, the rates and what is held: each unit's debits are its credits, and the positions follow."""
    one, other, functional = units
    given_ = Money(amount_minor=amount, currency=one)
    line = debit(wallet("cus_1"), given_) if takes else credit(clearing("stripe"), given_)
    wish = conversion(given_, other, line=line).model_copy(update={"rounding": rounding})
    for base in (functional, one, other):
        positions = {unit: at for unit, at in ((one, first), (other, second)) if unit != base}
        moved = tried(wish, quote_of(one, other, base, rate, value), positions, base)
        if moved is None:
            continue
        for unit, before in positions.items():
            held = before.held_minor - moved[f"exchange:{unit}", unit]
            cost = before.cost_minor + moved[f"exchange:{unit}", base]
            Position(held_minor=held, cost_minor=cost)


@given(units=PAIRS, amount=AMOUNTS, rate=RATES)
def test_a_round_trip_loses_exactly_what_was_booked_as_rounding(
    units: tuple[str, str, str], amount: int, rate: Fraction
) -> None:
    """There and back at one rate, a customer misses the remainder of the way there, and it stands on its account."""
    one, other, _ = units
    there = tried(
        conversion(Money(amount_minor=amount, currency=one), other), quote_of(one, other, one, rate, rate), {}, one
    )
    if there is None:
        return
    received = Money(amount_minor=-there["wallet:cus_1", other], currency=other)
    position = Position(held_minor=-received.amount_minor, cost_minor=there["exchange:" + other, one])
    back = tried(conversion(received, one), quote_of(other, one, one, 1 / rate, rate), {other: position}, one)
    assert back is not None
    lost = there["wallet:cus_1", one] + back["wallet:cus_1", one]
    assert lost == -there["expense:conversion_rounding", one]
    assert not back["expense:conversion_rounding", other]
    # At one rate nothing was gained or lost but by rounding, and nothing is left on the exchange.
    assert not back["revenue:exchange_gains", one] + back["expense:exchange_losses", one]
    assert there["exchange:" + other, other] + back["exchange:" + other, other] == 0


@given(units=PAIRS, amount=AMOUNTS, rate=RATES)
def test_rounding_down_never_gives_more_than_was_given(
    units: tuple[str, str, str], amount: int, rate: Fraction
) -> None:
    """Nobody gains by converting one cent a thousand times."""
    one, other, _ = units
    wish = conversion(Money(amount_minor=amount, currency=one), other).model_copy(update={"rounding": Rounding.DOWN})
    there = tried(wish, quote_of(one, other, one, rate, rate), {}, one)
    if there is None:
        return
    received = Money(amount_minor=-there["wallet:cus_1", other], currency=other)
    again = conversion(received, one).model_copy(update={"rounding": Rounding.DOWN})
    back = tried(again, quote_of(other, one, one, 1 / rate, rate), {}, one)
    assert back is None or -back["wallet:cus_1", one] <= amount


@given(
    steps=st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(1, 10**6)), max_size=20),
    end=st.integers(1, 10**6),
)
def test_a_closed_position_leaves_nothing_and_has_realised_all_that_came_in(
    steps: list[tuple[int, int]], end: int
) -> None:
    """What was paid, less what was taken, is the gain: not a cent stays behind on the exchange."""
    position, gained, paid = Position(), 0, 0
    moves = [(quantity, quantity * price // 1000) for quantity, price in steps]
    for quantity, value in moves:
        if not quantity:
            continue
        position, gain = position.after(quantity, value)
        gained += gain
        paid += value
    rest = -position.held_minor
    if rest:
        value = rest * end // 1000
        position, gain = position.after(rest, value)
        gained, paid = gained + gain, paid + value
    assert position == Position()
    assert gained == -paid


def test_gain_and_loss_are_against_the_average_cost() -> None:
    """200 EUR were gained for 210.00 USD in all, so 50 of them cost 52.50; they are sold for 58.00."""
    position = Position(held_minor=20000, cost_minor=21000)
    moved = tried(
        conversion(money("58", "USD"), "EUR"),
        quote_of("USD", "EUR", "USD", Fraction(50, 58), Fraction(1)),
        {"EUR": position},
        "USD",
    )
    assert moved == {
        ("wallet:cus_1", "USD"): 5800,
        ("exchange:EUR", "USD"): -5250,
        ("revenue:exchange_gains", "USD"): -550,
        ("exchange:EUR", "EUR"): 5000,
        ("wallet:cus_1", "EUR"): -5000,
    }


def test_a_loss_is_an_expense() -> None:
    """Sold under its average cost."""
    position = Position(held_minor=10000, cost_minor=12000)
    moved = tried(
        conversion(money("110", "USD"), "EUR"),
        quote_of("USD", "EUR", "USD", Fraction(100, 110), Fraction(1)),
        {"EUR": position},
        "USD",
    )
    assert moved is not None
    assert moved["expense:exchange_losses", "USD"] == 1000
    assert moved["exchange:EUR", "USD"] == -12000


def test_a_position_that_goes_through_zero_realises_the_part_that_it_closes() -> None:
    """The rest opens a position the other way, at the rate of its day."""
    left, gain = Position(held_minor=100, cost_minor=100).after(-300, -330)
    assert (left, gain) == (Position(held_minor=-200, cost_minor=-220), 10)


def test_between_two_other_units_both_positions_move_by_one_value() -> None:
    """Euros for credits, counted in dollars: 107.03 of them."""
    wish = conversion(money("100", "EUR"), "CREDIT")
    quote = Quote(rate=applied("EUR", "CREDIT", "0.333"), value=applied("EUR", "USD", "1.08"))
    assert tried(wish, quote, {}, "USD") == {
        ("wallet:cus_1", "EUR"): 10000,
        ("exchange:EUR", "EUR"): -9910,
        ("expense:conversion_rounding", "EUR"): -90,
        ("exchange:EUR", "USD"): 10703,
        ("exchange:CREDIT", "USD"): -10703,
        ("exchange:CREDIT", "CREDIT"): 33,
        ("wallet:cus_1", "CREDIT"): -33,
    }


def test_an_entry_says_its_rate() -> None:
    """An auditor sees by which rate of which day an amount was converted."""
    entry = converted(
        conversion(money("100", "EUR"), "USD"), quote_of("EUR", "USD", "USD", Fraction("1.08"), Fraction(1)), {}, "USD"
    )
    assert entry.description == "converted 100.00 EUR to 108.00 USD at 1.08 of 2026-11-02 00:00 UTC (ECB)"
    assert (entry.reference, entry.rule, entry.event_at) == ("conversion:1", "converted", DAY)


def test_what_cannot_be_converted_is_refused_with_what_to_do() -> None:
    """Nothing is converted into nothing, to itself, at another pair's rate, or at a value that nobody stated."""
    with pytest.raises(
        ConversionRefused, match=r"0\.01 USD is worth less than the smallest amount of CREDIT .* convert more"
    ):
        converted(conversion(money("0.01", "USD"), "CREDIT"), Quote(rate=applied("USD", "CREDIT", "1")), {}, "USD")
    with pytest.raises(ConversionRefused, match=r"a rate from USD to EUR does not convert 1\.00 USD to JPY"):
        converted(conversion(money("1", "USD"), "JPY"), Quote(rate=applied("USD", "EUR", "1")), {}, "USD")
    with pytest.raises(
        ConversionRefused, match=r"the value of 1\.00 EUR in USD is not known: give the rate of that pair too"
    ):
        converted(conversion(money("1", "EUR"), "JPY"), Quote(rate=applied("EUR", "JPY", "160")), {}, "USD")
    with pytest.raises(ConversionRefused, match="EUR cannot be converted to itself"):
        exchanged(money("1", "EUR"), money("1", "EUR"), 100, {}, "USD")
    with pytest.raises(ConversionRefused, match=r"1\.00 USD is worth itself, not 99 minor units of USD"):
        exchanged(money("1", "USD"), money("1", "EUR"), 99, {}, "USD")
    with pytest.raises(ValueError, match="USD cannot be converted to itself: give another currency or unit"):
        conversion(money("1", "USD"), "USD")
    with pytest.raises(ValueError, match="give a positive amount"):
        conversion(Money(amount_minor=-1, currency="USD"), "EUR")
    with pytest.raises(ValueError, match="5 held at a cost of -1 is no position"):
        Position(held_minor=5, cost_minor=-1)
