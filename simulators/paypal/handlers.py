"""How each call is answered: from the request, through the objects it is about, to what is said of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.paypal import (
    authorizations,
    captures,
    checkout,
    dispute_views,
    disputes,
    events,
    notifications,
    orders,
    reauthorizations,
    refunds,
    reporting,
    request_ids,
    setups,
    vault,
)
from simulators.paypal.errors import Problem
from simulators.paypal.signing import Signer
from simulators.paypal.turn import Turn
from simulators.store import Document


@dataclass(frozen=True)
class Asked:
    """A request, read and checked."""

    path: str
    identity: str
    """The id in the path, if there is one."""
    query: Mapping[str, str]
    body: dict[str, Any]
    raw: bytes
    representation: bool
    """Whether the caller prefers the whole object to its id, status and links."""
    signer: Signer


@dataclass(frozen=True)
class Reply:
    """What is said to it."""

    status: int
    body: dict[str, Any] | None
    replayed: bool = False


Handler = Callable[[Turn, Asked], Reply]
View = Callable[[Turn, Document], dict[str, Any]]


def create_order(turn: Turn, asked: Asked) -> Reply:
    """Make an order; with a payment source also pay it at once, which needs a PayPal-Request-Id."""
    source = asked.body.get("payment_source")
    if source is not None and turn.request_id is None:
        raise Problem("PAYPAL_REQUEST_ID_REQUIRED")
    repeated = _repeated(turn, asked, orders.KIND, orders.view)
    if repeated is not None:
        if source is not None and turn.setting("single_step_repeat") == "refuse":
            raise Problem("TRANSACTION_REFUSED")
        return repeated
    order = orders.create(turn, asked.body)
    turn.save(orders.KIND, order)
    if source is not None:
        checkout.take_source(turn, order, source)
        if checkout.needs_payer(turn, order):
            turn.change(orders.KIND, order, status="PAYER_ACTION_REQUIRED")
        else:
            checkout.pay(turn, order)
    return _made(turn, asked, order, "order_request_id_seconds", orders.view)


def show_order(turn: Turn, asked: Asked) -> Reply:
    """The order with all its payments; one that was left unpaid for too long is gone."""
    order = turn.find(orders.KIND, asked.identity)
    if orders.is_expired(turn, order) and turn.setting("expired_orders") == "gone":
        raise Problem("INVALID_RESOURCE_ID")
    return Reply(200, orders.view(turn, order))


def authorize_order(turn: Turn, asked: Asked) -> Reply:
    """Hold the order's amount."""
    return _pay_order(turn, asked, orders.AUTHORIZE)


def capture_order(turn: Turn, asked: Asked) -> Reply:
    """Take the order's amount."""
    return _pay_order(turn, asked, orders.CAPTURE)


def show_authorization(turn: Turn, asked: Asked) -> Reply:
    """The authorization as it is now."""
    return Reply(200, authorizations.view(turn, turn.find(authorizations.KIND, asked.identity)))


def capture_authorization(turn: Turn, asked: Asked) -> Reply:
    """Take some or all of what is held."""
    repeated = _repeated(turn, asked, captures.KIND, captures.view)
    if repeated is not None:
        return repeated
    authorization = turn.find(authorizations.KIND, asked.identity)
    capture = authorizations.capture(turn, authorization, asked.body)
    return _made(turn, asked, capture, "payment_request_id_seconds", captures.view)


def reauthorize_authorization(turn: Turn, asked: Asked) -> Reply:
    """Hold the money anew."""
    repeated = _repeated(turn, asked, authorizations.KIND, authorizations.view)
    if repeated is not None:
        return repeated
    authorization = turn.find(authorizations.KIND, asked.identity)
    renewed = reauthorizations.reauthorize(turn, authorization, asked.body)
    return _made(turn, asked, renewed, "payment_request_id_seconds", authorizations.view)


def void_authorization(turn: Turn, asked: Asked) -> Reply:
    """Release what is held."""
    known = request_ids.find(turn, asked.path, asked.body)
    authorization = turn.find(authorizations.KIND, asked.identity)
    if known is None:
        authorizations.void(turn, authorization)
        request_ids.keep(turn, asked.path, asked.body, authorization["id"], turn.setting("payment_request_id_seconds"))
    if not asked.representation:
        return Reply(204, None, replayed=known is not None)
    return Reply(200, authorizations.view(turn, authorization), replayed=known is not None)


def show_capture(turn: Turn, asked: Asked) -> Reply:
    """The capture as it is now."""
    return Reply(200, captures.view(turn, turn.find(captures.KIND, asked.identity)))


