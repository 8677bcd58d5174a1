"""Which gateways there are, and whether one can take a charge: the same pure rule that its process chooses by."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from activities.attempts import first_ask
from commands.errors import WrongUse
from gateways import paypal_amounts, stripe_amounts
from gateways.port import Capabilities
from gateways.routing import policy_file
from gateways.routing.choice import decide
from gateways.routing.errors import NoGateway, PolicyFault
from gateways.routing.policy import Policies, of_order
from gateways.routing.windows import EMPTY
from ledger.charges import ChargeRequest
from settings import Settings

KNOWN: Mapping[str, Capabilities] = {"stripe": stripe_amounts.CAPABILITIES, "paypal": paypal_amounts.CAPABILITIES}
"""What can be said without a gateway's SDK; a charge with a method of another gateway is left to its process."""


def names(settings: Settings) -> Sequence[str]:
    """List the gateways in their fallback order."""
    return settings.gateway_order.split(",")


def policies(settings: Settings, path: Path | None = None) -> Policies:
    """Read the routing policy of this file, or that of the settings; raises WrongUse with a line for each fault."""
    chosen = path or (Path(settings.routing_policy) if settings.routing_policy else None)
    if chosen is None:
        return of_order(names(settings))
    try:
        return policy_file.read(chosen, KNOWN)
    except PolicyFault as error:
        raise WrongUse(*error.lines) from None


def require_one(settings: Settings, request: ChargeRequest) -> None:
    """Refuse a charge that no gateway can take, before anything is started."""
    if not KNOWN.keys() >= {method.gateway for method in request.payment_methods}:
        return
    now = datetime.now(UTC)
    try:
        decide(policies(settings).at(now), first_ask(request, now), KNOWN, EMPTY)
    except NoGateway as error:
        raise WrongUse(f"{error}: use another currency or amount, or a payment method of another gateway") from None
    except PolicyFault as error:
        raise WrongUse(*error.lines) from None
