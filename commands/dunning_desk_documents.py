"""What `dunning list` and `dunning show` print with `--json`."""

from collections.abc import Sequence
from datetime import datetime

from activities.dunning_messages import NextKind, Outlook
from billing.access_books import ToldAccess
from billing.applications import Application
from billing.cards import CardTry
from billing.dunning import ceilings
from billing.dunning.ceilings import CEILINGS, CardAsk
from billing.dunning.decision import Purpose, Reason
from billing.dunning.entitlement import Access
from billing.dunning.history import EventKind, History, Try, TryOutcome
from billing.dunning.notice_ladder import Channel, Template
from billing.dunning.recovery import RecoveredBy
from billing.dunning_books import Dunning
from billing.dunning_events import Command
from billing.methods import Method
from billing.notice_books import NoticeStanding, NoticeState
from billing.tries import InvoiceTry
from commands.documents import Document
from commands.dunning_documents import ForeseenDocument
from commands.invoice_documents import ApplicationDocument
from ledger.money import Money


class DunningDocument(Document):
    """The recovery of an invoice, as lists show it."""

    invoice_id: str
    customer_id: str
    subscription_id: str | None
    due_minor: int
    currency: str
    stage: NextKind
    next: str
    next_at: datetime
    why: str
    decline_class: str | None
    decline_code: str | None
    access: Access
    policy: str
    failed_at: datetime
    deadline: datetime | None
    tries: int
    ended_at: datetime | None
    reason: Reason | None
    recovered_by: RecoveredBy | None


class TryDocument(Document):
    """A try of the invoice."""

    number: int
    charge_id: str
    tried_at: datetime
    purpose: Purpose
    uses_rung: bool
    method_id: str
    gateway: str
    network: str | None
    country: str | None
    amount_minor: int
    outcome: TryOutcome
    decline_class: str | None
    decline_code: str | None
    network_code: str | None
    advice: str | None
    network_advice: str | None
    why: str | None
    withdrawn_because: str | None


class SentNoticeDocument(Document):
    """A notice that somebody sends, or sent."""

    key: str
    template: Template
    channel: Channel
    state: NoticeState
    due_at: datetime
    sent_at: datetime | None
    failed_because: str | None


class AccessDocument(Document):
    """A change of the customer's access that was told."""

    access: Access
    since: datetime
    why: str
    told_at: datetime


class CommandDocument(Document):
    """What a person said, or that the process ended."""

    at: datetime
    kind: EventKind
    by: str
    because: str
    until: datetime | None
    policy: str | None
    method_id: str | None


class CardRoomDocument(Document):
    """How often a card may still be tried, at the networks and by the policy."""

    card: str
    methods: list[str]
    network: str | None
    country: str | None
    never_because: str | None
    left: int
    next_at: datetime | None
    next_rung_at: datetime | None
    why: str


class DunningSheetDocument(DunningDocument):
    """The recovery of an invoice with its past, and the plan."""

    failed_minor: int
    began_at: datetime
    began_by: str
    began_because: str | None
    tried: list[TryDocument]
    notices: list[SentNoticeDocument]
    told_access: list[AccessDocument]
    commands: list[CommandDocument]
    payments: list[ApplicationDocument]
    cards: list[CardRoomDocument]
    plan: list[ForeseenDocument]


def of_dunning(dunning: Dunning, history: History, outlook: Outlook, access: Access) -> DunningDocument:
    """Show how it stands."""
    declined = next((tried for tried in reversed(history.tries) if tried.answer is not None), None)
    found = declined.classified if declined is not None else None
    return DunningDocument(
        invoice_id=dunning.invoice_id,
        customer_id=dunning.customer_id,
        subscription_id=dunning.subscription_id,
        due_minor=outlook.view.due.amount_minor,
        currency=dunning.currency,
        stage=outlook.next.kind,
        next=outlook.next.words,
        next_at=outlook.next.at,
        why=outlook.next.why,
        decline_class=str(found.decline_class) if found is not None else None,
        decline_code=code_of(declined) if declined is not None else None,
        access=access,
        policy=dunning.policy,
        failed_at=dunning.failed_at,
        deadline=outlook.view.deadline,
        tries=len(history.tries),
        ended_at=dunning.ended_at,
        reason=dunning.reason,
        recovered_by=dunning.recovered_by,
    )


def code_of(tried: Try) -> str:
    """Return the most telling code of a decline: the network's, or else the gateway's."""
    return (tried.answer.network_code or tried.answer.code) if tried.answer is not None else ""


def of_try(row: InvoiceTry, tried: Try) -> TryDocument:
    """Show a try; `row` is as it was begun, `tried` what is known of it."""
    answer, found = tried.answer, tried.classified
    return TryDocument(
        number=row.number,
        charge_id=row.charge_id,
        tried_at=row.tried_at,
        purpose=Purpose(row.purpose),
        uses_rung=tried.uses_rung,
        method_id=row.method_id,
        gateway=row.gateway,
        network=tried.network,
        country=tried.country,
        amount_minor=row.amount_minor,
        outcome=tried.outcome,
        decline_class=str(found.decline_class) if found is not None else None,
        decline_code=answer.code if answer is not None else None,
        network_code=answer.network_code if answer is not None else None,
        advice=answer.advice if answer is not None else None,
        network_advice=answer.network_advice if answer is not None else None,
        why=found.why if found is not None else None,
        withdrawn_because=row.withdrawn_because,
    )


def of_notice(standing: NoticeStanding, now: datetime) -> SentNoticeDocument:
    """Show a notice."""
    return SentNoticeDocument(
        key=standing.key,
        template=standing.template,
        channel=standing.channel,
        state=standing.state_at(now),
        due_at=standing.due_at,
        sent_at=standing.sent_at,
        failed_because=standing.failed_because,
    )


def of_access(told: ToldAccess) -> AccessDocument:
    """Show a change of access."""
    return AccessDocument(**{name: getattr(told, name) for name in AccessDocument.model_fields})


def of_command(command: Command) -> CommandDocument:
    """Show a command."""
    return CommandDocument(**{name: getattr(command, name) for name in CommandDocument.model_fields})


def of_application(application: Application) -> ApplicationDocument:
    """Show what was applied to the invoice."""
    return ApplicationDocument(**{name: getattr(application, name) for name in ApplicationDocument.model_fields})


def of_card(methods: Sequence[Method], tries: Sequence[CardTry], due: Money, now: datetime) -> CardRoomDocument:
    """Show what the ceilings leave of a card; `methods` are all that stand for it, `tries` what was tried of it."""
    method = methods[0]
    rules = CEILINGS.of(method.brand, method.country, now)
    counted = [
        ceilings.CardTry(
            tried.tried_at,
            method.card,
            tried.amount_minor,
            tried.currency,
            tried.is_approved,
            tried.at_network,
            tried.is_technical,
        )
        for tried in tries
    ]
    ask = CardAsk(method.card, due.amount_minor, due.currency)
    room = ceilings.room([rule for rule in rules if not rule.is_ours], counted, ask, now)
    never = next((each.never_because for each in methods if each.never_because is not None), None)
    return CardRoomDocument(
        card=method.card,
        methods=[each.method_id for each in methods],
        network=method.brand,
        country=method.country,
        never_because=never,
        left=0 if never is not None else room.left,
        next_at=None if never is not None else room.next_at,
        next_rung_at=None if never is not None else ceilings.next_allowed(rules, counted, ask, now),
        why=never or room.why,
    )
