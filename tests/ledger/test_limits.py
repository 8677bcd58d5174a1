"""The limits of charges and operations are constraints: two processes that race cannot both win."""

import itertools
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Placeholder

CHARGE = {
    "charge_id": "ch_1",
    "request_hash": "hash",
    "status": "processing",
    "customer": "cus_1",
    "currency": "USD",
    "amount_minor": 100,
    "capture_method": "manual",
    "at_expiry": "void",
    "payment_methods": "[]",
    "actor": "person:alice",
}
OPERATION = {
    "purpose": "refund:re_1",
    "operation_id": "ch_1:refund:1",
    "charge_id": "ch_1",
    "kind": "refund",
    "number": 1,
    "attempt": 1,
    "gateway": "stripe",
    "amount_minor": 100,
    "currency": "USD",
    "actor": "person:alice",
}
AMOUNTS = ("authorized_minor", "captured_minor", "refunded_minor", "refund_reserved_minor")


def insert(connection: psycopg.Connection, table: str, row: dict[str, Any]) -> None:
    """Insert a row of some columns."""
    statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        Identifier(table), SQL(", ").join(map(Identifier, row)), SQL(", ").join(map(Placeholder, row))
    )
    connection.execute(statement, row)


def test_a_charge_has_amounts_within_its_limits_and_no_others(application: psycopg.Connection) -> None:
    """No more is captured than was authorized, refunded than captured: for every combination, also against a race."""
    insert(application, "charges", CHARGE)
    application.commit()
    for authorized, captured, refunded, reserved in itertools.product([-1, 0, 50, 100, 101], repeat=4):
        allowed = (
            min(authorized, captured, refunded, reserved) >= 0
            and authorized <= 100
            and captured <= authorized
            and refunded + reserved <= captured
        )
        try:
            application.execute(
                "UPDATE charges SET authorized_minor = %s, captured_minor = %s, refunded_minor = %s,"
                " refund_reserved_minor = %s",
                [authorized, captured, refunded, reserved],
            )
            let_in = True
        except psycopg.errors.CheckViolation:
            let_in = False
        application.rollback()
        assert let_in == allowed, (authorized, captured, refunded, reserved)


def test_what_a_gateway_has_taken_back_is_not_refunded_as_well(application: psycopg.Connection) -> None:
    """Refunds and withdrawals together stay within what was captured, whichever comes second; a withdrawal is a fact."""
    amounts = {"authorized_minor": 100, "captured_minor": 100, "refunded_minor": 20, "withdrawn_minor": 50}
    insert(application, "charges", CHARGE | amounts)
    application.execute("UPDATE charges SET refund_reserved_minor = 30")
    application.commit()
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        application.execute("UPDATE charges SET refund_reserved_minor = 31")
    assert refused.value.diag.constraint_name == "refund_is_of_what_is_left"
    application.rollback()
    application.execute("UPDATE charges SET withdrawn_minor = 100")
    application.execute("UPDATE charges SET refund_reserved_minor = 0, refunded_minor = 50")


IMPOSSIBLE_CHARGES: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 0}, "charge_amount_positive"),
    ({"authorized_minor": 101}, "authorized_within_amount"),
    ({"authorized_minor": 50, "captured_minor": 51}, "captured_within_authorized"),
    ({"authorized_minor": 50, "captured_minor": 50, "refunded_minor": 51}, "refunded_within_captured"),
    ({"authorized_minor": 50, "captured_minor": 50, "refund_reserved_minor": 51}, "refunded_within_captured"),
    ({"refunded_minor": -1}, "charge_amounts_not_negative"),
    ({"withdrawn_minor": -1}, "withdrawn_not_negative"),
    ({"status": "done"}, "charge_status_known"),
    ({"currency": "usd"}, "charge_currency_form"),
    ({"capture_method": "later"}, "charge_capture_known"),
    ({"at_expiry": "forget"}, "charge_at_expiry_known"),
    ({"charge_id": "a:b"}, "charge_id_form"),
    ({"charge_id": ""}, "charge_id_form"),
    ({"customer_country": "de"}, "charge_country_form"),
]
IMPOSSIBLE_OPERATIONS: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 0}, "operation_amount_positive"),
    ({"kind": "steal", "operation_id": "ch_1:steal:1"}, "operation_kind_known"),
    ({"number": 0, "operation_id": "ch_1:refund:0"}, "operation_number_positive"),
    ({"operation_id": "ch_1:refund:2"}, "operation_id_names_it"),
    ({"attempt": 0}, "operation_attempt_positive"),
    ({"outcome": "maybe"}, "operation_outcome_known"),
    ({"fee_status": "maybe"}, "operation_fee_status_known"),
    ({"fee_minor": 5}, "operation_fee_has_currency"),
    ({"charge_id": "ch_2", "operation_id": "ch_2:refund:1"}, "operations_charge_id_fkey"),
    ({"compensates": "ch_1:capture:9"}, "operations_compensates_fkey"),
]


