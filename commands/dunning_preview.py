"""Plays a supposed failure with a dunning policy, for `dunning preview`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import ValidationError

from billing.dunning.decline_classes import DECLINE_CLASSES, Answer
from billing.dunning.history import Customer, History, Invoice, PaymentMethod, Try, TryOutcome
from billing.dunning.outlook import calendar
from billing.dunning.policy import Edition
from commands import dunning_documents
from commands.dunning_documents import PreviewDocument
from commands.errors import WrongUse
from ledger.lined_yaml import said
from ledger.money import Money
from ledger.record import Record

METHOD = "card"
CARD_AGE = timedelta(days=365)
LONGEST = timedelta(days=400)
UNTOUCHED: Mapping[str, object] = {
    "gateway": "stripe",
    "amount": "49.99",
    "currency": "USD",
    "invoice_id": "hypothetical",
}
"""What the options are that nobody gave, where that is not None."""
OPTIONS = {
    "invoice_id": "--id",
    "zone": "--customer-zone",
    "country": "--customer-country",
    "issued_in": "--card-country",
    "network": "--network",
    "gateway": "--gateway",
    "customer_type": "--customer-type",
    "plan": "--plan",
}


class Failure(Record):
    """The payment that failed, and who owes it, as it was typed."""

    invoice_id: str
    amount: Money
    failed_at: datetime
    decline: str
    advice: str | None
    gateway: str
    network: str | None
    card_country: str | None
    customer_zone: str | None
    customer_country: str | None
    customer_type: str | None
    plan: str | None
    customer_days: int | None


def require_nothing_supposed(given: Mapping[str, object]) -> None:
    """Refuse what would be supposed of an invoice that is there; raises WrongUse."""
    extra = [name for name, value in given.items() if value != UNTOUCHED.get(name)]
    if extra:
        names = " and ".join(OPTIONS.get(name, f"--{name.replace('_', '-')}") for name in extra)
        raise WrongUse(f"--invoice is of an invoice that is there: leave {names} out")


def preview(edition: Edition, failure: Failure) -> PreviewDocument:
    """Return the calendar; raises WrongUse."""
    history = _history(failure)
    policy = edition.policy_for(history.invoice, history.customer)
    answer = history.tries[0].answer
    entries = calendar(history, policy, lambda _: answer, failure.failed_at + LONGEST)
    return dunning_documents.of_preview(edition.version, policy, history, entries, history.tries[0])


def answer_of(failure: Failure) -> Answer:
    """Return the answer that a code stands for: the network's code, or advice, where it has such a row, else the gateway's."""
    network = failure.network or ""
    known = {(row.system, row.signal, row.code) for row in DECLINE_CLASSES.rows}
    is_network_code = (network, "network", failure.decline) in known
    is_network_advice = (network, "network_advice", failure.advice) in known
    return Answer(
        code="card_declined" if is_network_code else failure.decline,
        network_code=failure.decline if is_network_code else None,
        advice=None if is_network_advice else failure.advice,
        network_advice=failure.advice if is_network_advice else None,
    )


def _history(failure: Failure) -> History:
    since = failure.customer_days
    try:
        invoice = Invoice(invoice_id=failure.invoice_id, amount=failure.amount, failed_at=failure.failed_at)
        customer = Customer(
            customer_id="hypothetical",
            zone=failure.customer_zone,
            country=failure.customer_country,
            plan=failure.plan,
            customer_type=failure.customer_type,
            customer_since=None if since is None else failure.failed_at - timedelta(days=since),
        )
    except ValidationError as error:
        raise _wrong_use(error) from None
    try:
        method = PaymentMethod(
            method_id=METHOD,
            gateway=failure.gateway,
            network=failure.network,
            country=failure.card_country,
            added_at=failure.failed_at - CARD_AGE,
        )
    except ValidationError as error:
        raise _wrong_use(error, country="issued_in") from None
    tried = Try(
        at=invoice.failed_at,
        method_id=METHOD,
        card=METHOD,
        gateway=method.gateway,
        network=method.network,
        country=method.country,
        amount=invoice.amount,
        outcome=TryOutcome.DECLINED,
        answer=answer_of(failure),
        is_rung=False,
    )
    return History(invoice=invoice, customer=customer, methods=(method,), tries=(tried,))


def _wrong_use(error: ValidationError, **renamed: str) -> WrongUse:
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        field = str(fault["loc"][0]) if fault["loc"] else ""
        field = renamed.get(field, field)
        lines.append(f"{OPTIONS.get(field, field)}: {said(fault)}")
    return WrongUse(*lines)
