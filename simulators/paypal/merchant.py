"""The one merchant whose account is simulated, and what PayPal promises it."""

from simulators.paypal import vault

PAYEE = {"email_address": "merchant@example.com", "merchant_id": "5ZMERCHANT222"}


def protection(method: vault.Method) -> dict[str, object]:
    """Seller protection of a payment with this method."""
    if method.source == vault.CARD:
        return {"status": "NOT_ELIGIBLE"}
    return {"status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]}
