"""What a notice may say follows from what happened, and never tells a customer what is their own affair."""

from datetime import date, timedelta

import pytest

from billing.dunning.decline_classes import DECLINE_CLASSES, Answer, DeclineClass
from billing.dunning.entitlement import Access
from billing.dunning.history import EventKind, History
from billing.dunning.notice_ladder import Template
from billing.dunning.policy import SubscriptionEnd
from billing.notices.facts import CAUSES, Card, Cause, NoticeFacts, Reader, facts_of
from billing.notices.rendering import Templates
from tests.billing.dunning.histories import AMOUNT, CODES, DAY, FAILED_AT, default, event, history, method, tried

UNSAID = (
    *("stolen", "lost", "fraud", "insufficient", "funds", "stop", "risk", "suspic", "insolven"),
    *("gestohlen", "verloren", "betrug", "deckung", "guthaben", "verdacht", "sperr", "gesperrt"),
)
"""What no mail says of a decline; access may be suspended all the same, which these histories are too young for."""
TEMPLATES = Templates()


def told(of: History, template: Template = Template.REMINDER, locale: str = "en", days: float = 1) -> NoticeFacts:
    """What is said some days after the failure."""
    reader = Reader(merchant="Example Shop", name="Ada", locale=locale, zone="Europe/Berlin")
    now = FAILED_AT + days * DAY
    return facts_of(template, reader, of, default(), now, amount=AMOUNT, is_owed=True, plan="Pro")


@pytest.mark.parametrize("decline_class", list(DeclineClass))
def test_each_class_has_words_that_a_customer_can_act_by(decline_class: DeclineClass) -> None:
    """Want of money, a vague no and an unknown code read the same."""
    found = told(history(CODES[decline_class])).cause
    assert found is CAUSES.get(decline_class, Cause.NOT_APPROVED)


@pytest.mark.parametrize("locale", ["en", "de"])
def test_no_code_of_any_gateway_is_told(locale: str) -> None:
    """A mailbox has other readers: stolen cards, suspicions and empty accounts are mentioned in no text and no page."""
    codes = {row.code for row in DECLINE_CLASSES.rows}
    assert len(codes) > 100
    seen = set()
    for code in sorted(codes):
        for answer in (Answer(code=code), Answer(code="card_declined", network_code=code)):
            for template in (Template.PAYMENT_FAILED, Template.UPDATE_METHOD, Template.REMINDER, Template.LAST_WARNING):
                rendered = TEMPLATES.render(told(history(answer), template, locale))
                seen.add((rendered.subject, rendered.text, rendered.html))
    for parts in seen:
        for part in parts:
            assert [word for word in UNSAID if word in str(part).lower()] == []


def test_a_stolen_card_reads_like_a_closed_one() -> None:
    """Nobody can tell them apart."""
    stolen, closed = (told(history(Answer(code="card_declined", network_code=code))) for code in ("43", "46"))
    assert stolen == closed


def test_of_a_card_there_is_the_brand_and_the_month() -> None:
    """No number, no fingerprint, no token is among the facts."""
    facts = told(history(methods=[method(expires="2027-03", fingerprint="fp_secret")]))
    assert facts.card == Card(brand="visa", expires=date(2027, 3, 1))
    assert "fp_secret" not in facts.model_dump_json()
    assert set(Card.model_fields) == {"brand", "expires"}


def test_the_card_is_the_one_that_was_tried_last() -> None:
    """A customer with two cards reads which one failed; of one that expires, the one that does."""
    first, second = method("pm_1", network="visa", expires="2027-03"), method("pm_2", network="mastercard")
    both = history(methods=[first, second])
    both = both.having(tries=(*both.tries, tried(FAILED_AT + DAY, CODES["generic"], second)))
    assert told(both).card == Card(brand="mastercard")
    assert told(both, Template.CARD_EXPIRING).card == Card(brand="visa", expires=date(2027, 3, 1))
    assert told(both.having(methods=(first,))).card == Card(brand="visa", expires=date(2027, 3, 1))
    assert told(both.having(methods=())).card is None


def test_it_is_said_whether_we_try_again() -> None:
    """Where only the customer can help, nobody is told to lean back."""
    assert told(history(CODES["wait_for_funds"])).tries_again
    assert not told(history(CODES["never"])).tries_again
    assert not told(history(CODES["wait_for_funds"]), days=30.5).tries_again


def test_the_deadline_access_and_end_are_the_policys() -> None:
    """What is threatened is what comes."""
    facts = told(history(), days=15)
    assert facts.deadline == FAILED_AT + timedelta(days=30)
    assert (facts.access, facts.end) == (Access.LIMITED, SubscriptionEnd.CANCEL)


def test_after_the_end_there_is_no_deadline() -> None:
    """What is over is not threatened with."""
    paid_at = FAILED_AT + 3 * DAY
    facts = told(history(events=(event(EventKind.PAID, paid_at),)), Template.RECOVERED, days=4)
    assert (facts.deadline, facts.over_at, facts.access, facts.tries_again) == (None, paid_at, Access.ACTIVE, False)
