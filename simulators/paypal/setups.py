"""Setup tokens and payment tokens of the vault: a payer approves at PayPal that their wallet may be charged later.

An approved setup token is exchanged once for a payment token, whose id is the wallet's in every payment.
"""

from collections.abc import Mapping
from typing import Any

from simulators.paypal import events, identifiers, vault
from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn
from simulators.store import Document

SETUP = "setup_token"
PAYMENT = "payment_token"
LIFE_SECONDS = 3 * 24 * 3600
NEW, APPROVED, VAULTED = "PAYER_ACTION_REQUIRED", "APPROVED", "VAULTED"
OFFERED: Mapping[str, tuple[str, list[Document]]] = {
    "wallet_ok": ("A wallet that pays", []),
    "wallet_instrument_declined": ("A wallet that declines every payment", [{"answer": "INSTRUMENT_DECLINED"}]),
    "wallet_payer_action": (
        "A wallet that asks for its payer at every payment",
        [{"answer": "PAYER_ACTION_REQUIRED"}],
    ),
}
"""What a payer may approve, how it is named, and how its payments go."""


def start(turn: Turn, body: dict[str, Any]) -> Document:
    """A new setup token that waits for its payer."""
    wallet = body["payment_source"][vault.WALLET]
    context = wallet.get("experience_context", {})
    token: Document = {
        "id": identifiers.money_object(),
        "status": NEW,
        "customer": body.get("customer", {}).get("id") or identifiers.money_object()[:10],
        "usage_type": wallet.get("usage_type"),
        "return_url": context.get("return_url"),
        "cancel_url": context.get("cancel_url"),
        "given": None,
        "payment_token": None,
        "until": turn.now + LIFE_SECONDS,
        "created": turn.now,
        "updated": turn.now,
    }
    turn.save(SETUP, token)
    return token


def find(turn: Turn, identity: str) -> Document:
    """The setup token; raises Problem for one that is unknown or over."""
    token = turn.find(SETUP, identity)
    if token["status"] != VAULTED and token["until"] <= turn.now:
        raise Problem("INVALID_RESOURCE_ID")
    return token


def exchange(turn: Turn, body: dict[str, Any]) -> Document:
    """The payment token of an approved setup token."""
    setup = find(turn, body["payment_source"]["token"]["id"])
    if setup["status"] == VAULTED:
        raise Problem("TOKEN_ALREADY_USED", "/payment_source/token/id")
    if setup["status"] != APPROVED:
        raise Problem("SETUP_TOKEN_NOT_APPROVED", "/payment_source/token/id")
    token: Document = {
        "id": identifiers.money_object().lower(),
        "customer": setup["customer"],
        "created": turn.now,
        "updated": turn.now,
    }
    turn.save(PAYMENT, token)
    _, answers = OFFERED[setup["given"]]
    vault.make(turn.transaction, token["id"], {"source": vault.WALLET, "answers": answers})
    turn.change(SETUP, setup, status=VAULTED, payment_token=token["id"])
    events.announce(turn, "VAULT.PAYMENT-TOKEN.CREATED", view_payment(turn, token))
    return token


def offered(turn: Turn, identity: str) -> Mapping[str, str] | None:
    """The wallets that the payer may approve; None where the token waits for nobody."""
    token = turn.transaction.get(SETUP, identity)
    if token is None or token["status"] != NEW or token["until"] <= turn.now:
        return None
    return {name: label for name, (label, _) in OFFERED.items()}


def complete(turn: Turn, identity: str, given: str | None) -> str | None:
    """The payer approved a wallet, or went back (None); returns where their browser goes."""
    if offered(turn, identity) is None:
        raise LookupError(f"no setup {identity} waits for its payer")
    token = turn.find(SETUP, identity)
    back: str | None = token["cancel_url"] if given is None else token["return_url"]
    if given is not None:
        if given not in OFFERED:
            raise ValueError(f"{given} cannot be given: use one of {', '.join(OFFERED)}")
        turn.change(SETUP, token, status=APPROVED, given=given)
    return back


def view(turn: Turn, token: Document) -> dict[str, Any]:
    """A setup token as PayPal shows it."""
    links = [_link(turn, f"/v3/vault/setup-tokens/{token['id']}", "self")]
    if token["status"] == NEW:
        links.insert(0, _link(turn, f"/agreements/approve?approval_session_id={token['id']}", "approve"))
    if token["status"] == APPROVED:
        links.append(_link(turn, "/v3/vault/payment-tokens", "confirm", "POST"))
    return {
        "id": token["id"],
        "customer": {"id": token["customer"]},
        "status": token["status"],
        "payment_source": {vault.WALLET: {"usage_type": token["usage_type"] or "MERCHANT"}},
        "links": links,
    }


def view_payment(turn: Turn, token: Document) -> dict[str, Any]:
    """A payment token as PayPal shows it when it is made: as in the vault, and whose it is."""
    return {**(vault.show(turn, token["id"]) or {}), "customer": {"id": token["customer"]}}


def _link(turn: Turn, path: str, rel: str, method: str = "GET") -> dict[str, str]:
    return {"href": f"{turn.base_url}{path}", "rel": rel, "method": method}
