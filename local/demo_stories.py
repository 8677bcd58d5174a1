"""The courses that the demo's charges take, as a table: what the customer pays with, what is done, how it must end."""

from dataclasses import dataclass
from enum import StrEnum

from ledger.charges import ChargeStatus


class Act(StrEnum):
    """What the customer or the shop does with a charge after it was started."""

    AUTHENTICATE = "authenticate"
    FAIL_AUTHENTICATION = "fail_authentication"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


@dataclass(frozen=True)
class Step:
    """An act; `percent` of what is reserved is captured, or of what was captured is refunded; 100 is all that is left."""

    act: Act
    percent: int = 100
    decline_code: str | None = None
    """With which the issuer declines this act, if it does."""


@dataclass(frozen=True)
class Story:
    """A course that `count` charges take."""

    name: str
    gateway: str
    """The one that must take the charge."""
    token: str
    count: int
    steps: tuple[Step, ...] = ()
    ends_as: ChargeStatus = ChargeStatus.CAPTURED
    decline_code: str | None = None
    manual: bool = False
    """Whether the money is reserved first, and captured by a step of its own."""
    currency: str | None = None
    """The only currency of the story; without one, those of the gateway in turn."""
    rather: tuple[str, str] | None = None
    """A gateway that the customer prefers and that cannot take the charge, with the payment method there."""
    declined_first: tuple[str, ...] = ()
    """With which codes attempts are declined before the one that decides."""


AUTHENTICATE = Step(Act.AUTHENTICATE)
FAIL_AUTHENTICATION = Step(Act.FAIL_AUTHENTICATION)
CAPTURE = Step(Act.CAPTURE)
CAPTURE_PART = Step(Act.CAPTURE, percent=40)
VOID = Step(Act.VOID)
REFUND = Step(Act.REFUND)
REFUND_PART = Step(Act.REFUND, percent=35)

AT_ONCE = "captured at once"
AUTHENTICATED = "authenticated, captured at once"
AUTHENTICATED_LATER = "authenticated, captured later"
SENT_ELSEWHERE = "sent on, in a currency not taken"
TAKEN_ELSEWHERE = "declined by one gateway, captured by the other"
CAPTURE_DECLINED = "capture declined, then voided"
DECLINED = "declined"

CAPTURED = ChargeStatus.CAPTURED
PART = ChargeStatus.PARTIALLY_CAPTURED
VOIDED = ChargeStatus.VOIDED


def _taken(gateway: str, token: str, *, later: int, part: int, voided: int, refunded: tuple[int, ...]) -> list[Story]:
    """Tell what becomes of a payment method that works, beside being captured at once."""
    in_full, in_part, in_two, of_part = refunded
    return [
        Story("captured later", gateway, token, later, (CAPTURE,), manual=True),
        Story("captured in part", gateway, token, part, (CAPTURE_PART,), PART, manual=True),
        Story("voided", gateway, token, voided, (VOID,), VOIDED, manual=True),
        Story("refunded", gateway, token, in_full, (REFUND,)),
        Story("refunded in part", gateway, token, in_part, (REFUND_PART,)),
        Story("refunded in two parts", gateway, token, in_two, (REFUND_PART, REFUND)),
        Story("captured and refunded in part", gateway, token, of_part, (CAPTURE_PART, REFUND_PART), PART, manual=True),
    ]


def _declined(gateway: str, token: str, code: str, count: int = 1, *steps: Step, manual: bool = False) -> Story:
    return Story(DECLINED, gateway, token, count, steps, ChargeStatus.DECLINED, code, manual)


def _declined_twice(gateway: str, token: str, code: str, *steps: Step) -> Story:
    """Tell of a code upon which the same card is tried once more, a moment later or with its owner's authentication."""
    return Story(DECLINED, gateway, token, 1, steps, ChargeStatus.DECLINED, code, declined_first=(code,))


STRIPE = (
    Story(AT_ONCE, "stripe", "pm_card_visa", 18),
    Story(AT_ONCE, "stripe", "pm_card_mastercard", 10),
    *_taken("stripe", "pm_card_visa", later=16, part=12, voided=9, refunded=(9, 7, 3, 3)),
    Story(SENT_ELSEWHERE, "stripe", "pm_card_visa", 3, currency="KWD", rather=("paypal", "wallet_ok")),
    Story(AUTHENTICATED, "stripe", "pm_card_authenticationRequired", 4, (AUTHENTICATE,)),
    Story(AUTHENTICATED_LATER, "stripe", "pm_card_threeDSecure2Required", 2, (AUTHENTICATE, CAPTURE), manual=True),
    _declined("stripe", "pm_card_visa_chargeDeclined", "generic_decline"),
    _declined("stripe", "pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", 3),
    _declined("stripe", "pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", manual=True),
    _declined("stripe", "pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    _declined("stripe", "pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    _declined("stripe", "pm_card_chargeDeclinedExpiredCard", "expired_card"),
    _declined("stripe", "pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    _declined_twice("stripe", "pm_card_chargeDeclinedProcessingError", "processing_error"),
    _declined("stripe", "pm_card_chargeDeclinedFraudulent", "fraudulent"),
    _declined("stripe", "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
    _declined(
        "stripe",
        "pm_card_authenticationRequired",
        "payment_intent_authentication_failure",
        1,
        FAIL_AUTHENTICATION,
    ),
    _declined(
        "stripe",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "insufficient_funds",
        1,
        AUTHENTICATE,
    ),
)
"""Stripe's test cards: docs.stripe.com/testing."""

PAYPAL = (
    Story(AT_ONCE, "paypal", "wallet_ok", 14),
    Story(AT_ONCE, "paypal", "card/card_ok", 12),
    *_taken("paypal", "wallet_ok", later=8, part=9, voided=7, refunded=(7, 6, 2, 2)),
    Story(
        CAPTURE_DECLINED,
        "paypal",
        "card/card_authorize_ok_capture_declined",
        2,
        (Step(Act.CAPTURE, decline_code="5120"), VOID),
        VOIDED,
        manual=True,
    ),
    Story(
        TAKEN_ELSEWHERE,
        "paypal",
        "wallet_ok",
        2,
        rather=("stripe", "pm_card_visa_chargeDeclined"),
        currency="EUR",
        declined_first=("generic_decline",),
    ),
    Story(AUTHENTICATED, "paypal", "wallet_payer_action", 3, (AUTHENTICATE,)),
    Story(AUTHENTICATED_LATER, "paypal", "wallet_payer_action", 2, (AUTHENTICATE, CAPTURE), manual=True),
    _declined("paypal", "wallet_payer_action", "ORDER_VOIDED", 1, FAIL_AUTHENTICATION),
    _declined("paypal", "wallet_instrument_declined", "INSTRUMENT_DECLINED", 2),
    _declined("paypal", "wallet_locked", "PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
    _declined("paypal", "wallet_refused", "TRANSACTION_REFUSED"),
    _declined("paypal", "wallet_of_nobody", "TOKEN_ID_NOT_FOUND"),
    _declined("paypal", "card/card_5120", "5120"),
    _declined("paypal", "card/card_5120", "5120", manual=True),
    _declined("paypal", "card/card_5180", "5180"),
    _declined("paypal", "card/card_5400", "5400"),
    _declined_twice("paypal", "card/card_5650", "5650", AUTHENTICATE),
    _declined("paypal", "card/card_5920", "5920"),
    _declined("paypal", "card/card_9500", "9500"),
    _declined("paypal", "card/card_9520", "9520"),
)
"""Names in the simulated vault; the codes are PayPal's issues and its processor's response codes."""
