"""Histories and policies to decide about: small ones with everything in its place, to be changed by what a test is about."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from billing.dunning import policy_file
from billing.dunning.decide import decide
from billing.dunning.decision import Decision, TryAgain
from billing.dunning.decline_classes import Answer
from billing.dunning.history import (
    Customer,
    Event,
    EventKind,
    History,
    Invoice,
    PaymentMethod,
    Try,
    TryOutcome,
)
from billing.dunning.policy import Policy
from ledger.money import Money

FAILED_AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
"""A Thursday."""
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
AMOUNT = Money(amount_minor=4999, currency="EUR")
CODES = {
    "never": Answer(code="card_declined", network_code="41"),
    "needs_authentication": Answer(code="authentication_required"),
    "fix_data": Answer(code="expired_card", network_code="54"),
    "wait_for_funds": Answer(code="insufficient_funds", network_code="51"),
    "generic": Answer(code="do_not_honor", network_code="05"),
    "technical": Answer(code="processing_error", network_code="96"),
    "unknown": Answer(code="brand_new_code"),
}
"""An answer of each class."""
FIXED = """editions:
  - version: t1
    effective_from: 2020-01-01
    policies:
      - name: fixed
        most_tries: 4
        deadline_days: 21
        schedules:
          wait_for_funds: {fixed_days: [3, 7, 14, 20]}
          generic: {fixed_days: [2, 5, 9]}
          technical: {after_minutes: [15, 60, 240]}
        notices:
          quiet_hours: {begin: "20:00", until: "08:00"}
          ladder:
            - {template: update_method, days_after_failure: 0, classes: [never, fix_data]}
            - {template: payment_failed, days_after_failure: 1, classes: [generic, unknown, wait_for_funds, technical]}
            - {template: reminder, days_after_failure: 7}
            - {template: last_warning, days_before_deadline: 3}
            - {template: card_expiring, days_before_expiry: 7}
            - {template: ended, days_after_end: 0}
            - {template: recovered, days_after_recovery: 0}
        access: {limited_after_days: 7, suspended_after_days: 14}
        end: {subscription: cancel, invoice: keep_open}
"""


def fixed(**changes: Any) -> Policy:
    """A policy of fixed days."""
    return _fixed().model_copy(update=changes)


def default(**changes: Any) -> Policy:
    """The policy that the project ships."""
    return _default().model_copy(update=changes)


@cache
def _fixed() -> Policy:
    return policy_file.parse(FIXED, "fixed.yaml").editions[0].policies[0]


@cache
def _default() -> Policy:
    return policy_file.read().editions[-1].policies[-1]


def method(method_id: str = "pm_1", **changes: Any) -> PaymentMethod:
    """A card at Stripe, known long before the failure."""
    given: dict[str, Any] = {
        "method_id": method_id,
        "gateway": "stripe",
        "network": "visa",
        "country": "DE",
        "added_at": FAILED_AT - 300 * DAY,
    }
    return PaymentMethod(**{**given, **changes})


def tried(at: datetime, answer: Answer | None, of: PaymentMethod | None = None, **changes: Any) -> Try:
    """A try of a method that was answered; None is an approval."""
    of = of or method()
    given: dict[str, Any] = {
        "at": at,
        "method_id": of.method_id,
        "card": of.card,
        "gateway": of.gateway,
        "network": of.network,
        "country": of.country,
        "amount": AMOUNT,
        "outcome": TryOutcome.APPROVED if answer is None else TryOutcome.DECLINED,
        "answer": answer,
    }
    return Try(**{**given, **changes})


def history(
    answer: Answer = CODES["wait_for_funds"],
    *,
    methods: Sequence[PaymentMethod] | None = None,
    zone: str | None = "Europe/Berlin",
    failed_at: datetime = FAILED_AT,
    **changes: Any,
) -> History:
    """One invoice whose payment failed with this answer."""
    methods = (method(),) if methods is None else tuple(methods)
    first = () if not methods else (tried(failed_at, answer, methods[0], is_rung=False),)
    made = History(
        invoice=Invoice(invoice_id="in_1", amount=AMOUNT, failed_at=failed_at),
        customer=Customer(customer_id="cus_1", zone=zone),
        methods=methods,
        tries=first,
    )
    return made.having(**changes)


def event(kind: EventKind, at: datetime, until: datetime | None = None) -> Event:
    """Something that happened."""
    return Event(kind=kind, at=at, until=until)


def after_try(
    before: History, decision: TryAgain, answer: Answer | None, at: datetime | None = None, **changes: Any
) -> History:
    """Make the try that was decided, and add its answer."""
    of = next(one for one in before.methods if one.method_id == decision.method)
    made = tried(at or decision.at, answer, of, is_rung=decision.is_rung, **changes)
    return before.having(tries=(*before.tries, made))


def tries_of(
    before: History, policy: Policy, answer: Answer, most: int = 100
) -> tuple[list[TryAgain], Decision, History]:
    """Let each try be answered alike until no further one comes; return the tries, what came then, and the history."""
    made: list[TryAgain] = []
    now = before.invoice.failed_at
    for _ in range(most):
        decision = decide(before, policy, now)
        if not isinstance(decision, TryAgain):
            return made, decision, before
        made.append(decision)
        before = after_try(before, decision, answer)
        now = decision.at
    raise AssertionError(f"still trying after {most} tries")
