"""The attempts of a charge go where the policy says, and what the session map does not know is said aloud."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment

from activities import unknown_codes
from activities.attempts import Attempts, first_ask, next_ask
from activities.charge_decisions import Case
from activities.recent_outcomes import RecentOutcomes
from gateways.routing.ask import Method
from gateways.routing.decision import RoutingDecision
from gateways.routing.policy import of_order
from ledger.charges import Charge, ChargeRequest, ChargeStatus
from ledger.database import create_engine
from ledger.money import Money
from ledger.operations import Operation
from ledger.payment_methods import PaymentMethod
from tests.gateways.routing.asks import BOTH

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
REQUEST = ChargeRequest(
    charge_id="ch_1",
    amount=Money(amount_minor=4999, currency="USD"),
    customer="cus_1",
    payment_methods=(
        PaymentMethod(gateway="stripe", token="pm_secret", brand="visa", country="DE", funding="debit"),
        PaymentMethod(gateway="paypal", token="wallet_secret"),
    ),
    gateway="paypal",
    customer_country="FR",
    metadata={"tier": "1"},
    actor="person:tester",
)


def charge() -> Charge:
    """The row of the request."""
    fields: dict[str, Any] = dict.fromkeys(Charge.model_fields)
    fields |= REQUEST.model_dump(include=set(Charge.model_fields) & set(ChargeRequest.model_fields))
    fields |= {"request_hash": "hash", "status": ChargeStatus.PROCESSING, "currency": "USD", "amount_minor": 4999}
    fields |= {"capture_method": REQUEST.capture, "created_at": NOW, "updated_at": NOW, "gateway": "paypal"}
    fields |= {"customer_present": True}
    fields |= dict.fromkeys(
        ("authorized_minor", "captured_minor", "refunded_minor", "refund_reserved_minor", "withdrawn_minor"), 0
    )
    return Charge.model_validate(fields)


def attempt(gateway: str, outcome: str, code: str | None, number: int = 1, **changes: Any) -> Operation:
    """An attempt that was written down a second ago."""
    fields: dict[str, Any] = dict.fromkeys(Operation.model_fields)
    fields |= {"operation_id": f"ch_1:capture:{number}", "charge_id": "ch_1", "kind": "capture", "number": number}
    fields |= {"attempt": number, "gateway": gateway, "amount_minor": 4999, "currency": "USD", "fee_status": "none"}
    fields |= {"actor": "person:tester", "final": True, "requested_at": NOW - timedelta(seconds=1)}
    fields |= {"purpose": f"attempt:{number}", "excess": False, "authenticate": False, "times_unknown": 0}
    fields |= {"customer_present": True}
    return Operation.model_validate({**fields, "outcome": outcome, "decline_code": code, **changes})


def case(*attempts: Operation) -> Case:
    return Case(charge=charge(), operations=attempts)


@pytest.fixture
async def attempts() -> AsyncIterator[Attempts]:
    """Attempts by an order, which reach no database."""
    engine = create_engine("postgresql://nobody@127.0.0.1:1/nothing", 1)
    policies = of_order(("stripe", "paypal"))
    yield Attempts(BOTH, policies, RecentOutcomes(engine, policies))
    await engine.dispose()


def test_routing_is_told_what_matters_and_no_token() -> None:
    """What is kept of a decision cannot be charged."""
    asked = first_ask(REQUEST, NOW)
    assert asked.methods == (
        Method(gateway="stripe", brand="visa", country="DE", funding="debit"),
        Method(gateway="paypal"),
    )
    assert (asked.preferred, asked.customer_country, asked.metadata) == ("paypal", "FR", {"tier": "1"})
    assert "secret" not in asked.model_dump_json()
    assert next_ask(charge(), NOW) == asked.model_copy(update={"preferred": None})


async def test_the_first_attempt_goes_where_the_policy_says(attempts: Attempts) -> None:
    """The request is heard, and the decision is kept whole."""
    found = attempts.first(REQUEST, NOW)
    assert (found.gateway, found.payment_method, found.wait_seconds) == ("paypal", "wallet_secret", 0)
    assert RoutingDecision.model_validate(found.routing).strategy == "preferred"
    assert "secret" not in str(found.routing)
    assert attempts.first(REQUEST.model_copy(update={"gateway": None}), NOW).gateway == "stripe"


@pytest.mark.parametrize("is_present", [True, False])
def test_routing_is_told_whether_the_customer_is_there(is_present: bool) -> None:  # noqa: FBT001
    """At the first attempt and at each that follows."""
    request = REQUEST.model_copy(update={"customer_present": is_present})
    assert first_ask(request, NOW).customer_present is is_present
    assert next_ask(charge().model_copy(update={"customer_present": is_present}), NOW).customer_present is is_present


async def test_a_further_attempt_follows_a_no(attempts: Attempts) -> None:
    """The wallet's funding source was declined; the card is tried, with the decision that led there."""
    found = attempts.next_at(NOW)(case(attempt("paypal", "declined", "INSTRUMENT_DECLINED")))
    assert found is not None
    assert (found.gateway, found.payment_method, found.authenticate) == ("stripe", "pm_secret", False)
    assert RoutingDecision.model_validate(found.routing).attempt == 2


