"""Reads a split as it was typed: each leg an amount and what it is to be taken from."""

from collections.abc import Sequence

from commands import arguments
from commands.errors import WrongUse
from ledger.money import Money
from ledger.splits import SplitLeg, SplitRequest

EXAMPLE = "60.00:stripe=pm_card_visa"


def split_request(
    *,
    split_id: str,
    legs: Sequence[str],
    currency: str,
    customer: str,
    gateways: Sequence[str],
    metadata: Sequence[str],
    **choices: str | None,
) -> SplitRequest:
    """Read a whole split; `gateways` are those that there are. Raises WrongUse with a line for each fault."""
    faults: list[str] = []
    read = [leg for leg in (_kept(faults, text, currency, gateways) for text in legs) if leg is not None]
    try:
        pairs = arguments.pairs("--metadata", metadata)
    except WrongUse as error:
        faults += error.lines
        pairs = {}
    content: dict[str, object] = {"split_id": split_id, "customer": customer, "metadata": pairs, **choices}
    content |= {"actor": arguments.actor()}
    if not faults:
        whole = Money(amount_minor=sum(leg.amount.amount_minor for leg in read), currency=read[0].amount.currency)
        content |= {"legs": tuple(read), "amount": whole}
    try:
        # What could not be read has its line already; it is left out, so that the faults of the rest are found as well.
        request = arguments.checked(SplitRequest, content)
    except WrongUse as error:
        raise WrongUse(*faults, *error.lines) from None
    return request


def leg(text: str, currency: str, gateways: Sequence[str]) -> SplitLeg:
    """Read `60.00:stripe=pm_1`; after a space another gateway to fall back on, as in `60.00:stripe=pm_1 paypal=w_1`."""
    amount, separator, methods = text.partition(":")
    if not separator or not methods.split():
        raise WrongUse(f"--leg {text!r} cannot be read: write it like {EXAMPLE}")
    try:
        content = {
            "amount": arguments.money(amount.strip(), currency),
            "payment_methods": tuple(arguments.payment_method(method, gateways) for method in methods.split()),
        }
        return arguments.checked(SplitLeg, content)
    except WrongUse as error:
        raise WrongUse(*(_of_leg(line, text) for line in error.lines)) from None


def _of_leg(line: str, text: str) -> str:
    return f"--leg {text!r}: {line.removeprefix('--payment-method').lstrip(': ')}"


def _kept(faults: list[str], text: str, currency: str, gateways: Sequence[str]) -> SplitLeg | None:
    try:
        return leg(text, currency, gateways)
    except WrongUse as error:
        faults += error.lines
        return None
