"""What an attempt's outcome says of its card: as ceilings count it, and whether it may ever be tried again; pure."""

from datetime import datetime

from activities.charge_decisions import UNREACHABLE, WITHDRAWN
from billing.cards import Verdict
from billing.dunning.decline_classes import DECLINE_CLASSES, Answer, Classified, DeclineClass, Scope
from ledger.answers import CardFacts, GatewayAnswer
from ledger.charges import Charge
from ledger.operations import Operation

NEVER_SENT = {("refused", UNREACHABLE), ("refused", WITHDRAWN)}
"""Outcomes and codes of what never left for the gateway."""


def of_operation(charge: Charge, operation: Operation, at: datetime) -> Verdict:
    """Return what came of a decided first operation; what nobody says did not reach the network is taken to have."""
    if operation.outcome == "succeeded":
        return Verdict(approved=True, at_network=True, technical=False)
    answer = operation.answer or GatewayAnswer()
    found = _classified(charge, operation, answer, at)
    return Verdict(
        approved=False,
        at_network=(operation.outcome, operation.decline_code) not in NEVER_SENT and answer.reached_issuer is not False,
        technical=found.decline_class is DeclineClass.TECHNICAL,
        never_because=found.why if found.scope is Scope.CARD else None,
    )


def unclassed(charge: Charge, operation: Operation, at: datetime) -> tuple[str, ...]:
    """Return what no row knows of a declined operation, so that the data can learn it."""
    if operation.outcome != "declined":
        return ()
    return _classified(charge, operation, operation.answer or GatewayAnswer(), at).unknown


def _classified(charge: Charge, operation: Operation, answer: GatewayAnswer, at: datetime) -> Classified:
    card = answer.card or CardFacts()
    method = charge.method(operation.gateway)
    said = Answer(
        code=operation.decline_code or "",
        advice=operation.advice,
        network_code=answer.network_code,
        network_advice=answer.network_advice,
    )
    return DECLINE_CLASSES.classify(
        said,
        gateway=operation.gateway,
        network=answer.network or card.brand or (method.brand if method else None),
        country=card.country or (method.country if method else None),
        at=at,
    )
