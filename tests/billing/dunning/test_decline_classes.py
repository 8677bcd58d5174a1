"""What a decline means for the days to come: by the network first, its advice next, the gateway last; and by the date."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.dunning import decline_classes
from billing.dunning.decline_classes import (
    DECLINE_CLASSES,
    Answer,
    Classified,
    DeclineClass,
    DeclineClasses,
    Row,
    Scope,
)
from gateways.session_map import SESSION_MAP

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def classified(
    code: str = "card_declined",
    *,
    network_code: str | None = None,
    network_advice: str | None = None,
    advice: str | None = None,
    gateway: str = "stripe",
    network: str | None = "visa",
    country: str | None = "US",
    at: datetime = NOW,
) -> Classified:
    answer = Answer(code=code, network_code=network_code, network_advice=network_advice, advice=advice)
    return DECLINE_CLASSES.classify(answer, gateway=gateway, network=network, country=country, at=at)


def row(**changes: str) -> Row:
    given = {
        "system": "visa",
        "signal": "network",
        "code": "05",
        "network": "",
        "region": "",
        "decline_class": "generic",
        "holds_for": "",
        "wait_hours": "",
        "effective_from": "",
        "effective_until": "",
        "source": "test",
        "note": "test",
    }
    return Row.model_validate({**given, **changes})


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("04 07 12 14 15 41 43 46 57 R0 R1 R3", DeclineClass.NEVER),
        ("51 61 65 N4", DeclineClass.WAIT_FOR_FUNDS),
        ("19 86 91 96", DeclineClass.TECHNICAL),
        ("54 55 82 6P N7", DeclineClass.FIX_DATA),
        ("1A", DeclineClass.NEEDS_AUTHENTICATION),
        ("01 03 05 13 39 52 53 58 59 62 63 70 75 78 83 93 5C 9G N3 Z5", DeclineClass.GENERIC),
    ],
)
def test_each_code_of_visa_has_the_class_of_its_category(codes: str, expected: DeclineClass) -> None:
    """A reader of Visa's rules finds each code where Visa has it."""
    found = {code: classified(network_code=code) for code in codes.split()}
    assert {code: one.decline_class for code, one in found.items()} == dict.fromkeys(found, expected)
    assert {one.scope for one in found.values()} == {Scope.CARD if expected is DeclineClass.NEVER else None}


def test_the_network_is_trusted_before_the_gateway() -> None:
    """A gateway's vague word does not hide what the network said."""
    assert classified("generic_decline", network_code="51").decline_class is DeclineClass.WAIT_FOR_FUNDS
    assert classified("insufficient_funds", network_code="05").decline_class is DeclineClass.GENERIC


def test_an_advice_is_trusted_before_the_gateway_and_after_the_network() -> None:
    """Mastercard's "new information is needed" wins over a generic code, and not over "no money"."""
    advised = classified("generic_decline", network_advice="01", network="mastercard")
    assert advised.decline_class is DeclineClass.FIX_DATA
    both = classified("generic_decline", network_code="51", network_advice="01", network="mastercard")
    assert both.decline_class is DeclineClass.WAIT_FOR_FUNDS


@pytest.mark.parametrize(
    "said",
    [
        {"network_code": "43"},
        {"network_advice": "03", "network": "mastercard", "network_code": "51"},
        {"network_advice": "21", "network": "mastercard", "network_code": "05"},
        {"advice": "do_not_try_again", "network_code": "05"},
        {"code": "stolen_card", "network_code": "05"},
        {"advice": "03", "gateway": "paypal", "code": "0500"},
    ],
)
def test_whoever_says_never_is_believed(said: dict[str, Any]) -> None:
    """No softer code beside it lets a card be tried that its issuer will never approve: networks fine that."""
    found = classified(**said)
    assert (found.decline_class, found.scope) == (DeclineClass.NEVER, Scope.CARD)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"code": "fraudulent", "network_code": "59"}, DeclineClass.GENERIC),
        ({"code": "fraudulent", "network_code": "59", "advice": "try_again_later"}, DeclineClass.GENERIC),
        ({"code": "fraudulent", "network_code": "51", "network": "mastercard"}, DeclineClass.WAIT_FOR_FUNDS),
        ({"code": "9500", "advice": "02", "gateway": "paypal", "network": "mastercard"}, DeclineClass.WAIT_FOR_FUNDS),
    ],
)
def test_a_gateways_suspicion_gives_way_to_what_the_network_said(said: dict[str, Any], expected: DeclineClass) -> None:
    """A customer whose bank said 59, which may be tried again, is not lost by Stripe's word for it."""
    assert classified(**said).decline_class is expected


