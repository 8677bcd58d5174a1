"""The documents of the `cards` commands with `--json`."""

from collections.abc import Sequence
from datetime import datetime

from billing.cards import Card, CardSum, CardTry
from billing.dunning import ceilings
from billing.dunning.ceilings import CEILINGS, CardAsk, Ceiling, Room
from billing.methods import Method
from commands.documents import Document


class CardMethodDocument(Document):
    """A payment method that is a token of the card."""

    method_id: str
    customer_id: str
    is_usable: bool


class CardCeilingDocument(Document):
    """A ceiling that holds for the card, and what is left under it."""

    rule: str
    network: str
    is_ours: bool
    most: int
    window_hours: int
    amount_minor: int | None
    """Of a ceiling that counts tries of one amount: the amount of which the least is left."""
    currency: str | None
    left: int
    next_at: datetime


class CardTryDocument(Document):
    """A try of the card."""

    operation_id: str
    charge_id: str
    tried_at: datetime
    amount_minor: int
    currency: str
    result: str


class CardDocument(Document):
    """A card: which it is, how often it was tried, and how often it may be."""

    card: str
    network: str | None
    country: str | None
    never_at: datetime | None
    never_because: str | None
    methods: list[CardMethodDocument]
    ceilings: list[CardCeilingDocument]
    tries: list[CardTryDocument]


class CardSumDocument(Document):
    """A card in a list."""

    card: str
    tries: int
    refused: int
    newest_at: datetime | None
    never_because: str | None


def of_sum(found: CardSum) -> CardSumDocument:
    """Show a card in a list."""
    return CardSumDocument(**{name: getattr(found, name) for name in CardSumDocument.model_fields})


def of_card(card: Card, methods: Sequence[Method], tries: Sequence[CardTry], now: datetime) -> CardDocument:
    """Show a card whole; `tries` are all that a window can reach, oldest first."""
    network = next((method.brand for method in methods if method.brand), None) or (tries[-1].network if tries else None)
    country = next((method.country for method in methods if method.country), None)
    # Whoever claims a try claims it at this moment, where clocks do not agree.
    moment = max(now, tries[-1].tried_at) if tries else now
    rules = CEILINGS.of(network, country, moment)
    reach = max((rule.window for rule in rules), default=None)
    return CardDocument(
        card=card.card,
        network=network,
        country=country,
        never_at=card.never_at,
        never_because=card.never_because,
        methods=[_of_method(method) for method in methods],
        ceilings=[_of_ceiling(rule, network, tries, moment) for rule in rules],
        tries=[_of_try(each) for each in tries if reach is not None and each.tried_at > moment - reach],
    )


def _of_method(method: Method) -> CardMethodDocument:
    return CardMethodDocument(method_id=method.method_id, customer_id=method.customer_id, is_usable=method.is_usable)


def _of_ceiling(rule: Ceiling, network: str | None, tries: Sequence[CardTry], now: datetime) -> CardCeilingDocument:
    asked, room = _tightest(rule, tries, now)
    is_of_amount = rule.same_amount and bool(tries)
    return CardCeilingDocument(
        rule=rule.note,
        network=ceilings.ANY if rule.is_ours else network or "",
        is_ours=rule.is_ours,
        most=rule.most,
        window_hours=int(rule.window.total_seconds()) // 3600,
        amount_minor=asked.amount_minor if is_of_amount else None,
        currency=asked.currency if is_of_amount else None,
        left=room.left,
        next_at=room.next_at,
    )


def _tightest(rule: Ceiling, tries: Sequence[CardTry], now: datetime) -> tuple[CardAsk, Room]:
    """The amount that was tried of which the least is left; the ceilings of all amounts have the same left for each."""
    counted = [
        ceilings.CardTry(
            each.tried_at,
            each.card,
            each.amount_minor,
            each.currency,
            each.is_approved,
            each.at_network,
            each.is_technical,
        )
        for each in tries
    ]
    asks = list(dict.fromkeys(CardAsk(each.card, each.amount_minor, each.currency) for each in reversed(tries)))
    rooms = [(ask, ceilings.room([rule], counted, ask, now)) for ask in asks or [CardAsk("", 0, "")]]
    return min(rooms, key=lambda found: (found[1].left, -found[1].next_at.timestamp()))


def _of_try(tried: CardTry) -> CardTryDocument:
    return CardTryDocument(
        operation_id=tried.operation_id,
        charge_id=tried.charge_id,
        tried_at=tried.tried_at,
        amount_minor=tried.amount_minor,
        currency=tried.currency,
        result=_result(tried),
    )


def _result(tried: CardTry) -> str:
    if not tried.is_decided:
        return "undecided"
    if tried.is_approved:
        return "approved"
    if not tried.at_network:
        return "unreached"
    return "technical" if tried.is_technical else "refused"
