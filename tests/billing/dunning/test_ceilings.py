"""How many tries a card has left at the networks: counted over all that was tried, by data with dates."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.dunning.ceilings import CEILINGS, CardAsk, CardTry, Ceiling, Counts, next_allowed, room

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CARD = "card_a"
ASK = CardAsk(CARD, 100, "EUR")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def card_try(
    at: datetime,
    amount_minor: int = 100,
    *,
    is_approved: bool = False,
    at_network: bool = True,
    is_technical: bool = False,
) -> CardTry:
    return CardTry(at, CARD, amount_minor, "EUR", is_approved, at_network, is_technical)


def networks(network: str, country: str = "US", at: datetime = NOW) -> tuple[Ceiling, ...]:
    return tuple(rule for rule in CEILINGS.of(network, country, at) if not rule.is_ours)


def left(network: str, tries: list[CardTry], country: str = "US", now: datetime = NOW) -> int:
    return room(networks(network, country, now), tries, ASK, now).left


def every(gap: timedelta, count: int, until: datetime = NOW) -> list[CardTry]:
    return [card_try(until - gap * (count - number)) for number in range(count)]


@pytest.mark.parametrize(
    ("network", "country", "gap", "most"),
    [
        ("visa", "US", DAY, 20),
        ("mastercard", "US", HOUR, 10),
        ("mastercard", "BR", HOUR, 7),
        ("mastercard", "US", 20 * HOUR, 35),
        ("ach", "US", 5 * DAY, 3),
    ],
)
def test_a_network_allows_as_many_as_its_rule_says_and_not_one_more(
    network: str, country: str, gap: timedelta, most: int
) -> None:
    """One try above a ceiling costs a fee; one below it that is not made may cost the payment."""
    assert left(network, every(gap, most - 1), country) == 1
    assert left(network, every(gap, most), country) == 0


def test_the_next_try_is_allowed_when_the_oldest_leaves_the_window() -> None:
    """Twenty tries in thirty days: the twenty-first comes thirty days after the first of them, to the second."""
    tries = every(DAY, 20)
    found = room(networks("visa"), tries, ASK, NOW)
    assert (found.left, found.next_at) == (0, tries[0].at + 30 * DAY)
    assert found.why == "20 tries in 30 days"
    assert left("visa", tries, now=found.next_at - timedelta(seconds=1)) == 0
    assert left("visa", tries, now=found.next_at) == 1


def test_visas_ceiling_was_lower_before_may_2025() -> None:
    """Rules are data with dates: the one of the day counts."""
    then = datetime(2025, 5, 24, tzinfo=UTC)
    assert left("visa", every(DAY, 14, then), now=then) == 1
    assert left("visa", every(DAY, 15, then), now=then) == 0
    after = datetime(2025, 5, 25, tzinfo=UTC)
    assert left("visa", every(DAY, 15, after), now=after) == 5


def test_only_what_reached_the_network_is_counted() -> None:
    """A gateway that could not be reached asked nobody; an issuer that was unwell was asked."""
    assert left("visa", [card_try(NOW - HOUR, at_network=False)]) == 20
    assert left("visa", [card_try(NOW - HOUR, is_technical=True)]) == 19
    assert left("visa", [card_try(NOW - HOUR, is_approved=True)]) == 20


def test_an_approval_ends_a_run_of_declines_at_mastercard_but_not_at_visa() -> None:
    """Declines in a row are counted in a row."""
    tries = [*every(HOUR, 10, NOW - 2 * HOUR), card_try(NOW - 2 * HOUR, is_approved=True)]
    assert room(networks("mastercard"), tries, ASK, NOW)[:2] == (10, NOW)
    assert left("visa", tries) == 10


def test_another_amount_has_a_count_of_its_own_where_the_rule_says_so() -> None:
    """Mastercard's 35 are of one amount; a partial payment begins anew."""
    tries = [card_try(one.at, 200) for one in every(20 * HOUR, 35)]
    assert left("mastercard", tries) == 9  # of the 10 in a row; two of them came within 24 hours
    assert room(networks("mastercard"), tries, CardAsk(CARD, 200, "EUR"), NOW).left == 0


def test_our_own_minimum_is_a_day_between_two_refusals() -> None:
    """An issuer that said no is asked once a day, whatever the network allows; a technical failure is no refusal."""
    ours = [rule for rule in CEILINGS.of("visa", "US", NOW) if rule.is_ours]
    assert room(ours, [card_try(NOW - 23 * HOUR)], ASK, NOW).next_at == NOW + HOUR
    assert room(ours, [card_try(NOW - HOUR, is_technical=True)], ASK, NOW).left == 1


def test_a_card_of_no_known_network_has_our_minimum_only() -> None:
    """What is not known has no ceiling of a network's, but is not hammered either."""
    assert [rule.is_ours for rule in CEILINGS.of(None, None, NOW)] == [True]


def test_tries_of_another_card_are_none_of_it() -> None:
    """The count is the card's own."""
    others = [one._replace(card="card_b") for one in every(DAY, 20)]
    assert left("visa", others) == 20


RULES = st.builds(
    Ceiling,
    counts=st.sampled_from(Counts),
    same_amount=st.booleans(),
    consecutive=st.booleans(),
    window=st.integers(1, 100).map(lambda hours: timedelta(hours=hours)),
    most=st.integers(1, 5),
    is_ours=st.just(value=False),
    note=st.just("a rule"),
)
TRIES = st.lists(
    st.builds(
        card_try,
        at=st.integers(0, 200).map(lambda hours: NOW - timedelta(hours=hours)),
        amount_minor=st.sampled_from([100, 200]),
        is_approved=st.booleans(),
        at_network=st.booleans(),
        is_technical=st.booleans(),
    ),
    max_size=30,
).map(sorted)


@given(rules=st.lists(RULES, max_size=3), tries=TRIES)
def test_the_two_ways_of_counting_agree(rules: list[Ceiling], tries: list[CardTry]) -> None:
    """What is left now, counted one by one, and when the next is allowed, found from the newest back, never disagree."""
    free = next_allowed(rules, tries, ASK, NOW - 1000 * DAY)
    found = room(rules, tries, ASK, NOW)
    assert (found.left > 0) == (free <= NOW)
    assert found.next_at == max(free, NOW)
    assert room(rules, tries, ASK, found.next_at).left > 0


@given(rules=st.lists(RULES, min_size=1, max_size=3), count=st.integers(1, 12))
def test_whoever_waits_as_told_never_passes_a_ceiling(rules: list[Ceiling], count: int) -> None:
    """Tries made as early as each is allowed: no window of any rule ever holds more than its most."""
    tries: list[CardTry] = []
    now = NOW
    for _ in range(count):
        now = room(rules, tries, ASK, now).next_at
        tries.append(card_try(now))
    for rule in rules:
        for tried in tries:
            within = [one for one in tries if tried.at - rule.window < one.at <= tried.at]
            assert len(within) <= rule.most