@pytest.mark.parametrize(
    "said",
    [
        {"code": "fraudulent"},
        {"code": "fraudulent", "advice": "try_again_later"},
        {"code": "fraudulent", "network_code": "ZZ"},
        {"code": "fraudulent", "network_code": "41"},
        {"code": "fraudulent", "network_code": "59", "advice": "do_not_try_again"},
        {"code": "fraudulent", "network_code": "59", "network_advice": "03", "network": "mastercard"},
        {"code": "9500", "network_code": "9500", "gateway": "paypal"},
        {"code": "9500", "advice": "03", "gateway": "paypal", "network": "mastercard"},
        {"code": "9500", "advice": "21", "gateway": "paypal"},
    ],
)
def test_a_suspicion_is_a_never_where_nobody_says_otherwise(said: dict[str, Any]) -> None:
    """A network that is silent, or that no rule knows, does not clear a card; and one that says never is believed."""
    found = classified(**said)
    assert (found.decline_class, found.scope) == (DeclineClass.NEVER, Scope.CARD)


@pytest.mark.parametrize(
    ("code", "gateway"),
    [
        ("lost_card", "stripe"),
        ("stolen_card", "stripe"),
        ("pickup_card", "stripe"),
        ("revocation_of_all_authorizations", "stripe"),
        ("9520", "paypal"),
        ("9530", "paypal"),
    ],
)
@pytest.mark.parametrize("network_code", ["05", "51", "59", "91"])
def test_a_card_reported_lost_or_stolen_is_not_tried_whatever_else_is_said(
    code: str, gateway: str, network_code: str
) -> None:
    """A thief's card, or one whose holder forbade it, is never charged on the strength of a vague code beside it."""
    found = classified(code, gateway=gateway, network_code=network_code, network="mastercard", advice="try_again_later")
    assert (found.decline_class, found.scope) == (DeclineClass.NEVER, Scope.CARD)


@pytest.mark.parametrize(
    ("advice", "hours"),
    [("02", 72), ("24", 1), ("25", 24), ("26", 48), ("27", 96), ("28", 144), ("29", 192), ("30", 240)],
)
def test_an_advised_wait_is_kept_whatever_decides_the_class(advice: str, hours: int) -> None:
    """Mastercard takes a fee for tries before its wait is over, also where the code says something else."""
    for network_code in ("51", "05"):
        found = classified(network_code=network_code, network_advice=advice, network="mastercard")
        assert found.wait == timedelta(hours=hours)


def test_paypals_advice_is_read_by_the_network_of_the_card() -> None:
    """02 is a wait of Mastercard's, and the cardholder's word of Visa's: this payment, and not the card."""
    mastercard = classified("5120", advice="02", gateway="paypal", network="mastercard")
    assert (mastercard.decline_class, mastercard.wait) == (DeclineClass.WAIT_FOR_FUNDS, timedelta(hours=72))
    visa = classified("5120", advice="02", gateway="paypal", network="visa")
    assert (visa.decline_class, visa.scope) == (DeclineClass.NEVER, Scope.METHOD)


def test_paypals_response_code_said_twice_is_no_code_of_the_network() -> None:
    """Its adapter gives the response code as the network's too; that is nothing unknown."""
    found = classified("5120", network_code="5120", gateway="paypal")
    assert (found.decline_class, found.unknown) == (DeclineClass.WAIT_FOR_FUNDS, ())


@pytest.mark.parametrize(
    ("code", "day", "expected"),
    [
        ("57", datetime(2026, 10, 24, 23, 59, tzinfo=UTC), DeclineClass.GENERIC),
        ("57", datetime(2026, 10, 25, tzinfo=UTC), DeclineClass.NEVER),
    ],
)
def test_a_code_means_what_it_means_on_its_day(code: str, day: datetime, expected: DeclineClass) -> None:
    """57 becomes one of the nevers on 25 October 2026; a decline of the day before stays what it was."""
    assert classified(network_code=code, at=day).decline_class is expected