def refusal(connection: psycopg.Connection, table: str, row: dict[str, Any]) -> str | None:
    """Insert a row that must not be; return the name of the constraint that refused it."""
    try:
        insert(connection, table, row)
    except psycopg.errors.IntegrityError as error:
        return error.diag.constraint_name
    finally:
        connection.rollback()
    return None


def test_a_charge_that_cannot_be_is_refused_by_name(application: psycopg.Connection) -> None:
    """The constraint's name is what the error tells people."""
    for changes, constraint in IMPOSSIBLE_CHARGES:
        assert refusal(application, "charges", CHARGE | changes) == constraint, changes


def test_an_operation_that_cannot_be_is_refused_by_name(application: psycopg.Connection) -> None:
    """An operation's row is what a gateway is asked for: it is right, or it is not there."""
    insert(application, "charges", CHARGE)
    application.commit()
    for changes, constraint in IMPOSSIBLE_OPERATIONS:
        assert refusal(application, "operations", OPERATION | changes) == constraint, changes


@pytest.mark.parametrize("table", ["charges", "operations"])
@pytest.mark.parametrize("answer", ["null", "[]", '"visa"', '{"network": "' + "x" * 4000 + '"}'])
def test_an_answer_is_a_small_document(application: psycopg.Connection, table: str, answer: str) -> None:
    """What a gateway sends cannot fill the books, and is read by its names."""
    insert(application, "charges", CHARGE)
    with pytest.raises(psycopg.errors.CheckViolation, match="answer_form"):
        insert(
            application,
            table,
            {"charges": CHARGE | {"charge_id": "ch_2"}, "operations": OPERATION}[table] | {"answer": answer},
        )


def test_a_refund_has_one_operation(application: psycopg.Connection) -> None:
    """A refund that is asked for twice is not made twice."""
    insert(application, "charges", CHARGE)
    insert(application, "operations", OPERATION | {"refund_id": "re_1"})
    with pytest.raises(psycopg.errors.UniqueViolation, match="operations_refund_id_key"):
        insert(
            application,
            "operations",
            OPERATION | {"operation_id": "ch_1:refund:2", "number": 2, "refund_id": "re_1", "purpose": "another"},
        )


def test_a_purpose_is_served_by_one_operation(application: psycopg.Connection) -> None:
    """What is asked for twice for the same reason, by a process that was reset, is not done under a second key."""
    insert(application, "charges", CHARGE)
    insert(application, "operations", OPERATION)
    with pytest.raises(psycopg.errors.UniqueViolation, match="operation_purpose_is_served_once"):
        insert(application, "operations", OPERATION | {"operation_id": "ch_1:refund:2", "number": 2})


def test_the_application_writes_what_changes_about_a_charge(application: psycopg.Connection) -> None:
    """The grants that keep the rest fixed leave processes what they need."""
    insert(application, "charges", CHARGE)
    insert(application, "operations", OPERATION)
    application.execute("SELECT * FROM charges WHERE charge_id = 'ch_1' FOR UPDATE")
    application.execute("UPDATE charges SET status = 'captured', gateway = 'stripe', updated_at = now()")
    application.execute("""UPDATE charges SET answer = '{"network": "visa"}'""")
    application.execute("""UPDATE operations SET answer = '{"network": "visa"}'""")
    application.execute("UPDATE operations SET outcome = 'succeeded', gateway_reference = 're_1', decided_at = now()")
    application.commit()
