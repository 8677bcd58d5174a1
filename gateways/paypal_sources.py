"""What a payment is paid from: a wallet or a card of PayPal's vault."""

from typing import Any, Final

from gateways.port import OperationRequest

CARD_PREFIX: Final = "card/"
"""A payment method `card/ID` is a card in PayPal's vault; any other is a wallet there."""


def payment_source(request: OperationRequest, return_url: str) -> dict[str, Any]:
    """Write the payment method of a request as PayPal's `payment_source`."""
    token = request.payment_method
    if token is None:
        raise AssertionError(f"{request.operation_id} needs a payment method")
    context = {"return_url": return_url, "cancel_url": return_url}
    if not token.startswith(CARD_PREFIX):
        return {"paypal": {"vault_id": token, "experience_context": context}}
    credential = {"payment_initiator": "CUSTOMER", "payment_type": "ONE_TIME", "usage": "SUBSEQUENT"}
    card: dict[str, Any] = {
        "vault_id": token.removeprefix(CARD_PREFIX),
        "stored_credential": credential,
        "experience_context": context,
    }
    if request.authenticate:
        card["attributes"] = {"verification": {"method": "SCA_ALWAYS"}}
    return {"card": card}
