"""What a verification says of a single entry, from its rows alone."""

from typing import Any

import pytest

from ledger.seals.content_checks import fault_of

ENTRY: dict[str, Any] = {"entry_id": 1, "line_count": 4, "totals": {"USD": 5, "EUR": 7}}
ACCOUNTS: dict[int, dict[str, Any]] = {
    1: {"code": "clearing:stripe", "type": "asset", "currency": "USD"},
    2: {"code": "revenue:sales", "type": "revenue", "currency": "USD"},
    3: {"code": "memo:a", "type": "memo", "currency": "EUR"},
    4: {"code": "memo:b", "type": "memo", "currency": "EUR"},
    5: {"code": "clearing:stripe", "type": "asset", "currency": "EUR"},
}


def line(number: int, account: int, side: str, amount: int, currency: str) -> dict[str, Any]:
    """A line."""
    return {"line_number": number, "account_id": account, "side": side, "amount_minor": amount, "currency": currency}


LINES = [
    line(1, 1, "debit", 5, "USD"),
    line(2, 2, "credit", 5, "USD"),
    line(3, 3, "debit", 7, "EUR"),
    line(4, 4, "credit", 7, "EUR"),
]


def test_a_sound_entry_has_no_fault() -> None:
    """In each currency its debits are its credits, memo accounts among themselves."""
    assert fault_of(ENTRY, LINES, ACCOUNTS) is None


@pytest.mark.parametrize(
    ("number", "change", "fault"),
    [
        (2, {"amount_minor": 6}, "does not balance: its debits and credits in USD are off by -1"),
        (4, {"amount_minor": 6}, "does not balance: its memo accounts in EUR are off by 1"),
        (4, {"account_id": 5}, "does not balance: its memo accounts in EUR are off by 7"),
        (2, {"account_id": 9}, "names account 9 in line 2, which is not there"),
        (2, {"account_id": 3}, "has USD in line 2 on account memo:a, which is kept in EUR"),
        (3, {"line_number": 5}, "has a line 5 where line 3 should be"),
        (1, {"amount_minor": -5}, "has no debit or credit of a positive amount in line 1"),
        (1, {"side": "left"}, "has no debit or credit of a positive amount in line 1"),
    ],
    ids=str,
)
def test_a_line_that_does_not_fit_is_a_fault(number: int, change: dict[str, Any], fault: str) -> None:
    """What the posting function and the triggers refuse is seen once more, should it have got past them."""
    lines = [given | change if place == number else given for place, given in enumerate(LINES, 1)]
    assert fault_of(ENTRY, lines, ACCOUNTS) == fault


def test_a_missing_line_and_wrong_totals_are_faults() -> None:
    """An entry says itself how many lines it has and what they add up to."""
    assert fault_of(ENTRY, LINES[:3], ACCOUNTS) == "has 3 of its 4 lines"
    said = "states totals of {'USD': 6, 'EUR': 7}, and its debits are {'USD': 5, 'EUR': 7}"
    assert fault_of(ENTRY | {"totals": {"USD": 6, "EUR": 7}}, LINES, ACCOUNTS) == said
