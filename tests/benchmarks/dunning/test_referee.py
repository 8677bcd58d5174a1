"""The referee finds what the networks forbid, whoever does it."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.dunning.networks import networks
from benchmarks.dunning.referee import Violations, violations
from benchmarks.dunning.seen import Answer, Card, Try

BEGIN = datetime(2027, 1, 4, 9, tzinfo=UTC)
VISA, MASTERCARD = (Card(name, name, "debit", "US", BEGIN) for name in ("visa", "mastercard"))
FUNDS = networks().shown("stripe", "51", None)


def tries(card: Card, answer: Answer, *hours: float) -> list[Try]:
    """Return tries of a card that were all answered alike."""
    return [Try(BEGIN + timedelta(hours=at), card, answer) for at in hours]


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
@pytest.mark.parametrize("code", ["04", "14", "41", "43", "46", "57", "R0", "R1"])
def test_a_try_after_a_never_of_visa_is_found(gateway: str, code: str) -> None:
    """Codes of category 1 allow no further try, also long after and after softer ones."""
    played = tries(VISA, networks().shown(gateway, code, None), 0) + tries(VISA, FUNDS, 100, 700)
    assert violations(played) == Violations(after_never=2, above_ceiling=0, before_wait=0)


@pytest.mark.parametrize("code", ["05", "51", "59", "62", "78", "91", "54", "1A"])
def test_other_codes_of_visa_allow_more(code: str) -> None:
    """The referee counts nothing that is allowed."""
    for gateway in ("stripe", "paypal"):
        assert violations(tries(VISA, networks().shown(gateway, code, None), 0, 24, 48)).total == 0


@pytest.mark.parametrize("advice", ["03", "21"])
def test_a_try_after_mastercards_advice_not_to_is_found(advice: str) -> None:
    """With whatever code it came, and at both gateways."""
    for gateway in ("stripe", "paypal"):
        played = tries(MASTERCARD, networks().shown(gateway, "51", advice), 0, 200)
        assert violations(played).after_never == 1


def test_another_card_may_be_tried() -> None:
    """What was said of a card says nothing of the one that replaced it."""
    played = tries(VISA, networks().shown("stripe", "41", None), 0) + tries(MASTERCARD, FUNDS, 1)
    assert violations(played).total == 0


def test_the_21st_further_try_of_visa_in_30_days_is_found() -> None:
    """20 are allowed after the first; the first of all is not one of them."""
    assert violations(tries(VISA, FUNDS, *range(0, 21 * 24, 24))).total == 0
    assert violations(tries(VISA, FUNDS, *range(0, 22 * 24, 24))).above_ceiling == 1
    assert violations(tries(VISA, FUNDS, *range(0, 22 * 40, 40))).total == 0  # the first have left the 30 days


def test_the_eleventh_decline_of_mastercard_in_a_day_is_found() -> None:
    """Ten in a row within 24 hours are allowed, with the first."""
    assert violations(tries(MASTERCARD, FUNDS, *range(10))).total == 0
    assert violations(tries(MASTERCARD, FUNDS, *range(11))).above_ceiling == 1


def test_the_36th_try_of_mastercard_in_30_days_is_found() -> None:
    """35 of the same amount are allowed, with the first."""
    assert violations(tries(MASTERCARD, FUNDS, *range(0, 35 * 18, 18))).total == 0
    assert violations(tries(MASTERCARD, FUNDS, *range(0, 36 * 18, 18))).above_ceiling == 1


@pytest.mark.parametrize(("advice", "hours"), [("02", 72), ("24", 1), ("25", 24), ("30", 240)])
def test_a_try_before_an_advised_wait_is_over_is_found(advice: str, hours: float) -> None:
    """At the hour it is allowed, before it is not; a later answer without advice does not end the wait."""
    first = tries(MASTERCARD, networks().shown("stripe", "51", advice), 0)
    assert violations([*first, *tries(MASTERCARD, FUNDS, hours)]).total == 0
    assert violations([*first, *tries(MASTERCARD, FUNDS, hours - 0.5)]).before_wait == 1
    assert violations([*first, *tries(MASTERCARD, FUNDS, hours / 4, hours / 2)]).before_wait == 2


def test_what_did_not_reach_the_network_is_not_counted() -> None:
    """A gateway that is down sends nothing on."""
    down = Answer(succeeded=False, reached_network=False, code="gateway_unreachable")
    assert violations(tries(VISA, networks().shown("stripe", "41", None), 0) + tries(VISA, down, 1, 2)).total == 0
