"""Posting rules: pure functions from a fact of a charge to a journal entry, one for each fact.

The reference of an entry comes from the operation id, so that the same fact can be posted only once.
"""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from ledger.accounts import (
    Account,
    clearing,
    gateway_fees,
    memo_authorizations,
    memo_authorizations_contra,
    memo_unresolved,
    memo_unresolved_contra,
    receivable,
    refunds_payable,
    revenue_refunds,
    revenue_sales,
)
from ledger.entries import Entry, Line, credit, debit
from ledger.money import Money


class Fact(BaseModel):
    """What happened to a charge; `money` is positive, except for a fee that was given back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operation_id: str
    charge_id: str
    gateway: str
    money: Money
    event_at: AwareDatetime
    """When it happened, as the gateway says where it does."""
    actor: str
    customer: str
    invoice: str | None = None
    """The invoice that the charge pays; without one its captures are revenue at once."""
    reason_code: str | None = None


def authorized(fact: Fact) -> Entry:
    """Book money that was reserved on the customer's payment method; reference `{operation_id}`."""
    return entry(fact, "", "authorized", "authorized", _authorization(fact))


def authorization_released(fact: Fact, *, by_void: bool) -> Entry:
    """Book a reservation, or a part of it, that ended.

    Reference `{operation_id}` of a void; `{operation_id}:released` of the capture that used it up or left a rest, or
    of the authorization that lapsed.
    """
    suffix = "" if by_void else ":released"
    return entry(fact, suffix, "authorization_released", "authorization released", _reversed(_authorization(fact)))


def captured(fact: Fact) -> Entry:
    """Book money that was taken from the customer; reference `{operation_id}`."""
    earned = revenue_sales() if fact.invoice is None else receivable(fact.customer)
    lines = (debit(clearing(fact.gateway), fact.money), credit(earned, fact.money))
    return entry(fact, "", "captured", "captured", lines)


def fee_charged(fact: Fact) -> Entry:
    """Book the fee that the gateway reported; `money` is negative where it gave some back, and never zero.

    Reference `{operation_id}:fee`.
    """
    amount = abs(fact.money.amount_minor)
    money = Money(amount_minor=amount, currency=fact.money.currency)
    lines = (debit(gateway_fees(), money), credit(clearing(fact.gateway), money))
    if fact.money.amount_minor < 0:
        return entry(fact, ":fee", "fee_charged", "fee given back", _reversed(lines))
    return entry(fact, ":fee", "fee_charged", "fee", lines)


def refund_reserved(fact: Fact) -> Entry:
    """Book a refund that was promised, before the gateway is asked for it; reference `{operation_id}:reserved`."""
    return entry(fact, ":reserved", "refund_reserved", "refund reserved", _refund_reservation(fact))


def refund_succeeded(fact: Fact, reserved: Money) -> Entry:
    """Book a refund that the gateway made; reference `{operation_id}`.

    It uses up all that was `reserved`, also where the gateway gave back another amount: nothing more is owed then.
    """
    if fact.money == reserved:
        return entry(fact, "", "refund_succeeded", "refunded", _refund_payment(fact))
    more = fact.money.amount_minor - reserved.amount_minor
    side = debit if more > 0 else credit
    other = side(_given_back(fact), Money(amount_minor=abs(more), currency=reserved.currency))
    lines = (debit(refunds_payable(), reserved), other, credit(clearing(fact.gateway), fact.money))
    return entry(fact, "", "refund_succeeded", "refunded", lines)


def refund_failed(fact: Fact, *, had_succeeded: bool) -> Entry:
    """Take back a refund's reservation, and its payment where the gateway had first said that it was made.

    Reference `{operation_id}:failed`. With the payment it undoes two entries at once, and is no reversal of one.
    """
    lines, reverses = _reversed(_refund_reservation(fact)), f"{fact.operation_id}:reserved"
    if had_succeeded:
        return entry(fact, ":failed", "refund_failed", "refund failed", _reversed(_refund_payment(fact)) + lines)
    return entry(fact, ":failed", "refund_failed", "refund failed", lines, reverses=reverses)


def outcome_unknown(fact: Fact, time: int = 1) -> Entry:
    """Show our exposure while only the gateway knows what became of an operation.

    Reference `{operation_id}:unknown`; an outcome that becomes unknown a second time has `:unknown:2`, and so on.
    """
    return entry(fact, f":unknown{_again(time)}", "outcome_unknown", "outcome unknown", _exposure(fact))


def outcome_known(fact: Fact, time: int = 1) -> Entry:
    """End the exposure, whatever the outcome was; reference `{operation_id}:known`, numbered as `:unknown` is."""
    lines, again = _reversed(_exposure(fact)), _again(time)
    reverses = f"{fact.operation_id}:unknown{again}"
    return entry(fact, f":known{again}", "outcome_known", "outcome known", lines, reverses=reverses)


def captured_in_excess(fact: Fact) -> Entry:
    """Book money that was taken after the charge had moved on: it is the customer's; reference `{operation_id}`."""
    lines = (debit(clearing(fact.gateway), fact.money), credit(refunds_payable(), fact.money))
    return entry(fact, "", "captured_in_excess", "captured in excess", lines)


def refund_appeared(fact: Fact) -> Entry:
    """Book a refund that a gateway made after it was known as failed; reference `{operation_id}`.

    Its reservation was given back meanwhile, so it is booked straight.
    """
    lines = (debit(_given_back(fact), fact.money), credit(clearing(fact.gateway), fact.money))
    return entry(fact, "", "refund_appeared", "refunded after all", lines)


def _again(time: int) -> str:
    return "" if time == 1 else f":{time}"


def _authorization(fact: Fact) -> tuple[Line, ...]:
    return debit(memo_authorizations(fact.gateway), fact.money), credit(memo_authorizations_contra(), fact.money)


def _exposure(fact: Fact) -> tuple[Line, ...]:
    return debit(memo_unresolved(fact.gateway), fact.money), credit(memo_unresolved_contra(), fact.money)


def _given_back(fact: Fact) -> Account:
    return revenue_refunds() if fact.invoice is None else receivable(fact.customer)


def _refund_reservation(fact: Fact) -> tuple[Line, ...]:
    return debit(_given_back(fact), fact.money), credit(refunds_payable(), fact.money)


def _refund_payment(fact: Fact) -> tuple[Line, ...]:
    return debit(refunds_payable(), fact.money), credit(clearing(fact.gateway), fact.money)


def _reversed(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return tuple(line.reversed() for line in lines)


def entry(
    fact: Fact, suffix: str, rule: str, words: str, lines: tuple[Line, ...], *, reverses: str | None = None
) -> Entry:
    """Make the entry of a fact, named after its operation."""
    # The absolute amount: a fee that was given back says so in words.
    money = Money(amount_minor=abs(fact.money.amount_minor), currency=fact.money.currency)
    event_at: datetime = fact.event_at
    return Entry(
        reference=f"{fact.operation_id}{suffix}",
        rule=rule,
        description=f"{words} {money} at {fact.gateway}",
        event_at=event_at,
        actor=fact.actor,
        lines=lines,
        charge_id=fact.charge_id,
        operation_id=fact.operation_id,
        reason_code=fact.reason_code,
        reverses=reverses,
    )
