"""Supposed facts: what a preview shows where no invoice is named, and what every template has to get along with."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

from billing.dunning.entitlement import Access
from billing.dunning.notice_ladder import Template
from billing.dunning.notices import ENDINGS
from billing.dunning.policy import SubscriptionEnd
from billing.notices.facts import Card, Cause, NoticeFacts, Reader
from ledger.money import Money

DAY: Final = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
READER: Final = Reader(merchant="Example Shop", name="Ada Example", locale="en", zone="Europe/Berlin")
CARD: Final = Card(brand="visa", expires=date(2027, 3, 1))
LINK: Final = "https://pay.example.com/pay/TOKEN"
_CAUSE_OF: Final = {Template.UPDATE_METHOD: Cause.FIX_DATA, Template.AUTHENTICATE: Cause.AUTHENTICATE}


def supposed(template: Template, reader: Reader = READER) -> NoticeFacts:
    """Return facts as such a notice has them."""
    if template is Template.CARD_EXPIRING:
        return NoticeFacts(template=template, reader=reader, plan="Pro", card=CARD, link=LINK)
    is_over = template in ENDINGS
    return NoticeFacts(
        template=template,
        reader=reader,
        plan="Pro",
        card=CARD,
        invoice_number="INV-000042",
        amount=Money(amount_minor=4999, currency="EUR"),
        failed_at=DAY,
        cause=_CAUSE_OF.get(template, Cause.NOT_APPROVED),
        tries_again=template in {Template.PAYMENT_FAILED, Template.REMINDER},
        deadline=None if is_over else DAY.replace(month=2, day=3),
        access=Access.ACTIVE if template is Template.RECOVERED else Access.GRACE,
        end=SubscriptionEnd.CANCEL,
        is_owed=template is not Template.RECOVERED,
        over_at=DAY.replace(day=9) if is_over else None,
        link=None if template is Template.RECOVERED else LINK,
    )


def every(template: Template, locale: str) -> Iterator[NoticeFacts]:
    """Return facts of all kinds that such a notice may have, one thing changed at a time."""
    usual = supposed(template, READER.model_copy(update={"locale": locale}))
    yield usual
    changes: list[dict[str, Any]] = [{"link": None}, {"reader": usual.reader.model_copy(update={"name": None})}]
    if template is Template.CARD_EXPIRING:
        changes += [{"plan": None}, {"card": Card(expires=CARD.expires)}]
    else:
        changes += [{"card": card} for card in (None, Card(brand="paypal"), Card(brand="amex"))]
        changes += [{"plan": None, "end": None}, {"invoice_number": None}, {"is_owed": not usual.is_owed}]
        changes += [{"tries_again": not usual.tries_again}]
        changes += [{"cause": cause} for cause in Cause]
        changes += [{"access": access} for access in Access]
        changes += [{"end": end} for end in SubscriptionEnd]
    for change in changes:
        yield usual.model_copy(update=change)
