"""Which gateways there are, and whether one can take a charge: the same pure rule that its process chooses by."""

from collections.abc import Mapping, Sequence

from commands.errors import WrongUse
from gateways import paypal_amounts, routing, stripe_amounts
from gateways.port import Capabilities
from ledger.charges import ChargeRequest
from settings import Settings

KNOWN: Mapping[str, Capabilities] = {"stripe": stripe_amounts.CAPABILITIES, "paypal": paypal_amounts.CAPABILITIES}
"""What can be said without a gateway's SDK; a charge with a method of another gateway is left to its process."""


def names(settings: Settings) -> Sequence[str]:
    """List the gateways in their fallback order."""
    return settings.gateway_order.split(",")


def require_one(settings: Settings, request: ChargeRequest) -> None:
    """Refuse a charge that no gateway can take, before anything is started."""
    methods = [method.gateway for method in request.payment_methods]
    if not KNOWN.keys() >= set(methods):
        return
    try:
        routing.choose(request.amount, methods, request.gateway, KNOWN, names(settings))
    except routing.NoGateway as error:
        raise WrongUse(f"{error}: use another currency or amount, or a payment method of another gateway") from None
