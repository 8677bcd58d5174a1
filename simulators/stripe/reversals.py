"""A payment that fails after it succeeded, as bank debits do: the charge fails, and its money leaves the balance again.

Cards do not do this; the simulator lets any payment fail, since what is to be seen is how its merchant takes it.
"""

from simulators.stripe import balance_transactions, charges, disputes, errors, events, payment_intents
from simulators.stripe.context import Cause, Context

FAILED = "The customer's bank account could not be debited."


def reverse(context: Context, payment_id: str, amount_minor: int | None) -> str:
    """Fail a captured PaymentIntent; returns the id of the balance transaction. Raises LookupError, ValueError."""
    payment_intent = context.transaction.get("payment_intent", payment_id)
    if payment_intent is None or payment_intent["status"] != "succeeded":
        raise LookupError(f"{payment_id} is no payment that succeeded")
    if amount_minor is not None:
        raise ValueError("a payment at Stripe fails as a whole: give no amount_minor")
    charge = charges.get(context, payment_intent["latest_charge"])
    if charge["amount_refunded"] > charge["amount"] - charge["amount_captured"]:
        raise ValueError(f"{payment_id} was refunded, so it cannot fail as a whole any more")
    if disputes.of_charge(context, charge["id"]):
        raise ValueError(f"{payment_id} is disputed, so it cannot fail as a whole any more")
    failure = balance_transactions.of_failure(context, charge)
    charge.update(
        status="failed",
        paid=False,
        failure_code="insufficient_funds",
        failure_message=FAILED,
        failure_balance_transaction=failure["id"],
    )
    charges.save(context, charge)
    error = errors.error("card_error", FAILED, code="insufficient_funds", charge=charge["id"])
    payment_intent.update(status="requires_payment_method", amount_received=0, last_payment_error=error)
    payment_intents.save(context, payment_intent)
    context.effect(
        "reversal",
        amount=charge["amount_captured"],
        currency=charge["currency"],
        object_id=failure["id"],
        payment_id=payment_id,
        cause=Cause(None, None),
    )
    events.record(context, "charge.failed", charge)
    events.record(context, "payment_intent.payment_failed", payment_intent)
    return str(failure["id"])
