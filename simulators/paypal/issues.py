"""PayPal's issue codes: the HTTP status each comes with, and the sentence that goes with it.

PayPal words the same issue differently from one endpoint to another; `Area` tells which wording is meant.
"""

from enum import StrEnum


class Area(StrEnum):
    """Endpoints that word their issues alike."""

    CREATE = "create an order"
    AUTHORIZE = "authorize an order"
    CAPTURE = "capture an order"
    PAYMENTS = "capture or reauthorize an authorization"
    VOID = "void an authorization"
    REFUND = "refund a capture"
    OTHER = "read, search, notify"


ORDERS = frozenset({Area.CREATE, Area.AUTHORIZE, Area.CAPTURE})

STATUS = {
    "INVALID_ARRAY_MAX_ITEMS": 400,
    "INVALID_ARRAY_MIN_ITEMS": 400,
    "INVALID_PARAMETER_SYNTAX": 400,
    "INVALID_PARAMETER_VALUE": 400,
    "INVALID_STRING_LENGTH": 400,
    "MALFORMED_REQUEST_JSON": 400,
    "MISSING_REQUIRED_PARAMETER": 400,
    "PAYPAL_REQUEST_ID_REQUIRED": 400,
    "PERMISSION_DENIED": 403,
    "INVALID_RESOURCE_ID": 404,
    "PREVIOUS_REQUEST_IN_PROGRESS": 409,
    "UNSUPPORTED_MEDIA_TYPE": 415,
}
"""Every other issue comes with 422."""

