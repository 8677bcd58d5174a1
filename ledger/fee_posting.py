"""The posting rule of a purchase with its fee: the gross on what the gateway owes us, the fee on its accounts. Pure."""

from ledger.accounts import clearing, fees_charged, fees_payable, gateway_fees, receivable
from ledger.entries import Line, credit, debit
from ledger.fee_rules import Settlement
from ledger.fees import Fees
from ledger.money import Money


def lines_of(fees: Fees) -> tuple[Line, ...]:
    """Return the lines of the gross and the fee. Debits exceed credits by the price: the caller's lines are its other side.

    The gross is what the gateway owes us. Of that it keeps the fee (settled net), or sends a bill for it (settled gross).
    What the customer bears of the fee was earned with the gross; the whole fee is an expense.
    """
    lines = [debit(clearing(fees.gateway), fees.gross)]
    if fees.of_customer.amount_minor:
        lines.append(credit(fees_charged(), fees.of_customer))
    if fees.fee.amount_minor:
        amount = Money(amount_minor=abs(fees.fee.amount_minor), currency=fees.fee.currency)
        owed_to = clearing(fees.gateway) if fees.settled is Settlement.NET else fees_payable(fees.gateway)
        charged = debit(gateway_fees(), amount), credit(owed_to, amount)
        lines += charged if fees.fee.amount_minor > 0 else (line.reversed() for line in charged)
    return tuple(lines)


def invoiced_lines_of(fees: Fees, customer: str) -> tuple[Line, ...]:
    """Return the lines of a gross that a charge has collected for an invoice: its own entries have the gateway's part.

    The charge left the gross on what the customer owes us, and booked the fee; from there it is taken.
    """
    lines = [debit(receivable(customer), fees.gross)]
    if fees.of_customer.amount_minor:
        lines.append(credit(fees_charged(), fees.of_customer))
    return tuple(lines)