async def test_a_pause_and_the_customer_are_asked_for(attempts: Attempts) -> None:
    """What the session map says is what the process does."""
    pause = attempts.next_at(NOW)(case(attempt("stripe", "declined", "processing_error")))
    assert pause is not None
    assert (pause.gateway, pause.wait_seconds, pause.authenticate) == ("stripe", 2, False)
    customer = attempts.next_at(NOW)(case(attempt("stripe", "declined", "authentication_required")))
    assert customer is not None
    assert (customer.gateway, customer.authenticate) == ("stripe", True)


async def test_a_stolen_card_is_not_tried_elsewhere(attempts: Attempts) -> None:
    """The customer who reported it is not charged through the wallet."""
    with structlog.testing.capture_logs() as logs:
        assert attempts.next_at(NOW)(case(attempt("stripe", "declined", "stolen_card"))) is None
    assert [log["event"] for log in logs] == ["routing.gave_up"]


@pytest.mark.parametrize("outcome", ["unknown", "pending", "succeeded", "action_required"])
async def test_nothing_is_tried_while_an_attempt_may_have_taken_the_money(attempts: Attempts, outcome: str) -> None:
    """A caller that would ask is stopped before anything is written."""
    with pytest.raises(AssertionError, match="may not be tried again"):
        attempts.next_at(NOW)(case(attempt("stripe", outcome, None)))


async def test_nothing_is_tried_once_a_lost_attempt_turned_out_to_have_taken_the_money(attempts: Attempts) -> None:
    """It is given back; a third attempt would take it once more."""
    late = attempt("stripe", "succeeded", None, excess=True)
    assert attempts.next_at(NOW)(case(late, attempt("paypal", "declined", "INSTRUMENT_DECLINED", 2))) is None


async def test_a_decline_that_is_worth_it_is_not_tried_elsewhere_against_the_issuers_advice(attempts: Attempts) -> None:
    """An unexplained decline may be tried elsewhere; one of a card that the issuer will never approve may not."""
    declined = attempt("stripe", "declined", "generic_decline")
    assert attempts.next_at(NOW)(case(declined)) is not None
    forbidden = declined.model_copy(update={"advice": "do_not_try_again"})
    assert attempts.next_at(NOW)(case(forbidden)) is None


async def test_a_code_that_the_map_does_not_know_is_logged(attempts: Attempts) -> None:
    """Somebody completes the map; the customer is not charged again meanwhile."""
    with structlog.testing.capture_logs() as logs:
        for code in ("BRAND_NEW", "COMPLIANCE_VIOLATION"):
            assert attempts.next_at(NOW)(case(attempt("paypal", "declined", code))) is None
    warnings = [log for log in logs if log["log_level"] == "warning"]
    assert [(log["event"], log["code"]) for log in warnings] == [("decline.code_unknown", "BRAND_NEW")]


async def test_codes_that_the_map_does_not_know_are_counted(attempts: Attempts) -> None:
    """An alarm can be set on a gateway that begins to answer in new words."""
    buffer = MetricBuffer(100)
    environment = ActivityEnvironment()
    environment.metric_meter = Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter

    async def ask() -> None:
        for code in ("BRAND_NEW", "BRAND_NEW", "COMPLIANCE_VIOLATION"):
            attempts.next_at(NOW)(case(attempt("paypal", "declined", code)))

    await environment.run(ask)
    counted = [update for update in buffer.retrieve_updates() if update.metric.name == unknown_codes.UNKNOWN_CODES]
    assert [(update.value, update.attributes["gateway"]) for update in counted] == [(1, "paypal"), (1, "paypal")]
