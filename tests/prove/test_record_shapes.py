"""Shapes of the gateways' records that the simulators do not make, as the official documents describe them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways.records import paypal_effects, stripe_transactions
from gateways.records.paypal_effects import ToRead, of_order, of_refund, of_transaction
from gateways.records.reader import RecordUnreadable
from gateways.records.stripe_effects import Gathered
from gateways.records.stripe_transactions import amount_minor
from ledger.proofs.evidence import Effect, EffectKind, Standing

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def transaction(code: str = "T0006", status: str = "S", **changes: Any) -> dict[str, Any]:
    """Make a record of PayPal's transaction search."""
    return {
        "transaction_id": "9AB",
        "transaction_event_code": code,
        "transaction_status": status,
        "transaction_initiation_date": "2026-11-20T10:00:00Z",
        "transaction_updated_date": "2026-11-20T10:00:01+0000",
        "transaction_amount": {"currency_code": "USD", "value": "49.99"},
        "fee_amount": {"currency_code": "USD", "value": "-1.75"},
        "invoice_id": "ch_1:capture:1",
        "custom_field": "ch_1:authorize:1",
        **changes,
    }


def effect(**given: Any) -> Effect:
    """Read a record that tells of an effect."""
    found = of_transaction(transaction(**given), NOW)
    assert isinstance(found, Effect)
    return found


def movement(**changes: Any) -> dict[str, Any]:
    """Make a balance transaction of Stripe's."""
    return {
        "id": "txn_1",
        "amount": 4999,
        "fee": 175,
        "currency": "usd",
        "reporting_category": "charge",
        "source": "ch_1",
        "created": int(NOW.timestamp()),
        **changes,
    }


def intent(status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """Make a PaymentIntent of Stripe's."""
    return {
        "id": "pi_1",
        "status": status,
        "amount": 4999,
        "amount_received": 4999 if status == "succeeded" else 0,
        "currency": "usd",
        "capture_method": "automatic",
        "created": int(NOW.timestamp()),
        "metadata": {"operation_id": "ch_1:capture:1", "charge_id": "ch_1"},
        "latest_charge": {"id": "ch_1", "status": "succeeded", "created": int(NOW.timestamp())},
        **changes,
    }


def gathered(*documents: dict[str, Any]) -> list[Effect]:
    """Put PaymentIntents and balance transactions together."""
    facts = Gathered()
    for document in documents:
        (facts.add_intent if document["id"].startswith("pi_") else facts.add_transaction)(document)
    return list(facts.effects())


def test_a_payment_in_the_search_is_a_capture_with_its_fee() -> None:
    """The fee is what PayPal kept, whichever sign it is shown with; the name of the capture wins over the order's."""
    for sign in ("-1.75", "1.75"):
        found = effect(fee_amount={"currency_code": "USD", "value": sign})
        assert (found.kind, found.standing, found.amount_minor) == (EffectKind.CAPTURE, Standing.DONE, 4999)
        assert (found.fee_minor, found.operation_id, found.charge_id) == (175, "ch_1:capture:1", "ch_1")


def test_a_refund_in_the_search_is_signed_and_may_bring_a_fee_back() -> None:
    """Money given back is shown as negative; a fee that is given back lowers what the refund cost."""
    amount = {"currency_code": "USD", "value": "-10.00"}
    fee = {"currency_code": "USD", "value": "0.49"}
    found = effect(code="T1107", transaction_amount=amount, fee_amount=fee, invoice_id="ch_1:refund:1")
    assert (found.kind, found.amount_minor, found.fee_minor) == (EffectKind.REFUND, 1000, -49)


def test_an_inherited_name_is_no_name() -> None:
    """A refund of the dashboard inherits the capture's invoice id: it is of the charge, of no operation, and read by its id."""
    found = of_transaction(transaction(code="T1107"), NOW)
    assert isinstance(found, ToRead)
    assert (found.kind, found.reference) == (EffectKind.WITHDRAWAL, "9AB")
    assert found.otherwise is not None
    assert (found.otherwise.operation_id, found.otherwise.charge_id) == (None, "ch_1")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"status": "D"}, None),
        ({"status": "V"}, ToRead(EffectKind.CAPTURE, "9AB")),
        ({"code": "T1300"}, ToRead(EffectKind.AUTHORIZE, "9AB")),
        ({"code": "T1300", "status": "D"}, None),
        ({"code": "T0400", "status": "P"}, None),
    ],
)
def test_what_the_search_does_not_settle_is_read_by_id_or_is_nothing(given: dict[str, str], expected: object) -> None:
    """A denied payment moved nothing; whether an authorization is open the search does not say."""
    assert of_transaction(transaction(**given), NOW) == expected