@pytest.mark.parametrize(
    ("network", "code", "country", "expected"),
    [
        ("visa", "70", "DE", DeclineClass.NEEDS_AUTHENTICATION),
        ("visa", "70", "AE", DeclineClass.NEEDS_AUTHENTICATION),
        ("visa", "70", "US", DeclineClass.GENERIC),
        ("visa", "70", None, DeclineClass.GENERIC),
        ("mastercard", "65", "FR", DeclineClass.NEEDS_AUTHENTICATION),
        ("mastercard", "65", "US", DeclineClass.WAIT_FOR_FUNDS),
    ],
)
def test_a_code_means_what_it_means_where_the_card_was_issued(
    network: str, code: str, country: str | None, expected: DeclineClass
) -> None:
    """What only Europe means by a code is not taken for what the others mean."""
    assert classified(network_code=code, network=network, country=country).decline_class is expected


def test_an_unknown_code_is_told_and_decides_nothing() -> None:
    """The data has to learn it; meanwhile what is known decides, and where nothing is, the class is unknown."""
    nothing = classified("brand_new", network_code="ZZ")
    assert nothing.decline_class is DeclineClass.UNKNOWN
    assert nothing.unknown == ("visa network ZZ", "stripe code brand_new")
    something = classified("insufficient_funds", network_code="ZZ")
    assert (something.decline_class, something.unknown) == (DeclineClass.WAIT_FOR_FUNDS, ("visa network ZZ",))


def test_what_may_be_paid_already_holds_for_the_invoice() -> None:
    """An answer that may mean that it was paid stops every method: no second payment by a backup card."""
    assert classified("DUPLICATE_INVOICE_ID", gateway="paypal").scope is Scope.INVOICE
    assert classified("duplicate_transaction").scope is Scope.INVOICE


def test_every_code_that_the_gateways_are_known_to_send_has_a_class() -> None:
    """Whatever routing's map of a session knows, dunning knows too, advices as well."""
    for gateway, signal, code in SESSION_MAP.rows:
        given = gateway if gateway != "any" else "stripe"
        answer = Answer(code=code) if signal == "code" else Answer(code="generic_decline", advice=code)
        found = DECLINE_CLASSES.classify(answer, gateway=given, network=None, country=None, at=NOW)
        assert [one for one in found.unknown if code in one] == [], (gateway, signal, code)


def test_every_row_has_a_source_and_says_why() -> None:
    """A rule that nobody can look up is no rule."""
    assert all(one.source and one.note for one in DECLINE_CLASSES.rows)
    assert len(DECLINE_CLASSES.rows) > 300


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(), row()], "visa network 05 is in the decline classes twice for the same time: end the earlier row"),
        (
            [row(effective_until="2026-02-01"), row(effective_from="2026-01-01")],
            "visa network 05 is in the decline classes twice for the same time: end the earlier row",
        ),
        ([row(decline_class="never")], "visa network 05 says never without what it holds for"),
        ([row(holds_for="card")], "visa network 05 says never without what it holds for"),
        ([row(signal="code", decline_class="by_code")], "visa code 05 leads nowhere"),
        ([row(signal="code", decline_class="suspected")], "visa code 05 says never without what it holds for"),
        ([row(decline_class="suspected", holds_for="card")], "visa network 05 is a suspicion of a network"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(rows: list[Row], message: str) -> None:
    """Which of two rows decides is never a matter of their order in the file."""
    with pytest.raises(ValueError, match=message):
        DeclineClasses(rows)


def test_rows_that_follow_each_other_are_taken() -> None:
    """A change of the rules is a row that ends and one that begins the same day."""
    rows = [row(effective_until="2026-02-01"), row(effective_from="2026-02-01", decline_class="fix_data")]
    assert len(DeclineClasses(rows).rows) == 2


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("region", "atlantis", "line 2: .*there is no region atlantis"),
        ("source", "", "line 2: .*source"),
        ("effective_from", "2027-01-01", "line 2: .*ends before it begins"),
        ("decline_class", "perhaps", "line 2: .*decline_class"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_with_its_number(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    """Whoever changes the data is told where the fault is, before anything runs by it."""
    given = {**row(effective_until="2026-06-01").model_dump(mode="json"), column: value}
    path = tmp_path / "rows.csv"
    path.write_text(",".join(given) + "\n" + ",".join("" if one is None else str(one) for one in given.values()) + "\n")
    with pytest.raises(ValueError, match=message):
        decline_classes.read(path)
