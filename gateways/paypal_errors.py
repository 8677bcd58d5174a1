"""What an error of PayPal's means: an answer about this payment (`PayPalFault`), or one of `gateways.errors`.

Decided from the HTTP status and the first `issue` of the body. Tokens and secrets are never in a message.
"""

from typing import Final

from pydantic import BaseModel, Field, ValidationError

from gateways.errors import KeyInUse, Misconfigured, OutcomeUnknown, RateLimited
from gateways.wire import Answer, retry_after_seconds

NAME: Final = "paypal"
ANSWERS: Final = frozenset({400, 404, 422})
DECLINES: Final = frozenset(
    {
        "AGREEMENT_ALREADY_CANCELLED",
        "BILLING_AGREEMENT_NOT_FOUND",
        "CARD_BRAND_NOT_SUPPORTED",
        "CARD_EXPIRED",
        "COMPLIANCE_VIOLATION",
        "DECLINED_DUE_TO_RELATED_TXN",
        "DOMESTIC_TRANSACTION_REQUIRED",
        "INSTRUMENT_DECLINED",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
        "PAYEE_BLOCKED_TRANSACTION",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_CANNOT_PAY",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "REFERENCED_CARD_EXPIRED",
        "TOKEN_EXPIRED",
        "TOKEN_ID_NOT_FOUND",
        "TRANSACTION_BLOCKED_BY_PAYEE",
        "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_REFUSED",
    }
)
"""Issues that say no to a payment; any other issue refuses the request itself."""
ACTIONS: Final = frozenset({"PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"})
"""Issues that ask for the payer."""
NOT_FOUND: Final = frozenset({"INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND"})


class Detail(BaseModel):
    """One thing that is wrong."""

    issue: str = ""
    description: str = ""


class PayPalFault(BaseModel):
    """The body of an error: why PayPal did not do what was asked, with nothing done."""

    name: str = ""
    message: str = ""
    debug_id: str = ""
    details: list[Detail] = Field(default_factory=list)

    @property
    def issue(self) -> str:
        """The first issue, else the error's name."""
        return (self.details[0].issue if self.details else "") or self.name

    @property
    def words(self) -> str:
        """What PayPal says, with the id that its support asks for."""
        said = (self.details[0].description if self.details else "") or self.message or self.name
        return f"{said} (debug id {self.debug_id})" if self.debug_id else said

    @property
    def is_decline(self) -> bool:
        """Whether it says no to the payment rather than to the request."""
        return self.issue in DECLINES


def fault_of(answer: Answer) -> PayPalFault:
    """Return the fault if an answer of 300 or more is about this payment; raises the GatewayError that it is otherwise."""
    fault = _read(answer)
    wait = retry_after_seconds(answer.headers)
    if answer.status == 429:
        raise RateLimited(NAME, "asks for fewer requests", retry_after_seconds=wait)
    if answer.status == 409:
        message = "a request under this PayPal-Request-Id is still under way"
        raise KeyInUse(NAME, message, retry_after_seconds=wait)
    if answer.status in {401, 403}:
        raise Misconfigured(
            NAME,
            f"refused our credentials (HTTP status {answer.status}{_issue(fault)}):"
            " check PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET and what the account may do",
        )
    if fault is None or answer.status not in ANSWERS:
        message = f"answered with HTTP status {answer.status}{_issue(fault)}"
        raise OutcomeUnknown(NAME, message, retry_after_seconds=wait)
    if answer.status == 404 and not fault.is_decline:
        raise Misconfigured(
            NAME,
            f"does not know this object{_issue(fault)}: is PAYPAL_CLIENT_ID of the account that made it,"
            " or was an order left unpaid for too long?",
        )
    return fault


def is_unknown_object(answer: Answer) -> bool:
    """Whether PayPal itself, and nothing on the way to it, says that it does not know the object."""
    fault = _read(answer)
    return answer.status == 404 and fault is not None and (fault.issue in NOT_FOUND or fault.name in NOT_FOUND)


def _read(answer: Answer) -> PayPalFault | None:
    try:
        fault = PayPalFault.model_validate_json(answer.body)
    except ValidationError:
        return None
    return fault if fault.issue else None


def _issue(fault: PayPalFault | None) -> str:
    return f", {fault.issue}, debug id {fault.debug_id}" if fault else ""