def test_an_authorization_older_than_any_can_be_holds_nothing() -> None:
    """After 29 days PayPal has released it, so that years of authorizations need not be read one by one."""
    then = (NOW - timedelta(days=40)).isoformat()
    assert effect(code="T1300", transaction_initiation_date=then).standing is Standing.USED
    assert effect(code="T1300", status="V", transaction_initiation_date=then).standing is Standing.RELEASED


@pytest.mark.parametrize(
    ("code", "value", "moved"), [("T0400", "-500.00", -50175), ("T1201", "-49.99", -5174), ("T0000", "-20.00", -2175)]
)
def test_a_withdrawal_a_chargeback_or_a_payment_of_ours_is_a_movement(code: str, value: str, moved: int) -> None:
    """Whatever else changed the balance is told with what it changed it by, fee included."""
    found = effect(code=code, transaction_amount={"currency_code": "USD", "value": value})
    assert (found.kind, found.amount_minor, found.description, found.operation_id) == (
        EffectKind.MOVEMENT,
        moved,
        code,
        None,
    )


@pytest.mark.parametrize(
    ("currency", "value", "minor"), [("JPY", "500", 500), ("HUF", "1500", 150_000), ("USD", "0.01", 1)]
)
def test_paypals_major_units_become_iso_minor_units(currency: str, value: str, minor: int) -> None:
    """Forints come without decimal places and have two."""
    assert effect(transaction_amount={"currency_code": currency, "value": value}).amount_minor == minor


def test_an_order_gives_its_charge_to_what_names_none() -> None:
    """A refund of the dashboard is of the charge whose order it gives back."""
    refund = {
        "id": "R1",
        "status": "COMPLETED",
        "amount": {"currency_code": "USD", "value": "1.00"},
        "create_time": "2026-11-20T10:00:00Z",
    }
    order = {"id": "O1", "purchase_units": [{"custom_id": "ch_1:capture:1", "payments": {"refunds": [refund]}}]}
    [found] = of_order(order)
    assert (found.kind, found.description) == (EffectKind.WITHDRAWAL, "reversal")
    assert (found.charge_id, found.operation_id, found.payment_reference) == ("ch_1", None, "O1")


def test_an_unknown_status_is_not_guessed() -> None:
    """A status of a later API version stops the proof instead of passing as nothing."""
    refund = {"id": "R1", "status": "SPLIT", "amount": {"currency_code": "USD", "value": "1.00"}}
    with pytest.raises(RecordUnreadable, match="R1 with the unknown status SPLIT"):
        list(of_refund(refund))
    with pytest.raises(RecordUnreadable, match="re_1 with the unknown status split"):
        Gathered().add_refund({"id": "re_1", "status": "split"})


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (4999, "usd", 4999),
        (500, "jpy", 500),
        (50_000, "isk", 500),
        (500_000, "ugx", 5000),
        (5, "mga", 500),
        (12_340, "kwd", 12_340),
    ],
)
def test_stripes_integers_become_iso_minor_units(amount: int, currency: str, minor: int) -> None:
    """Stripe's exponents differ from ISO 4217 for a few currencies."""
    assert amount_minor(amount, currency) == minor