def refund_capture(turn: Turn, asked: Asked) -> Reply:
    """Give back some or all of a capture."""
    repeated = _repeated(turn, asked, refunds.KIND, refunds.view)
    if repeated is not None:
        return repeated
    document = refunds.refund(turn, turn.find(captures.KIND, asked.identity), asked.body)
    return _made(turn, asked, document, "payment_request_id_seconds", refunds.view)


def show_refund(turn: Turn, asked: Asked) -> Reply:
    """The refund as it is now."""
    return Reply(200, refunds.view(turn, turn.find(refunds.KIND, asked.identity)))


def show_token(turn: Turn, asked: Asked) -> Reply:
    """A payment method of the vault."""
    shown = vault.show(turn, asked.identity)
    return Reply(204 if shown is None else 200, shown)


def delete_token(turn: Turn, asked: Asked) -> Reply:
    """Take a payment method out of the vault."""
    vault.delete(turn, asked.identity)
    return Reply(204, None)


def list_disputes(turn: Turn, asked: Asked) -> Reply:
    """A page of disputes, in short."""
    return Reply(200, dispute_views.listing(turn, asked.query))


def show_dispute(turn: Turn, asked: Asked) -> Reply:
    """One dispute, with what it did to the money."""
    return Reply(200, dispute_views.whole(turn, turn.find(disputes.KIND, asked.identity)))


def search_transactions(turn: Turn, asked: Asked) -> Reply:
    """A page of the transaction search."""
    return Reply(200, reporting.search(turn, reporting.read(asked.query)))


def list_events(turn: Turn, asked: Asked) -> Reply:
    """Webhook events, newest first."""
    return Reply(200, notifications.listing(turn, asked.query))


def show_event(turn: Turn, asked: Asked) -> Reply:
    """One webhook event."""
    return Reply(200, turn.find(events.KIND, asked.identity))


def resend_event(turn: Turn, asked: Asked) -> Reply:
    """Send a webhook event again."""
    return Reply(202, notifications.resend(turn, asked.identity))


def verify_signature(_turn: Turn, asked: Asked) -> Reply:
    """Whether a transmission came from here and arrived unchanged."""
    return Reply(200, notifications.verify(asked.signer, asked.body, asked.raw))


def start_setup(turn: Turn, asked: Asked) -> Reply:
    """A setup token that waits for its payer."""
    return _kept_in_vault(turn, asked, setups.SETUP, setups.start, setups.view)


def show_setup(turn: Turn, asked: Asked) -> Reply:
    """The setup token as it is now."""
    return Reply(200, setups.view(turn, setups.find(turn, asked.identity)))


def make_payment_token(turn: Turn, asked: Asked) -> Reply:
    """Keep what the payer approved."""
    return _kept_in_vault(turn, asked, setups.PAYMENT, setups.exchange, setups.view_payment)


def _pay_order(turn: Turn, asked: Asked, intent: str) -> Reply:
    repeated = _repeated(turn, asked, orders.KIND, orders.view)
    if repeated is not None:
        return repeated
    order = turn.find(orders.KIND, asked.identity)
    checkout.require_payable(turn, order, intent)
    if "payment_source" in asked.body:
        checkout.take_source(turn, order, asked.body["payment_source"])
    checkout.pay(turn, order)
    return _made(turn, asked, order, "order_request_id_seconds", orders.view)


def _repeated(turn: Turn, asked: Asked, kind: str, view: View) -> Reply | None:
    known = request_ids.find(turn, asked.path, asked.body)
    if known is None:
        return None
    return Reply(200, _preferred(asked, view(turn, turn.find(kind, known))), replayed=True)


def _kept_in_vault(
    turn: Turn, asked: Asked, kind: str, make: Callable[[Turn, dict[str, Any]], Document], view: View
) -> Reply:
    """What the vault makes is always shown whole."""
    known = request_ids.find(turn, asked.path, asked.body)
    if known is not None:
        return Reply(200, view(turn, turn.find(kind, known)), replayed=True)
    made = make(turn, asked.body)
    request_ids.keep(turn, asked.path, asked.body, made["id"], turn.setting("vault_request_id_seconds"))
    return Reply(201, view(turn, made))


def _made(turn: Turn, asked: Asked, document: Document, life: str, view: View) -> Reply:
    request_ids.keep(turn, asked.path, asked.body, document["id"], turn.setting(life))
    return Reply(201, _preferred(asked, view(turn, document)))


def _preferred(asked: Asked, shown: dict[str, Any]) -> dict[str, Any]:
    if asked.representation:
        return shown
    return {name: shown[name] for name in ("id", "status", "links")}
