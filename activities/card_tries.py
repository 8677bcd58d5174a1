"""The tries of cards in a charge's steps: claimed in the transaction that writes an attempt down, settled with its outcome."""

from datetime import datetime

from activities import card_verdicts, unknown_codes
from activities.charge_decisions import Case, Decision
from billing import cards
from ledger.database import Connection
from ledger.operations import NewOperation, Operation


async def claim(connection: Connection, attempt: NewOperation, now: datetime) -> None:
    """Claim the try that an attempt begins with; raises CardRests where the card may not be tried now."""
    asked = cards.Asked(attempt.operation_id, attempt.charge_id, attempt.amount, now)
    if attempt.payment_method is not None:
        await cards.claim_of_token(connection, asked, gateway=attempt.gateway, token=attempt.payment_method)


async def settle(connection: Connection, case: Case, decision: Decision | None, now: datetime) -> None:
    """Write down what came of the tries that a decision decides; `case` is as it was before."""
    changes = {} if decision is None else decision.operations
    for each in case.changed(changes).attempts:
        if each.operation_id not in changes or not each.is_decided:
            continue
        # What was changed is still as it will be written; only what counts is worth reading it.
        operation = Operation.model_validate(dict(each))
        verdict = card_verdicts.of_operation(case.charge, operation, now)
        told = operation.answer.card if operation.answer else None
        if await cards.settle(connection, operation.operation_id, verdict, told):
            unknown = card_verdicts.unclassed(case.charge, operation, now)
            unknown_codes.warn_unclassed(operation.gateway, unknown, operation.operation_id)
