"""What a notice may say: the one record that templates see, and how it follows from what happened.

Nothing here tells why an issuer said no: want of money, a lost or a stolen card, a suspicion of fraud are the customer's
own affair, and a mailbox has other readers. Of a card there is the brand and the month in which it ends.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from billing.dunning.decide import deadline_of, decide
from billing.dunning.decision import TryAgain
from billing.dunning.decline_classes import DeclineClass
from billing.dunning.ending import ending_of
from billing.dunning.entitlement import Access, entitlement_at
from billing.dunning.history import History, PaymentMethod, TryOutcome
from billing.dunning.notice_ladder import Template
from billing.dunning.policy import Policy, SubscriptionEnd
from billing.dunning.standing import standing_of
from billing.dunning.zones import Zone
from ledger.money import Money
from ledger.record import Record


class Cause(StrEnum):
    """Why it is not paid, in the words that a customer may read, and act by."""

    NOT_APPROVED = "not_approved"
    """The bank did not approve it."""
    NEW_METHOD = "new_method"
    """Another payment method is needed."""
    FIX_DATA = "fix_data"
    """The data of the method has to be renewed."""
    AUTHENTICATE = "authenticate"
    """The bank wants the customer's confirmation."""
    TECHNICAL = "technical"
    """Nobody said no."""


CAUSES: Final = {
    DeclineClass.NEVER: Cause.NEW_METHOD,
    DeclineClass.FIX_DATA: Cause.FIX_DATA,
    DeclineClass.NEEDS_AUTHENTICATION: Cause.AUTHENTICATE,
    DeclineClass.TECHNICAL: Cause.TECHNICAL,
}
"""By the class of the newest decline; all others are NOT_APPROVED."""


class Card(Record):
    """What is said of a card."""

    brand: str | None = None
    """The network, such as `visa`."""
    expires: date | None = None
    """The first day of the last month in which it is good."""


class Reader(Record):
    """Who is told, and by whom."""

    merchant: str
    """Whose customer it is, as the sender is called."""
    name: str | None = None
    locale: str = "en"
    """`de`, or `de-AT`."""
    zone: Zone = "UTC"


class NoticeFacts(Record):
    """All that a template may use; None is what is not known, or does not apply."""

    template: Template
    reader: Reader
    plan: str | None = None
    """The name of what is subscribed to."""
    card: Card | None = None
    """With which it was tried last; of `card_expiring`, the one that expires."""
    invoice_number: str | None = None
    amount: Money | None = None
    """What is due; of what was recovered, what was paid."""
    failed_at: datetime | None = None
    cause: Cause = Cause.NOT_APPROVED
    tries_again: bool = False
    """Whether we try again by ourselves, if the customer does nothing."""
    deadline: datetime | None = None
    """When nothing more is tried, and the end comes."""
    access: Access = Access.ACTIVE
    end: SubscriptionEnd | None = None
    """What becomes of the subscription at the deadline, or became of it; None where there is no subscription."""
    is_owed: bool = True
    """Whether it can still be paid."""
    over_at: datetime | None = None
    """When it was recovered, or ended."""
    link: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")
    """Where the customer pays, or gives another method."""


def card_of(method: PaymentMethod | None) -> Card | None:
    """Return what is said of a method; None where it is no card."""
    if method is None or (method.network is None and method.expires is None):
        return None
    expires = None if method.expires is None else date.fromisoformat(f"{method.expires}-01")
    return Card(brand=method.network, expires=expires)


def cause_of(history: History) -> Cause:
    """Return why it is not paid, by the newest decline."""
    declined = [tried for tried in history.tries if tried.outcome is TryOutcome.DECLINED]
    found = declined[-1].classified if declined else None
    return Cause.NOT_APPROVED if found is None else CAUSES.get(found.decline_class, Cause.NOT_APPROVED)


def facts_of(
    template: Template,
    reader: Reader,
    history: History,
    policy: Policy,
    now: datetime,
    *,
    amount: Money,
    is_owed: bool,
    invoice_number: str | None = None,
    plan: str | None = None,
    link: str | None = None,
) -> NoticeFacts:
    """Return what is said of an unpaid invoice now; `plan` is None where no subscription is behind it."""
    standing = standing_of(history.events)
    ending = ending_of(history, standing)
    is_tried = not ending.is_over and isinstance(decide(history, policy, now), TryAgain)
    return NoticeFacts(
        template=template,
        reader=reader,
        plan=plan,
        card=card_of(_told_method(history)),
        invoice_number=invoice_number,
        amount=amount,
        failed_at=history.invoice.failed_at,
        cause=cause_of(history),
        tries_again=is_tried,
        deadline=None if ending.is_over else deadline_of(history, policy, standing).astimezone(UTC),
        access=entitlement_at(history, policy, now).access,
        end=None if plan is None else policy.end.subscription,
        is_owed=is_owed,
        over_at=ending.recovered_at or ending.ended_at,
        link=link if is_owed else None,
    )


def _told_method(history: History) -> PaymentMethod | None:
    """Return the method that was tried last, or the customer's first where that is gone."""
    here = [method for method in history.methods if method.removed_at is None]
    last = history.tries[-1].method_id if history.tries else None
    return next((method for method in here if method.method_id == last), here[0] if here else None)
