"""What a no of Stripe's tells: each code by who gave it, whether the issuer was asked, and the card; pure."""

from typing import Final

from gateways.port import Declined
from gateways.stripe_cards import facts_of, network_of
from gateways.stripe_charges import Charge
from gateways.stripe_errors import StripeFault

AUTHENTICATION_REQUIRED: Final = "authentication_required"
"""Stripe's code of a payment without its customer that the issuer wants authenticated."""


def of_decline(fault: StripeFault, reference: str | None = None, charge: Charge | None = None) -> Declined:
    """A decline, as an error told it or as the PaymentIntent remembers it; `charge` is the failed one, where it was read."""
    if charge is not None and charge.id != fault.charge:
        charge = None
    card = (charge.card if charge else None) or (fault.payment_method.card if fault.payment_method else None)
    return Declined(
        reference=fault.payment_intent.id if fault.payment_intent else reference,
        code=fault.most_precise_code,
        message=fault.message,
        advice=fault.advice_code,
        network=network_of(card),
        network_code=fault.network_decline_code,
        network_advice=fault.network_advice_code,
        gateway_code=fault.code if fault.code != fault.most_precise_code else None,
        reached_issuer=_reached_issuer(fault, charge),
        card=facts_of(card),
    )


def of_absent_customer(reference: str) -> Declined:
    """A payment that its customer would have had to authenticate, who is not there; it was fenced off."""
    message = "the customer would have to authenticate, and is not there"
    return Declined(reference=reference, code=AUTHENTICATION_REQUIRED, message=message)


def tells_all(fault: StripeFault) -> bool:
    """Whether a decline says by itself if the issuer was asked; else the failed charge does."""
    return _reached_issuer(fault, None) is not None


def _reached_issuer(fault: StripeFault, charge: Charge | None) -> bool | None:
    if charge is not None and charge.reached_issuer is not None:
        return charge.reached_issuer
    if fault.network_decline_code is not None:
        return True
    return False if fault.charge is None else None