SENTENCES = {
    "ACTION_DOES_NOT_MATCH_INTENT": "Order was created with an intent to 'CAPTURE'. Please use v2/checkout/orders/order_id/capture to complete the transaction or alternately Create an order with an intent of 'AUTHORIZE'.",
    "AGREEMENT_ALREADY_CANCELLED": "The requested agreement is already canceled.",
    "AUTHORIZATION_ALREADY_CAPTURED": "Authorization has previously been captured.",
    "AUTHORIZATION_DENIED": "An denied authorization cannot be captured.",
    "AUTHORIZATION_EXPIRED": "An expired authorization cannot be captured.",
    "AUTHORIZATION_VOIDED": "A voided authorization cannot be captured or reauthorized. ",
    "AUTH_CAPTURE_CURRENCY_MISMATCH": "Currency of capture must be the same as currency of authorization.",
    "AUTH_CURRENCY_MISMATCH": "The currency specified during reauthorization should be the same as the currency specified in the original authorization. Please check the currency of the authorization for which you are trying to reauthorize and try again.",
    "BILLING_AGREEMENT_NOT_FOUND": "The requested Billing Agreement token was not found.",
    "CANNOT_BE_VOIDED": "A reauthorization cannot be voided. Please void the original parent authorization.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "Must be greater than zero. If the currency supports decimals, only two decimal place precision is supported.",
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded",
    "COMPLIANCE_VIOLATION": "Transaction is declined due to compliance violation.",
    "DECIMALS_NOT_SUPPORTED": "Currency does not support decimals. Please refer to https://developer.paypal.com/docs/api/reference/currency-codes/ for more information.",
    "DECIMAL_PRECISION": "If the currency supports decimals, only two decimal place precision is supported.",
    "DUPLICATE_INVOICE_ID": "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting requires that Invoice Id be unique for each transaction.",
    "INCOMPATIBLE_PARAMETER_VALUE": "The value of the field is incompatible/redundant with other fields in the order.",
    "INSTRUMENT_DECLINED": "The instrument presented was either declined by the processor or bank, or it can't be used for this payment.",
    "INVALID_ARRAY_MAX_ITEMS": "The number of items in an array parameter is too large.",
    "INVALID_ARRAY_MIN_ITEMS": "The number of items in an array parameter is too small.",
    "INVALID_CURRENCY_CODE": "Currency code is invalid or is not currently supported. Please refer https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported currency codes.",
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "A parameter value is not valid.",
    "INVALID_RESOURCE_ID": "Specified resource ID does not exist. Please check the resource ID and try again.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long",
    "MALFORMED_REQUEST_JSON": "The request JSON is not well formed.",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": "Capture amount exceeds allowable limit. Please contact customer service or your account manager to request the change to your overage limit. The default overage limit is 115%, which allows the sum of all captures to be up to 115% of the order amount. The ability to over capture is subjected to regulatory approvals.",
    "MAX_CAPTURE_COUNT_EXCEEDED": "Maxmimum number of allowable captures has been reached. No additional captures are possible for this authorization. Contact Customer Service or your account manager to change the number of captures for a given authorization.",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": "You have exceeded the maximum number of payment attempts.",
    "MAX_VALUE_EXCEEDED": "Should be less than or equal to 999999999999999.99.",
    "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE": "The vault_id does not match the payment_source provided. Please verify that the vault_id token used refers to the matching payment_source and try again. For example, a PayPal token cannot be passed in the vault_id field in the payment_source.card object.",
    "MISSING_REQUIRED_PARAMETER": "A required field / parameter is missing",
    "ORDER_ALREADY_AUTHORIZED": "Order already authorized.If 'intent=AUTHORIZE' only one authorization per order is allowed.",
    "ORDER_ALREADY_CAPTURED": "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed.",
    "ORDER_COMPLETED_OR_VOIDED": "Order is voided or completed and hence cannot be authorized.",
    "ORDER_EXPIRED": "Order is expired and hence cannot be authorized. Please contact Customer Support if you need to increase your order validity period.",
    "ORDER_NOT_APPROVED": "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url returned as part of the HATEOAS links within the Create Order call.",
    "PAYEE_BLOCKED_TRANSACTION": "The Fraud settings for this seller are such that this payment cannot be executed.",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "The payer account cannot be used for this transaction.",
    "PAYER_ACCOUNT_RESTRICTED": "PAYER_ACCOUNT_RESTRICTED",
    "PAYER_ACTION_REQUIRED": "Transaction cannot complete successfully, instruct the buyer to return to PayPal.",
    "PAYER_CANNOT_PAY": "Payer cannot pay for this transaction. Please contact the payer to find other ways to pay for this transaction.",
    "PAYPAL_REQUEST_ID_PREVIOUSLY_USED": "This PayPal-Request-Id was used before, for a request with other content.",
    "PAYPAL_REQUEST_ID_REQUIRED": "A PayPal-Request-Id is required if you are trying to process payment for an Order. Please specify a PayPal-Request-Id or Create the Order without a 'payment_source' specified.",
    "PENDING_CAPTURE": "Cannot initiate a refund as the capture is pending. Capture is typically pending when the payer has funded the transaction using e-check/bank funded.",
    "PERMISSION_DENIED": "You do not have permission to access or perform operations on this resource.",
    "PREVIOUSLY_CAPTURED": "Authorization has been previously captured and hence cannot be voided.",
    "PREVIOUSLY_VOIDED": "Authorization has been previously voided and hence cannot be voided again.",
    "PREVIOUS_REQUEST_IN_PROGRESS": "A previous request on this resource is currently in progress. Please wait for sometime and try again. It is best to space out the initial and the subsequent request(s) to avoid receiving this error.",
    "REAUTHORIZATION_NOT_SUPPORTED": "A reauthorize cannot be attempted on an authorization_id that is the result of a prior reauthorization or on an authorization made on an Order saved using the `v2/orders/id/save` API.",
    "REAUTHORIZATION_TOO_SOON": "A reauthorization is only allowed once from Day 4 to Day 29 since the original authorization.",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": "Transaction failed. Redirect the payer to select another funding source.",
    "REFERENCED_CARD_EXPIRED": "The card underlying the token has expired and hence cannot be used to process a payment.",
    "REFUND_AMOUNT_EXCEEDED": "The refund amount must be less than or equal to the capture amount that has not yet been refunded.",
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "Refund must be in the same currency as the capture",
    "REFUND_FAILED_INSUFFICIENT_FUNDS": "Capture could not be refunded due to insufficient funds. Please check to see if you have sufficient funds in your PayPal account or if the bank account linked to your PayPal account is verified and has sufficient funds.",
    "REFUND_NOT_ALLOWED": "Capture cannot be refunded.",
    "REFUND_TIME_LIMIT_EXCEEDED": "You are over the time limit to perform a refund on this capture",
    "SETUP_TOKEN_NOT_APPROVED": "The setup token was not approved by its payer.",
    "TOKEN_ALREADY_USED": "The token was exchanged for a payment token already.",
    "TOKEN_EXPIRED": "The token is expired and cannot be used for payment.",
    "TOKEN_ID_NOT_FOUND": "Specified token was not found. Verify the token and try the request again.",
    "TRANSACTION_DISPUTED": "Partial refunds cannot be offered at this time because there is an open case on this transaction. Visit the PayPal Resolution Center to review this case.",
    "TRANSACTION_REFUSED": "The request was refused.",
    "UNSUPPORTED_INTENT": "`intent=AUTHORIZE` is not supported for multiple purchase units. Only `intent=CAPTURE` is supported.",
    "UNSUPPORTED_MEDIA_TYPE": "The request payload must be application/json.",
}  # fmt: skip

