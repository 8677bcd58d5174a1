"""The in-session map: data whose every row has a source, and whose mistakes are all on the side of the customer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways import paypal_errors
from gateways.port import RefusalCode
from gateways.session_map import BY_CODE, SESSION_MAP, Action, Row, SessionMap, read

NEVER = [
    ("stripe", "lost_card"),
    ("stripe", "stolen_card"),
    ("stripe", "pickup_card"),
    ("stripe", "fraudulent"),
    ("stripe", "merchant_blacklist"),
    ("stripe", "do_not_try_again"),
    ("stripe", "revocation_of_all_authorizations"),
    ("stripe", "stop_payment_order"),
    ("stripe", "duplicate_transaction"),
    ("stripe", "card_decline_rate_limit_exceeded"),
    ("paypal", "9500"),
    ("paypal", "9520"),
    ("paypal", "5150"),
    ("paypal", "5180"),
    ("paypal", "PPRN"),
    ("paypal", "COMPLIANCE_VIOLATION"),
    ("paypal", "PAYEE_BLOCKED_TRANSACTION"),
    ("paypal", "PAYER_ACCOUNT_RESTRICTED"),
    ("paypal", "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"),
    ("paypal", "AGREEMENT_ALREADY_CANCELLED"),
    ("paypal", "TRANSACTION_REFUSED"),
    ("paypal", "DUPLICATE_INVOICE_ID"),
    ("paypal", "ORDER_ALREADY_CAPTURED"),
]


@pytest.mark.parametrize(("gateway", "code"), NEVER)
def test_fraud_withdrawn_consent_and_possible_duplicates_end_the_session(gateway: str, code: str) -> None:
    """A stolen card is not tried somewhere else, and nobody pays twice because an answer was taken for a no."""
    advice = SESSION_MAP.look_up(gateway, code)
    assert (advice.action, advice.here_after_seconds, advice.known) == (Action.GIVE_UP, None, True)


@pytest.mark.parametrize(
    ("gateway", "code", "action", "pause"),
    [
        ("stripe", "processing_error", Action.RETRY_HERE, 2),
        ("stripe", "issuer_not_available", Action.OTHER_GATEWAY, 5),
        ("stripe", "do_not_honor", Action.OTHER_GATEWAY, None),
        ("stripe", "authentication_required", Action.AUTHENTICATE, None),
        ("stripe", "insufficient_funds", Action.GIVE_UP, None),
        ("paypal", "INSTRUMENT_DECLINED", Action.OTHER_GATEWAY, None),
        ("paypal", "9100", Action.RETRY_HERE, 2),
        ("paypal", "5650", Action.AUTHENTICATE, None),
        ("paypal", "5120", Action.GIVE_UP, None),
        ("till", "no_effect", Action.OTHER_GATEWAY, 2),
        ("stripe", "gateway_unreachable", Action.OTHER_GATEWAY, 2),
    ],
)
def test_what_is_worth_another_try_is_tried(gateway: str, code: str, action: Action, pause: int | None) -> None:
    """A customer whose bank was out of reach for a second still pays."""
    advice = SESSION_MAP.look_up(gateway, code)
    assert (advice.action, advice.here_after_seconds, advice.known) == (action, pause, True)


@given(st.sampled_from(["stripe", "paypal", "till"]), st.text(max_size=20), st.none() | st.text(max_size=5))
def test_a_code_that_nobody_knows_gives_up_and_says_so(gateway: str, code: str, advice: str | None) -> None:
    """A code that a gateway invents tomorrow never charges anybody again, and somebody hears of it."""
    found = SESSION_MAP.look_up(gateway, code, advice)
    if (gateway, "code", code) not in SESSION_MAP.rows and ("any", "code", code) not in SESSION_MAP.rows:
        assert found.action is Action.GIVE_UP
        assert not found.known or (gateway, "advice", advice) in SESSION_MAP.rows


def test_advice_that_decides_wins_over_the_code() -> None:
    """What the issuer advises is about this card, the code about cards like it."""
    assert SESSION_MAP.look_up("stripe", "processing_error", "do_not_try_again").action is Action.GIVE_UP
    assert SESSION_MAP.look_up("stripe", "generic_decline", "confirm_card_data").action is Action.GIVE_UP
    assert SESSION_MAP.look_up("paypal", "9100", "03").action is Action.GIVE_UP
    assert SESSION_MAP.look_up("stripe", "generic_decline", "try_again_later").action is Action.OTHER_GATEWAY
    assert SESSION_MAP.look_up("stripe", "insufficient_funds", "try_again_later").action is Action.GIVE_UP


def test_an_advice_that_nobody_knows_gives_up() -> None:
    """It may be the one that forbids it."""
    found = SESSION_MAP.look_up("stripe", "processing_error", "never_ever")
    assert (found.action, found.known) == (Action.GIVE_UP, False)


def test_every_code_that_our_adapters_make_a_decline_of_is_in_the_map() -> None:
    """What the adapter of PayPal calls a decline has an answer here, and so have the refusals that we name ourselves."""
    for issue in paypal_errors.DECLINES:
        assert SESSION_MAP.look_up("paypal", issue).known, issue
    for code in (RefusalCode.NO_EFFECT, RefusalCode.AMOUNT_NOT_TAKEN, "gateway_unreachable", "not_authenticated"):
        assert SESSION_MAP.look_up("stripe", code).known, code


def test_only_what_had_no_effect_or_was_lost_on_the_way_is_asked_again_at_the_same_gateway() -> None:
    """No issuer that has said no is asked the same again within seconds."""
    for row in SESSION_MAP.rows.values():
        if row.here_after_seconds:
            assert row.action in {Action.RETRY_HERE, Action.OTHER_GATEWAY}
        if row.action == Action.RETRY_HERE:
            assert row.here_after_seconds, row.code


def row(**changes: str) -> Row:
    fields = {"gateway": "stripe", "signal": "code", "code": "x", "action": "give_up", "here_after_seconds": ""}
    return Row.model_validate({**fields, "source": "docs", "note": "why", **changes})


def test_a_map_that_says_two_things_of_one_code_is_refused() -> None:
    """Which of them would hold depends on nothing that anybody can see."""
    with pytest.raises(ValueError, match="stripe code x is in the session map twice"):
        SessionMap([row(), row(action="retry_here")])
    with pytest.raises(ValueError, match="leads nowhere"):
        SessionMap([row(action=BY_CODE)])


@pytest.mark.parametrize(
    "line", ["stripe,code,x,retry,,docs,why", "stripe,code,x,give_up,,,why", "stripe,code,x,give_up,0,docs,why"]
)
def test_a_row_that_cannot_be_used_is_refused_when_it_is_read(tmp_path: Path, line: str) -> None:
    """A slip in the data is found at the start and not at a decline."""
    path = tmp_path / "map.csv"
    path.write_text(f"gateway,signal,code,action,here_after_seconds,source,note\n{line}\n")
    with pytest.raises(ValueError, match="validation error"):
        read(path)
