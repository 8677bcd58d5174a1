"""The payment methods in the simulated vault. Each id stands for one way that a payment can go, as its fields say."""

from dataclasses import dataclass
from typing import Literal

from simulators.paypal.errors import Problem

WALLET = "paypal"
CARD = "card"
MINUTE = 60
ECHECK_SECONDS = 5 * 24 * 3600
"""About as long as an eCheck takes to clear."""


@dataclass(frozen=True)
class ProcessorResponse:
    """What the card's processor said."""

    response_code: str
    payment_advice_code: str | None = None

    def wire(self) -> dict[str, str]:
        """As it is sent."""
        wire = {"response_code": self.response_code}
        if self.payment_advice_code is not None:
            wire["payment_advice_code"] = self.payment_advice_code
        return wire


APPROVED = ProcessorResponse("0000")


@dataclass(frozen=True)
class Review:
    """A capture that is decided later."""

    reason: str
    ends_as: Literal["COMPLETED", "DECLINED"]
    after_seconds: int = MINUTE


@dataclass(frozen=True)
class Method:
    """A vaulted payment method; by default one with which everything succeeds at once."""

    source: str
    refusal: str | None = None
    """The issue for which a payment is refused."""
    needs_payer: bool = False
    """Whether the payer has to approve at PayPal first."""
    review: Review | None = None
    authorization: ProcessorResponse | None = None
    """The processor's answer to an authorization, or to a payment in one step; only a card has a processor."""
    capture: ProcessorResponse | None = None
    """The processor's answer to a capture."""
    refund: Literal["COMPLETED", "PENDING", "FAILED"] = "COMPLETED"
    """How a refund goes: at once, after a while, or it fails after a while."""


def _card(
    authorization: ProcessorResponse = APPROVED,
    capture: ProcessorResponse = APPROVED,
) -> Method:
    return Method(CARD, authorization=authorization, capture=capture)


METHODS = {
    "wallet_ok": Method(WALLET),
    "wallet_instrument_declined": Method(WALLET, refusal="INSTRUMENT_DECLINED"),
    "wallet_payer_action": Method(WALLET, needs_payer=True),
    "wallet_locked": Method(WALLET, refusal="PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
    "wallet_refused": Method(WALLET, refusal="TRANSACTION_REFUSED"),
    "wallet_pending_review": Method(WALLET, review=Review("PENDING_REVIEW", "COMPLETED")),
    "wallet_echeck": Method(WALLET, review=Review("ECHECK", "COMPLETED", ECHECK_SECONDS)),
    "wallet_pending_denied": Method(WALLET, review=Review("PENDING_REVIEW", "DECLINED")),
    "wallet_refund_pending": Method(WALLET, refund="PENDING"),
    "wallet_refund_fails": Method(WALLET, refund="FAILED"),
    "card_ok": _card(),
    "card_5120": _card(ProcessorResponse("5120")),  # insufficient funds
    "card_5400": _card(ProcessorResponse("5400", "01")),  # expired; new data may be had
    "card_9500": _card(ProcessorResponse("9500")),  # suspected fraud
    "card_9520": _card(ProcessorResponse("9520", "03")),  # lost or stolen; do not try again
    "card_5180": _card(ProcessorResponse("5180", "21")),  # the customer stopped it
    "card_5650": _card(ProcessorResponse("5650")),  # strong customer authentication is needed
    "card_5920": _card(ProcessorResponse("5920", "02")),  # try again later
    "card_authorize_ok_capture_declined": _card(capture=ProcessorResponse("5120")),
}
APPROVED_BY_PAYER = "wallet_ok"
"""What a payer pays with who approves an order that names no payment method."""


def find(source: str, vault_id: str, field: str) -> Method:
    """The method that a payment source names under this JSON pointer; raises Problem."""
    method = METHODS.get(vault_id)
    if method is None:
        raise Problem("TOKEN_ID_NOT_FOUND", field, vault_id)
    if method.source != source:
        raise Problem("MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE", field, vault_id)
    return method


def view(source: str) -> dict[str, object]:
    """A payment source as PayPal describes it in an order."""
    if source == CARD:
        return {"last_digits": "1111", "expiry": "2030-12", "brand": "VISA", "type": "CREDIT"}
    return {
        "email_address": "payer@example.com",
        "account_id": PAYER_ID,
        "account_status": "VERIFIED",
        "name": {"given_name": "Test", "surname": "Payer"},
    }


PAYER_ID = "9PAYERSANDB2X"
