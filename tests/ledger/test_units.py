"""Units of ours stand beside the currencies of ISO 4217; no gateway is ever asked for one."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateways.paypal_amounts import from_paypal
from gateways.stripe_amounts import from_stripe
from ledger import units
from ledger.charges import ChargeRequest
from ledger.lined_yaml import FileFault
from ledger.money import Money, MoneyError, iso_digits, minor_digits
from ledger.splits import SplitRequest

REFUSED = "CREDIT is a unit of ours, which no gateway takes: charge a currency such as USD"
METHODS = [{"gateway": "stripe", "token": "pm_1"}]


def test_the_units_that_ship_can_be_used() -> None:
    """Wallets are kept in credits, which are whole."""
    assert units.known()["CREDIT"].digits == 0
    assert minor_digits("CREDIT") == 0
    credits_ = Money.parse("1000", "credit")
    assert (credits_.amount_minor, str(credits_)) == (1000, "1,000 CREDIT")
    assert str(credits_ + credits_) == "2,000 CREDIT"
    with pytest.raises(MoneyError, match="too precise: CREDIT has 0 decimal places"):
        Money.parse("0.5", "CREDIT")
    with pytest.raises(MoneyError, match="cannot combine CREDIT with USD"):
        credits_ + Money.parse("1", "USD")


def test_a_unit_that_nobody_defined_is_refused() -> None:
    """An amount in nothing means nothing."""
    for code in ("POINTS", "credit", "XAU"):
        with pytest.raises(MoneyError, match=r"unknown currency|no minor unit"):
            minor_digits(code)
    with pytest.raises(MoneyError, match="unknown currency 'CREDIT': give an ISO 4217 code such as USD"):
        iso_digits("CREDIT")


def listed(*fields: str) -> str:
    return "units:\n" + "".join(f"  - {{{one}}}\n" for one in fields)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: the file is empty: write `units:` and at least one unit"),
        ("units: []", "line 1: units: needs at least one entry: add it, or leave the whole field out"),
        (listed("code: USD, digits: 2, name: x"), "line 2: code: USD is a currency of ISO 4217: give the unit a name of its own"),
        (listed("code: XAU, digits: 2, name: x"), "line 2: code: XAU is a currency of ISO 4217: give the unit a name of its own"),
        (listed("code: GO, digits: 0, name: x"), f"line 2: code: is not written as it has to be: it must match {units.CODE}"),
        (listed("code: THIRTEENCHARS, digits: 0, name: x"), f"line 2: code: is not written as it has to be: it must match {units.CODE}"),
        (listed("code: points, digits: 0, name: x"), f"line 2: code: is not written as it has to be: it must match {units.CODE}"),
        (listed("code: 4711, digits: 0, name: x"), f"line 2: code: is not written as it has to be: it must match {units.CODE}"),
        (listed("code: POINT, digits: 7, name: x"), "line 2: digits: must be less than or equal to 6"),
        (listed("code: POINT, name: x"), "line 2: digits: is missing: add it"),
        (listed("code: POINT, digits: 0, name: x", "code: POINT, digits: 1, name: y"), "line 2: code: POINT is given twice: give it once"),
    ],
)  # fmt: skip
def test_units_that_cannot_be_used_are_refused_with_their_line(text: str, fault: str) -> None:
    """No wallet is ever kept in something that is also money, or in two things of one name."""
    with pytest.raises(FileFault) as refused:
        units.parse(text, "u.yaml")
    assert refused.value.lines[0] == f"u.yaml {fault}"


def test_a_charge_in_a_unit_is_refused_in_one_line() -> None:
    """No gateway is asked for credits."""
    request: dict[str, Any] = {
        "charge_id": "ch_1",
        "amount": {"amount_minor": 10, "currency": "CREDIT"},
        "customer": "cus_1",
        "payment_methods": METHODS,
        "actor": "person:alice",
    }
    with pytest.raises(ValidationError) as refused:
        ChargeRequest.model_validate(request)
    assert [fault["msg"] for fault in refused.value.errors()] == [f"Value error, {REFUSED}"]


def test_a_split_in_a_unit_is_refused_in_one_line() -> None:
    """One line for the whole, and none for each leg."""
    leg = {"amount": {"amount_minor": 5, "currency": "CREDIT"}, "payment_methods": METHODS}
    request = {
        "split_id": "sp_1",
        "amount": {"amount_minor": 10, "currency": "CREDIT"},
        "customer": "cus_1",
        "legs": [leg, leg],
        "actor": "person:alice",
    }
    with pytest.raises(ValidationError) as refused:
        SplitRequest.model_validate(request)
    assert [fault["msg"] for fault in refused.value.errors()] == [f"Value error, {REFUSED}"]


def test_a_gateway_cannot_report_an_amount_in_a_unit() -> None:
    """Whatever a gateway calls CREDIT is not ours."""
    with pytest.raises(ValueError, match="unknown currency 'CREDIT'"):
        from_paypal("5", "credit")
    with pytest.raises(ValueError, match="unknown currency 'CREDIT'"):
        from_stripe(5, "credit")
