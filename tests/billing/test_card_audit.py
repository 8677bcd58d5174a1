"""The second look at what was tried of cards: it finds each kind of broken rule, and nothing where none was broken."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.card_audit import AuditedTry, broken
from billing.dunning.ceilings import CEILINGS, CardAsk, CardTry, next_allowed

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def tried(number: int, at: datetime, **changes: Any) -> AuditedTry:
    """A declined try of a card of visa's by hand."""
    fields: dict[str, Any] = {"operation_id": f"ch_{number}:capture:1", "sequence": number, "card": "card_a"}
    fields |= {"network": "visa", "country": "US", "amount_minor": 1900, "currency": "USD", "tried_at": at}
    fields |= {"is_approved": False, "at_network": True, "is_technical": False, "is_rung": False, "is_foreseen": True}
    return AuditedTry(**fields | {"requested_at": at, "never_at": None, "says_never_at": None} | changes)


def series(count: int, gap: timedelta, **changes: Any) -> list[AuditedTry]:
    return [tried(number, NOW + number * gap, **changes) for number in range(count)]


def found(tries: list[AuditedTry], since: datetime = EVER) -> list[tuple[str, str]]:
    return [(each.operation_id.partition(":")[0], each.rule) for each in broken(tries, since)]


@pytest.mark.parametrize(
    ("network", "country", "gap", "most", "rule"),
    [
        ("visa", "US", DAY, 20, "visa: more than 20 tries in 30 days"),
        ("mastercard", "US", HOUR, 10, "mastercard: more than 10 declines in a row within 24 hours"),
        ("mastercard", "BR", HOUR, 7, "mastercard: more than 7 declines in a row within 24 hours in Brazil"),
        ("mastercard", "US", 20 * HOUR, 35, "mastercard: more than 35 tries of one amount in 30 days"),
        ("ach", "US", 5 * DAY, 3, "ach: more than 3 presentments of one debit in 180 days"),
    ],
)
def test_one_try_more_than_a_ceiling_is_found(network: str, country: str, gap: timedelta, most: int, rule: str) -> None:
    """As many as the rule says are none; the next one is."""
    tries = series(most + 1, gap, network=network, country=country)
    assert found(tries[:most]) == []
    assert found(tries) == [(f"ch_{most}", rule)]


def test_a_try_is_allowed_when_the_oldest_leaves_the_window() -> None:
    """Thirty days after the first of twenty, to the second."""
    full = [tried(0, NOW), *(tried(number, NOW + DAY) for number in range(1, 20))]
    assert found([*full, tried(20, NOW + 30 * DAY)]) == []
    assert len(found([*full, tried(20, NOW + 30 * DAY - timedelta(seconds=1))])) == 1


def test_a_try_after_a_never_is_found() -> None:
    """Whether the card's row says so or an earlier answer does; one that was under way when the answer came is none."""
    first = tried(0, NOW, says_never_at=NOW + HOUR)
    assert found([first, tried(1, NOW + HOUR / 2)]) == []
    assert found([first, tried(1, NOW + DAY)]) == [("ch_1", "the card was refused for ever before")]
    assert found([tried(0, NOW, never_at=NOW - DAY)]) == [("ch_0", "the card was refused for ever before")]
    assert found([tried(0, NOW, never_at=NOW + DAY)]) == []


def test_our_own_minimum_binds_the_tries_of_the_policy_only() -> None:
    """A person's command, a renewed card and a checkout may be tried sooner than a day after a refusal."""
    sooner = [tried(0, NOW), tried(1, NOW + HOUR)]
    assert found(sooner) == []
    rung = [sooner[0], sooner[1]._replace(is_rung=True)]
    assert found(rung) == [("ch_1", "any: more than our own minimum: a day between two declines of one card")]
    technical = [sooner[0]._replace(is_technical=True), rung[1]]
    assert found(technical) == []


def test_what_could_not_be_foreseen_is_counted_and_nobodys_fault() -> None:
    """A checkout whose card only its answer told; a claim that was never sent; what is older than the report."""
    tries = series(21, DAY)
    last = tries[-1]
    assert len(found([*tries[:-1], last])) == 1
    assert found([*tries[:-1], last._replace(is_foreseen=False)]) == []
    assert found([*tries[:-1], last._replace(requested_at=None)]) == []
    assert found(tries, since=last.tried_at + HOUR) == []
    assert found([tried(0, NOW, card="card_b"), *tries[1:]]) == []


steps = st.tuples(
    st.integers(1, 40 * 24), st.sampled_from((1900, 500)), st.sampled_from(("refused", "technical", "approved", "away"))
)


@given(
    st.sampled_from((("visa", "US"), ("mastercard", "US"), ("mastercard", "BR"), ("ach", "US"), ("amex", "DE"))),
    st.lists(steps, max_size=60),
    st.integers(1, 8),
)
def test_it_agrees_with_the_policy_about_every_try(card: tuple[str, str], drawn: list[Any], pace: int) -> None:
    """Two codes that share nothing: a try is found here exactly where the policy's ceilings would not have allowed it."""
    network, country = card
    at, counted, tries, expected = NOW, list[CardTry](), list[AuditedTry](), set[str]()
    for number, (hours, amount_minor, what) in enumerate(drawn):
        at += HOUR * (hours / pace / 10)
        flags = {"is_approved": what == "approved", "at_network": what != "away", "is_technical": what == "technical"}
        one = tried(number, at, network=network, country=country, amount_minor=amount_minor, **flags)
        rules = [rule for rule in CEILINGS.of(network, country, at) if not rule.is_ours]
        if one.at_network and next_allowed(rules, counted, CardAsk("card_a", amount_minor, "USD"), at) > at:
            expected.add(one.operation_id)
        tries.append(one)
        counted.append(CardTry(at, "card_a", amount_minor, "USD", **flags))
    assert {each.operation_id for each in broken(tries, EVER)} == expected