def test_an_amount_that_is_no_whole_amount_stops_the_proof() -> None:
    """Nothing is rounded on the way to the books."""
    with pytest.raises(RecordUnreadable, match="50001 isk"):
        amount_minor(50_001, "isk")
    with pytest.raises(RecordUnreadable, match=r"0\.5 JPY"):
        effect(transaction_amount={"currency_code": "JPY", "value": "0.5"})


def test_a_fee_of_stripe_is_the_sum_over_its_balance_transactions() -> None:
    """Part of a fee may be given back when less was captured than authorized."""
    reversal = movement(id="txn_2", amount=-2000, fee=-20, reporting_category="partial_capture_reversal")
    [found] = gathered(intent(), movement(), reversal)
    assert (found.fee_minor, found.fee_currency) == (155, "USD")


def test_fees_in_two_currencies_stop_the_proof() -> None:
    """A sum that cannot be made is not made up."""
    with pytest.raises(RecordUnreadable, match="several currencies"):
        gathered(intent(), movement(), movement(id="txn_2", currency="eur"))


@pytest.mark.parametrize("category", ["payout", "dispute", "other_adjustment"])
def test_other_movements_of_stripes_balance_are_told(category: str) -> None:
    """A payout and a dispute move money, and no operation of ours explains them."""
    found = gathered(movement(reporting_category=category, amount=-900, fee=15, source=None))
    assert [(each.kind, each.amount_minor, each.description) for each in found] == [
        (EffectKind.MOVEMENT, -915, category)
    ]


@pytest.mark.parametrize(
    ("status", "capture_method", "expected"),
    [
        ("processing", "automatic", [(EffectKind.CAPTURE, Standing.PENDING)]),
        ("processing", "manual", [(EffectKind.AUTHORIZE, Standing.PENDING)]),
        ("requires_action", "automatic", []),
        ("requires_payment_method", "automatic", []),
        ("canceled", "manual", [(EffectKind.AUTHORIZE, Standing.RELEASED)]),
        ("canceled", "automatic", []),
        ("requires_capture", "manual", [(EffectKind.AUTHORIZE, Standing.HELD)]),
        ("succeeded", "manual", [(EffectKind.AUTHORIZE, Standing.USED), (EffectKind.CAPTURE, Standing.DONE)]),
        ("succeeded", "automatic_async", [(EffectKind.CAPTURE, Standing.DONE)]),
    ],
)
def test_a_payment_intent_is_read_as_what_it_did(
    status: str, capture_method: str, expected: list[tuple[EffectKind, Standing]]
) -> None:
    """What a status means for money is the same for every PaymentIntent."""
    found = gathered(intent(status, capture_method=capture_method))
    assert [(each.kind, each.standing) for each in found] == expected


def test_a_payment_that_was_declined_and_cancelled_held_nothing() -> None:
    """A PaymentIntent whose latest attempt failed was never an authorization."""
    failed = {"id": "ch_1", "status": "failed", "created": int(NOW.timestamp())}
    assert gathered(intent("canceled", capture_method="manual", latest_charge=failed)) == []


def test_what_a_failure_cost_is_told_with_the_money_that_it_took() -> None:
    """The fee of a failed bank debit is the withdrawal's, and the capture keeps its own; it failed, and was captured."""
    failure = movement(id="txn_9", amount=-4999, fee=400, reporting_category="charge_failure")
    charge = {"id": "ch_1", "status": "failed", "created": int(NOW.timestamp()), "amount_captured": 4999}
    failed = intent("requires_payment_method", latest_charge={**charge, "failure_balance_transaction": failure})
    found = gathered(failed, movement(), failure)
    assert [(each.kind, each.reference, each.amount_minor, each.fee_minor) for each in found] == [
        (EffectKind.CAPTURE, "pi_1", 4999, 175),
        (EffectKind.WITHDRAWAL, "txn_9", 4999, 400),
    ]
    assert {each.charge_id for each in found} == {"ch_1"}


def test_the_gateways_names_are_those_of_the_settings() -> None:
    """Effects and operations of one gateway carry the same name."""
    assert (stripe_transactions.NAME, paypal_effects.NAME) == ("stripe", "paypal")
