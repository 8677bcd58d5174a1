"""What a payment is paid from, and who initiates it: a wallet or a card of PayPal's vault.

Of a payment without its customer, PayPal's token of the method is the mandate; it knows no other reference.
"""

from typing import Any, Final

from gateways.port import OperationRequest

CARD_PREFIX: Final = "card/"
"""A payment method `card/ID` is a card in PayPal's vault; any other is a wallet there."""
BY_CUSTOMER: Final = {"payment_initiator": "CUSTOMER", "payment_type": "ONE_TIME", "usage": "SUBSEQUENT"}
BY_MERCHANT: Final = {"payment_initiator": "MERCHANT", "payment_type": "RECURRING", "usage": "SUBSEQUENT"}
WALLET_BY_MERCHANT: Final = {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT"}
"""A wallet's stored credential has no type of payment."""


def payment_source(request: OperationRequest, return_url: str) -> dict[str, Any]:
    """Write the payment method of a request as PayPal's `payment_source`."""
    token = request.payment_method
    if token is None:
        raise AssertionError(f"{request.operation_id} needs a payment method")
    if not token.startswith(CARD_PREFIX):
        return {"paypal": {"vault_id": token} | _wallet_presence(request, return_url)}
    card: dict[str, Any] = {"vault_id": token.removeprefix(CARD_PREFIX)} | _card_presence(request, return_url)
    if request.authenticate:
        card["attributes"] = {"verification": {"method": "SCA_ALWAYS"}}
    return {"card": card}


def _wallet_presence(request: OperationRequest, return_url: str) -> dict[str, Any]:
    if request.customer_present:
        return {"experience_context": _addresses(return_url)}
    return {"stored_credential": WALLET_BY_MERCHANT}


def _card_presence(request: OperationRequest, return_url: str) -> dict[str, Any]:
    if request.customer_present:
        return {"stored_credential": BY_CUSTOMER, "experience_context": _addresses(return_url)}
    return {"stored_credential": BY_MERCHANT}


def _addresses(return_url: str) -> dict[str, str]:
    return {"return_url": return_url, "cancel_url": return_url}
