"""Card numbers are recognised, so that they can be refused; ids are not mistaken for them."""

import random
import uuid

import pytest

from ledger.card_numbers import looks_like_card_number


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "order 5555555555554444 paid",
        "ch_4242424242424242",
        "card4242424242424242",
        "378282246310005",
        "6011111111111117",
    ],
)
def test_a_card_number_is_recognised_however_it_is_written(text: str) -> None:
    """None may come into a store or a log."""
    assert looks_like_card_number(text)


@pytest.mark.parametrize("text", ["4242424242424241", "pm_card_visa", "2026-11-21 02:43:44", "cus_1", "424242"])
def test_other_text_is_not(text: str) -> None:
    """Nobody is refused without a reason."""
    assert not looks_like_card_number(text)


def test_random_ids_are_never_taken_for_card_numbers() -> None:
    """A charge is not refused because of the id that chance gave it."""
    chance = random.Random(20261121)
    ids = [f"ch_{uuid.UUID(int=chance.getrandbits(128), version=4).hex}" for _ in range(20_000)]
    assert not [identifier for identifier in ids if looks_like_card_number(identifier)]
