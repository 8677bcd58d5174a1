"""Our policy as a contestant: what is seen becomes a history, and `billing.dunning` decides. The only import of it here."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from benchmarks.dunning.seen import Card, SeenCase
from benchmarks.dunning.seen import Try as SeenTry
from billing.dunning import policy_file
from billing.dunning.decide import decide
from billing.dunning.decision import TryAgain
from billing.dunning.decline_classes import Answer
from billing.dunning.history import Customer, GatewayOutage, History, Invoice, PaymentMethod, Try, TryOutcome
from billing.dunning.policy import Policy
from ledger.money import Money

METHOD = "pm_1"
RECENT = 4096


@dataclass(frozen=True)
class Ours:
    """The default policy, with the contest's budget as the most tries that it has."""

    name: str = "ours"

    def next_try(self, seen: SeenCase, now: datetime) -> datetime | None:
        """Return when it tries again; an outage, or a customer, that it waits for will be told."""
        history = history_of(seen)
        rungs_used = sum(tried.uses_rung for tried in history.tries)
        match decide(history, policy(seen.tries_left + rungs_used), now):
            case TryAgain(at=at):
                return at
            case _:
                return None


OURS = Ours()


@cache
def policy(most_tries: int) -> Policy:
    """Return the newest default policy with so many tries; the contest counts technical failures too, so this may vary."""
    return policy_file.read().editions[-1].policies[-1].model_copy(update={"most_tries": most_tries})


def history_of(seen: SeenCase) -> History:
    """Say what is seen in the words of `billing.dunning`: one payment method, which another card may be put behind."""
    amount = Money(amount_minor=seen.amount_minor, currency=seen.currency)
    return _first_history(seen.invoice_id, amount, seen.failed_at, seen.zone, seen.country, seen.past_payments).having(
        methods=(_method(seen.gateway, seen.card, seen.cards[0]),),
        tries=tuple(
            _tried(tried, seen.gateway, amount, _is_rung(seen, place)) for place, tried in enumerate(seen.tries)
        ),
        outages=tuple(
            GatewayOutage(gateway=seen.gateway, began_at=outage.begins_at, ended_at=outage.ended_at)
            for outage in seen.outages
        ),
    )


@lru_cache(RECENT)
def _first_history(  # noqa: PLR0917 - they are the key
    invoice_id: str, amount: Money, failed_at: datetime, zone: str, country: str, payments: tuple[datetime, ...]
) -> History:
    return History(
        invoice=Invoice(invoice_id=invoice_id, amount=amount, failed_at=failed_at),
        customer=Customer(customer_id=invoice_id, zone=zone, country=country),
        methods=(),
        payments=payments,
    )


@lru_cache(RECENT)
def _method(gateway: str, card: Card, first: Card) -> PaymentMethod:
    return PaymentMethod(
        method_id=METHOD,
        gateway=gateway,
        fingerprint=card.token,
        network=card.network,
        country=card.country,
        funding=card.funding,
        added_at=first.added_at,
        replaced_at=None if card is first else card.added_at,
    )


def _is_rung(seen: SeenCase, place: int) -> bool:
    """Neither the first failure is one, nor the first try of a card that came since."""
    card: Card = seen.tries[place].card
    return place > 0 and any(tried.card is card for tried in seen.tries[:place])


@lru_cache(RECENT)
def _tried(tried: SeenTry, gateway: str, amount: Money, is_rung: bool) -> Try:  # noqa: FBT001 - it is one of the keys
    answer = tried.answer
    return Try(
        at=tried.at,
        method_id=METHOD,
        card=tried.card.token,
        gateway=gateway,
        network=tried.card.network,
        country=tried.card.country,
        amount=amount,
        outcome=TryOutcome.APPROVED if answer.succeeded else TryOutcome.DECLINED,
        answer=None
        if answer.succeeded
        else Answer(
            code=answer.code or "",
            advice=answer.advice,
            network_code=answer.network_code,
            network_advice=answer.network_advice,
        ),
        at_network=answer.reached_network,
        is_rung=is_rung,
    )
