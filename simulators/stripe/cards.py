"""Stripe's test cards as data: `pm_card_*` tokens, what the issuer says to them, and what becomes of their refunds.

Source: docs.stripe.com/testing; declines as seen in test mode. Cards that open a dispute are not here: disputes
are not simulated, and a token that is not in the table is refused as an unknown PaymentMethod.
"""

from dataclasses import dataclass
from enum import StrEnum


class Authentication(StrEnum):
    """When the issuer wants to see the customer."""

    NEVER = "never"
    ALWAYS = "always"
    UNLESS_SET_UP = "unless_set_up"
    ON_SESSION_ONLY = "on_session_only"


class RefundCourse(StrEnum):
    """What becomes of a refund to the card."""

    SUCCEEDS = "succeeds"
    PENDING = "pending"
    FAILS = "fails"


@dataclass(frozen=True)
class Decline:
    """How a card says no; absent codes are not in the body."""

    code: str
    decline_code: str
    message: str
    param: str | None = None
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None
    blocked: bool = False
    """Stopped by Stripe's own risk check, before the network."""


@dataclass(frozen=True)
class Card:
    """One test card."""

    last4: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    expires: str = "2034-12"
    fingerprint: str | None = None
    """None for one that is made of the brand and the last digits."""
    mandate: str | None = None
    decline: Decline | None = None
    authentication: Authentication = Authentication.NEVER
    refund: RefundCourse = RefundCourse.SUCCEEDS
    available_at_once: bool = False
    risk_level: str = "normal"
    risk_score: int = 20


DECLINED = "Your card was declined."
LATER = "try_again_later"
NEVER_AGAIN = "do_not_try_again"
CHECK_DATA = "confirm_card_data"

GENERIC = Decline("card_declined", "generic_decline", DECLINED, None, LATER, "01", "02")
INSUFFICIENT_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds.", None, LATER, "51", "02"
)
LOST = Decline("card_declined", "lost_card", DECLINED, None, NEVER_AGAIN, "41", "03")
STOLEN = Decline("card_declined", "stolen_card", DECLINED, None, NEVER_AGAIN, "43", "03")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.", "exp_month", CHECK_DATA, "54", "01")
INCORRECT_CVC = Decline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "cvc", CHECK_DATA, "82", "01"
)
PROCESSING_ERROR = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    None,
    LATER,
    "96",
    "02",
)
VELOCITY = Decline("card_declined", "card_velocity_exceeded", DECLINED, None, LATER, "61", "02")
FRAUDULENT = Decline("card_declined", "fraudulent", DECLINED, blocked=True)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_CODES = {"visa": "1A", "mastercard": "65"}
"""How the networks say that they want the customer authenticated; the same code may mean something else at another one."""
SAID_BY_ISSUERS = {
    each.decline_code: each
    for each in (
        GENERIC,
        INSUFFICIENT_FUNDS,
        LOST,
        STOLEN,
        EXPIRED,
        INCORRECT_CVC,
        PROCESSING_ERROR,
        VELOCITY,
        FRAUDULENT,
        AUTHENTICATION_REQUIRED,
        Decline("card_declined", "do_not_honor", DECLINED, None, LATER, "05"),
        Decline("card_declined", "issuer_not_available", DECLINED, None, LATER, "91"),
        Decline("card_declined", "try_again_later", DECLINED, None, LATER, "19"),
        Decline("card_declined", "pickup_card", DECLINED, None, NEVER_AGAIN, "04"),
        Decline("card_declined", "restricted_card", DECLINED, None, NEVER_AGAIN, "62"),
        Decline("card_declined", "transaction_not_allowed", DECLINED, None, NEVER_AGAIN, "57"),
        Decline("card_declined", "invalid_account", DECLINED, None, NEVER_AGAIN, "46"),
        Decline("card_declined", "stop_payment_order", DECLINED, None, NEVER_AGAIN, "R0"),
        Decline("card_declined", "revocation_of_authorization", DECLINED, None, NEVER_AGAIN, "R1"),
        Decline("card_declined", "withdrawal_count_limit_exceeded", DECLINED, None, LATER, "65"),
    )
}
"""What the answers of a scripted card can be, by decline code."""

CARDS = {
    "pm_card_visa": Card("4242"),
    "pm_card_visa_debit": Card("5556", funding="debit"),
    "pm_card_mastercard": Card("4444", brand="mastercard"),
    "pm_card_mastercard_debit": Card("8210", brand="mastercard", funding="debit"),
    "pm_card_mastercard_prepaid": Card("5100", brand="mastercard", funding="prepaid"),
    "pm_card_amex": Card("8431", brand="amex"),
    "pm_card_discover": Card("1117", brand="discover"),
    "pm_card_diners": Card("0004", brand="diners"),
    "pm_card_jcb": Card("0505", brand="jcb"),
    "pm_card_unionpay": Card("0005", brand="unionpay"),
    "pm_card_gb": Card("0005", country="GB"),
    "pm_card_de": Card("0000", country="DE"),
    "pm_card_jp": Card("0003", country="JP"),
    "pm_card_visa_chargeDeclined": Card("0002", decline=GENERIC),
    "pm_card_chargeDeclined": Card("0002", decline=GENERIC),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card("9995", decline=INSUFFICIENT_FUNDS),
    "pm_card_chargeDeclinedInsufficientFunds": Card("9995", decline=INSUFFICIENT_FUNDS),
    "pm_card_visa_chargeDeclinedLostCard": Card("9987", decline=LOST),
    "pm_card_visa_chargeDeclinedStolenCard": Card("9979", decline=STOLEN),
    "pm_card_chargeDeclinedExpiredCard": Card("0069", decline=EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": Card("0127", decline=INCORRECT_CVC),
    "pm_card_chargeDeclinedProcessingError": Card("0119", decline=PROCESSING_ERROR),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Card("6975", decline=VELOCITY),
    "pm_card_chargeDeclinedFraudulent": Card("0019", decline=FRAUDULENT, risk_level="highest", risk_score=90),
    "pm_card_radarBlock": Card("0019", decline=FRAUDULENT, risk_level="highest", risk_score=90),
    "pm_card_riskLevelElevated": Card("9235", risk_level="elevated", risk_score=70),
    "pm_card_chargeCustomerFail": Card("0341", decline=GENERIC),
    "pm_card_authenticationRequired": Card("3184", authentication=Authentication.ALWAYS),
    "pm_card_threeDSecure2Required": Card("3220", authentication=Authentication.ALWAYS),
    "pm_card_threeDSecureRequiredChargeDeclined": Card("1629", authentication=Authentication.ALWAYS, decline=GENERIC),
    "pm_card_authenticationRequiredOnSetup": Card("3155", authentication=Authentication.UNLESS_SET_UP),
    "pm_card_authenticationRequiredSetupForOffSession": Card("0446", authentication=Authentication.ON_SESSION_ONLY),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "3178", authentication=Authentication.ALWAYS, decline=INSUFFICIENT_FUNDS
    ),
    "pm_card_pendingRefund": Card("7726", refund=RefundCourse.PENDING),
    "pm_card_refundFail": Card("5126", refund=RefundCourse.FAILS),
    "pm_card_bypassPending": Card("0077", available_at_once=True),
}