_PAYMENTS = {
    "DUPLICATE_INVOICE_ID": "Requested invoice_id has been previously captured. Possible duplicate transaction.",
    "INVALID_CURRENCY_CODE": "Currency code is invalid or is not currently supported. Please refer https://developer.paypal.com/docs/api/reference/currency-codes/ for list of supported currency codes.",
    "INVALID_PARAMETER_VALUE": "The value of a field is invalid.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long.",
    "MISSING_REQUIRED_PARAMETER": "A required field / parameter is missing.",
    "TRANSACTION_REFUSED": "PayPal's internal controls prevent authorization from being captured.",
}

WORDINGS: dict[Area, dict[str, str]] = {
    Area.CREATE: {
        "MISSING_REQUIRED_PARAMETER": "A required parameter is missing.",
        "PAYER_CANNOT_PAY": "Combination of payer and payee settings mean that this buyer cannot pay this seller.",
    },
    Area.CAPTURE: {
        "ACTION_DOES_NOT_MATCH_INTENT": "Order was created with an intent to 'AUTHORIZE'. Please use v2/checkout/orders/order_id/authorize to complete the transaction or alternately Create an order with an intent of 'CAPTURE'.",
        "ORDER_NOT_APPROVED": SENTENCES["ORDER_NOT_APPROVED"][:-1]
        + " or provide a valid `payment_source` in the request.",
    },
    Area.PAYMENTS: _PAYMENTS,
    Area.VOID: _PAYMENTS,
    Area.REFUND: {
        **_PAYMENTS,
        "DUPLICATE_INVOICE_ID": "Invoice ID was previously used to refund a capture.",
    },
}

INSTEAD: dict[tuple[bool, str], str] = {
    # The orders document knows no issue of its own for decimals of a currency without any, ...
    (True, "DECIMALS_NOT_SUPPORTED"): "DECIMAL_PRECISION",
    # ... and the payments document none for a body that is not the JSON it expects.
    (False, "MALFORMED_REQUEST_JSON"): "INVALID_PARAMETER_SYNTAX",
}


def in_area(issue: str, area: Area) -> str:
    """The issue that an endpoint of this area gives for it."""
    return INSTEAD.get((area in ORDERS, issue), issue)


def status(issue: str) -> int:
    """The HTTP status that the issue comes with."""
    return STATUS.get(issue, 422)


def sentence(issue: str, area: Area) -> str:
    """What PayPal says about the issue at an endpoint of this area; empty for an issue that the simulator never has."""
    return WORDINGS.get(area, {}).get(issue) or SENTENCES.get(issue, "")
