"""The payment methods in the simulated vault. Each id stands for one way that a payment can go, as its fields say."""

import re
from dataclasses import dataclass
from typing import Literal

from simulators import made_cards
from simulators.paypal import events
from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn
from simulators.store import Document, Transaction

WALLET = "paypal"
CARD = "card"
DELETED = "deleted_token"
ONLY_IN_ORDERS = frozenset({"type", "bin_details", "account_status"})
"""What an order tells of its payment source, and the vault does not."""
PATH = "/v3/vault/payment-tokens"
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


ISSUES = frozenset(
    {
        *("AGREEMENT_ALREADY_CANCELLED", "BILLING_AGREEMENT_NOT_FOUND", "CARD_EXPIRED", "INSTRUMENT_DECLINED"),
        *("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "PAYER_ACCOUNT_RESTRICTED"),
        *(
            "PAYER_ACTION_REQUIRED",
            "PAYER_CANNOT_PAY",
            "REFERENCED_CARD_EXPIRED",
            "TOKEN_EXPIRED",
            "TRANSACTION_REFUSED",
        ),
    }
)
"""What PayPal itself says to a payment with a method that a test made."""
PROCESSOR_CODE = re.compile(r"\d{4}|PP[A-Z0-9]{2}")
EXPIRED = ProcessorResponse("5400", "01")


def find(turn: Turn, source: str, vault_id: str, field: str) -> Method:
    """The method that a payment source names under this JSON pointer; raises Problem."""
    if not _is_kept(turn.transaction, vault_id):
        raise Problem("TOKEN_ID_NOT_FOUND", field, vault_id)
    method = of(turn, vault_id)
    if method.source != source:
        raise Problem("MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE", field, vault_id)
    return method


def of(turn: Turn, vault_id: str) -> Method:
    """The method of this id; of one that a test made, without what its script says."""
    made = made_cards.find(turn.transaction, vault_id)
    if made is None:
        return METHODS[vault_id]
    return _card() if made["source"] == CARD else Method(WALLET)


def at_payment(turn: Turn, vault_id: str) -> Method:
    """The method as it answers to a payment now; an answer of a script is counted as given."""
    made = made_cards.find(turn.transaction, vault_id)
    if made is None:
        return METHODS[vault_id]
    if made["source"] == CARD and made_cards.has_expired(made["expires"], turn.now):
        return _card(EXPIRED)
    step = made_cards.use(turn.transaction, made)
    if step is None:
        return of(turn, vault_id)
    if step["answer"] in ISSUES:
        return Method(made["source"], refusal=step["answer"])
    return _card(ProcessorResponse(step["answer"], step.get("advice")))


def needs_payer(turn: Turn, vault_id: str) -> bool:
    """Whether the payer has to approve at PayPal before a payment with this method."""
    made = made_cards.find(turn.transaction, vault_id)
    if made is None:
        return METHODS[vault_id].needs_payer
    step = made_cards.in_force(made, turn.now)
    return step is not None and step["answer"] == "PAYER_ACTION_REQUIRED"


def make(transaction: Transaction, token: str, asked: Document) -> None:
    """Make a method, or change it, as the network does when it updates a card. Raises ValueError."""
    if token in METHODS:
        raise ValueError(f"{token} cannot be made: use a token of your own")
    if transaction.get(DELETED, token) is not None:
        raise ValueError(f"{token} was deleted: use another token")
    made = made_cards.read(token, asked, more=("source",), codes=("advice",))
    made["source"] = asked.get("source", CARD)
    if made["source"] not in (CARD, WALLET):
        raise ValueError(f"source cannot be {made['source']!r}: use {CARD} or {WALLET}")
    for step in made["answers"]:
        _check(step, made["source"])
    made_cards.keep(transaction, made)


def _check(step: Document, source: str) -> None:
    answer = step["answer"]
    if answer in ISSUES:
        if step["times"] is not None:
            raise ValueError(f"{answer} leaves no trace that could be counted: give it with until, without times")
    elif answer != made_cards.APPROVED and (source == WALLET or PROCESSOR_CODE.fullmatch(answer) is None):
        codes = "" if source == WALLET else ", a processor's response code such as 5120"
        raise ValueError(
            f"nobody says {answer}: use {made_cards.APPROVED}{codes}, or one of {', '.join(sorted(ISSUES))}"
        )


def show(turn: Turn, vault_id: str) -> Document | None:
    """A token as the vault shows it; None for a deleted one that is answered for without a body. Raises Problem."""
    if turn.transaction.get(DELETED, vault_id) is not None and turn.setting("deleted_tokens") == "empty":
        return None
    if not _is_kept(turn.transaction, vault_id):
        raise Problem("INVALID_RESOURCE_ID")
    source = of(turn, vault_id).source
    shown = view(turn, source, vault_id)
    shown = {name: shown[name] for name in shown if name not in ONLY_IN_ORDERS}
    path = f"{turn.base_url}{PATH}/{vault_id}"
    links = [{"href": path, "rel": rel, "method": method} for rel, method in (("self", "GET"), ("delete", "DELETE"))]
    return {"id": vault_id, "payment_source": {source: shown}, "links": links}


def delete(turn: Turn, vault_id: str) -> bool:
    """Take a token out of the vault; returns whether it was there."""
    if not _is_kept(turn.transaction, vault_id):
        return False
    turn.save(DELETED, {"id": vault_id})
    events.announce(turn, "VAULT.PAYMENT-TOKEN.DELETED", {"id": vault_id})
    return True


def _is_kept(transaction: Transaction, vault_id: str) -> bool:
    known = vault_id in METHODS or made_cards.find(transaction, vault_id) is not None
    return known and transaction.get(DELETED, vault_id) is None


def view(turn: Turn, source: str, vault_id: str | None) -> dict[str, object]:
    """A payment source as PayPal describes it in an order."""
    if source == CARD:
        made = made_cards.find(turn.transaction, vault_id) if vault_id else None
        card = made or {**made_cards.FACTS, "last4": "1111", "expires": "2030-12"}
        return {
            "last_digits": card["last4"],
            "expiry": card["expires"],
            "brand": BRANDS.get(card["brand"], card["brand"].upper()),
            "type": card["funding"].upper(),
            "bin_details": {"bin_country_code": card["country"]},
        }
    return {
        "email_address": "payer@example.com",
        "account_id": PAYER_ID,
        "account_status": "VERIFIED",
        "name": {"given_name": "Test", "surname": "Payer"},
    }


BRANDS = {"unionpay": "CHINA_UNION_PAY"}
"""Brands that PayPal writes in another way than in capital letters."""
PAYER_ID = "9PAYERSANDB2X"
