"""The simulated PayPal as a whole: reads a request, has it answered, and words what went wrong as PayPal does."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from simulators.gateway import Answer, Call
from simulators.paypal import (
    disputes,
    errors,
    identifiers,
    orders,
    request_ids,
    reversals,
    reviews,
    routes,
    settings,
    setups,
    signing,
    tokens,
    vault,
)
from simulators.paypal.checkout import PayerActionRequired
from simulators.paypal.errors import NotAuthenticated, Problem
from simulators.paypal.handlers import Asked
from simulators.paypal.issues import ORDERS, Area
from simulators.paypal.reporting import TooManyResults
from simulators.paypal.routes import Route
from simulators.paypal.signing import Signer
from simulators.paypal.tokens import TooManyTokens
from simulators.paypal.turn import Turn
from simulators.simulator import Simulator
from simulators.store import Document, Transaction

RETRY_DELAYS = (60, 120, 300, 600, 1200, 2400, *[4 * 3600] * 18)
"""Up to 25 tries over three days."""


class PayPal:
    """One merchant's PayPal."""

    key_header = "paypal-request-id"

    def __init__(
        self, state: Path, *, base_url: str, webhook_url: str | None, webhook_id: str, server_url: str | None = None
    ) -> None:
        self._base_url = base_url
        self._signer = Signer(state, webhook_id=webhook_id, server_url=server_url or base_url)
        self._tokens = tokens.Tokens()
        self.simulator = Simulator(
            state, settings=settings.KNOWN, sign=self._signer.sign, webhook_url=webhook_url, retry_delays=RETRY_DELAYS
        )
        reviews.plan(self._turn, self.simulator.agenda)
        if webhook_url is not None:
            self._signer.make_ready()

    def answer(self, transaction: Transaction, call: Call) -> Answer:
        """Do what the request asks."""
        debug_id = identifiers.debug()
        match call.method, call.path:
            case "POST", "/v1/oauth2/token":
                return self._give_token(transaction, call, debug_id)
            case "GET", "/checkoutnow":
                return _to_payer_page(call, "token", "authentications")
            case "GET", "/agreements/approve":
                return _to_payer_page(call, "approval_session_id", "setups")
            case "GET", signing.CERTIFICATE_PATH:
                return Answer(200, self._signer.certificate, {"content-type": "application/x-pem-file"})
            case _:
                return self._answer_client(transaction, call, debug_id)

    def failure(self, call: Call, status: int) -> Answer:  # noqa: ARG002 # every caller gets the same
        """PayPal's body for a status that has no issue."""
        return _plain(status, identifiers.debug())

    def conflict(self, call: Call) -> Answer:  # noqa: ARG002 # every caller gets the same
        """Another request with the same PayPal-Request-Id is under way."""
        debug_id = identifiers.debug()
        return _answer(*Problem("PREVIOUS_REQUEST_IN_PROGRESS").body(Area.PAYMENTS, debug_id), debug_id)

    def rate_limited(self, call: Call, code: str | None) -> Answer:  # noqa: ARG002 # every caller gets the same
        """Too many requests."""
        return _plain(429, identifiers.debug())

    def remember(self, transaction: Transaction, call: Call, answer: Answer) -> None:
        """PayPal keeps no errors: a repeat meets the state as it is."""

    def keeps(self, transaction: Transaction, call: Call) -> bool:
        """Whether something was made under this request's id: a repeat is about that, as it is by then."""
        return call.key is not None and request_ids.is_used(self._turn(transaction, call.key), call.path)

    def decline(self, transaction: Transaction, call: Call) -> Answer:  # noqa: ARG002 # a refusal leaves nothing
        """No: the instrument is declined where an order is paid, anything else is refused."""
        found = routes.find(call.method, call.path)
        area = Area.OTHER if isinstance(found, int) else found[0].area
        issue = "INSTRUMENT_DECLINED" if area in ORDERS else "TRANSACTION_REFUSED"
        debug_id = identifiers.debug()
        return _answer(*Problem(issue).body(area, debug_id), debug_id)

    def succeed_late(self, transaction: Transaction, call: Call) -> None:
        """Do what was asked, unless a repeat did it meanwhile, or the object no longer allows it."""
        found = routes.find(call.method, call.path)
        if isinstance(found, int):
            return
        with contextlib.suppress(Problem), transaction.undone_if_raised():
            self._handle(transaction, call, *found, identifiers.debug())

    def reverse(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """PayPal takes back what was captured."""
        return reversals.reverse(self._turn(transaction), payment_id, amount_minor)

    def open_dispute(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """The payer, or their bank, contests the payment."""
        return disputes.open_dispute(self._turn(transaction), payment_id, amount_minor)

    def close_dispute(
        self, transaction: Transaction, dispute_id: str, *, won: bool, returned_minor: int | None
    ) -> None:
        """PayPal, or the bank, decides."""
        disputes.close_dispute(self._turn(transaction), dispute_id, won=won, returned_minor=returned_minor)

    def refund_by_hand(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """Somebody refunds it at PayPal's site."""
        return reversals.refund_by_hand(self._turn(transaction), payment_id, amount_minor)

    def make_card(self, transaction: Transaction, token: str, asked: Document) -> None:
        """A card or a wallet of a test's own in the vault."""
        vault.make(transaction, token, asked)

    def remove_card(self, transaction: Transaction, token: str) -> None:
        """A token is deleted from the vault."""
        if not vault.delete(self._turn(transaction), token):
            raise LookupError(f"no token {token} is in the vault")

    def describe_authentication(self, transaction: Transaction, payment_id: str) -> str | None:
        """What the payer of an order is asked to approve."""
        order = transaction.get(orders.KIND, payment_id)
        if order is None or not orders.waits_for_payer(self._turn(transaction), order):
            return None
        amount = orders.amount_of(order)
        return f"{amount.value()} {amount.currency}"

    def authenticate(self, transaction: Transaction, payment_id: str, *, succeed: bool) -> str | None:
        """The payer of an order approved it or cancelled."""
        turn = self._turn(transaction)
        order = transaction.get(orders.KIND, payment_id)
        if order is None or not orders.waits_for_payer(turn, order):
            raise LookupError(f"no order {payment_id} waits for its payer")
        return orders.approve(turn, order) if succeed else orders.cancel(turn, order)

    def offered_for_setup(self, transaction: Transaction, setup_id: str) -> Mapping[str, str] | None:
        """The wallets that the payer may approve."""
        return setups.offered(self._turn(transaction), setup_id)

    def complete_setup(self, transaction: Transaction, setup_id: str, given: str | None) -> str | None:
        """The payer approved a wallet, or went back."""
        return setups.complete(self._turn(transaction), setup_id, given)

    def _turn(self, transaction: Transaction, request_id: str | None = None) -> Turn:
        return Turn(transaction, self.simulator, self._base_url, request_id)

    def _answer_client(self, transaction: Transaction, call: Call, debug_id: str) -> Answer:
        found = routes.find(call.method, call.path)
        area = Area.OTHER if isinstance(found, int) else found[0].area
        try:
            tokens.check(call.headers.get("authorization", ""), transaction.now)
            if isinstance(found, int):
                return _plain(found, debug_id)
            with transaction.undone_if_raised():
                return self._handle(transaction, call, *found, debug_id)
        except NotAuthenticated:
            return _plain(401, debug_id)
        except Problem as problem:
            return _answer(*problem.body(area, debug_id), debug_id)
        except TooManyResults:
            return _answer(400, errors.too_many_results(debug_id), debug_id)

    def _handle(self, transaction: Transaction, call: Call, route: Route, identity: str, debug_id: str) -> Answer:
        turn = self._turn(transaction, call.key)
        _obey_mock_response(call.headers)
        request_ids.require_wellformed(call.key)
        asked = Asked(
            path=call.path,
            identity=identity,
            query=_read_query(call.query, route),
            body=_read_body(call, route),
            raw=call.body,
            representation="return=representation" in call.headers.get("prefer", ""),
            signer=self._signer,
        )
        try:
            reply = route.handle(turn, asked)
        except PayerActionRequired as required:
            return _answer(*required.problem.body(route.area, debug_id), debug_id)
        return _answer(reply.status, reply.body, debug_id, replayed=reply.replayed)

    def _give_token(self, transaction: Transaction, call: Call, debug_id: str) -> Answer:
        turn = self._turn(transaction)
        try:
            status, body = self._tokens.give(
                call.headers.get("authorization", ""),
                call.body,
                turn.now,
                seconds=turn.setting("token_seconds"),
                per_minute=turn.setting("tokens_per_minute"),
            )
        except TooManyTokens:
            return _plain(429, debug_id)
        return _answer(status, body, debug_id)


def _read_body(call: Call, route: Route) -> dict[str, Any]:
    if call.method == "GET" or not call.body:
        body: Any = {}
    elif not call.headers.get("content-type", "").startswith("application/json"):
        raise Problem("UNSUPPORTED_MEDIA_TYPE")
    else:
        try:
            body = json.loads(call.body)
        except ValueError:
            raise Problem("MALFORMED_REQUEST_JSON", "/") from None
    route.body.check(body, "")
    read: dict[str, Any] = body
    return read


def _read_query(text: str, route: Route) -> dict[str, str]:
    query = dict(parse_qsl(text, keep_blank_values=True))
    for name in query:
        if name not in route.query:
            raise Problem("INVALID_PARAMETER_VALUE", name, location="query")
    return query


def _obey_mock_response(headers: Mapping[str, str]) -> None:
    """The sandbox's own way to provoke an issue; raises it."""
    text = headers.get("paypal-mock-response")
    if text is None:
        return
    try:
        issue = json.loads(text)["mock_application_codes"]
    except (ValueError, TypeError, KeyError):
        raise Problem("INVALID_PARAMETER_SYNTAX", "PayPal-Mock-Response", location=None) from None
    raise Problem(str(issue))


def _to_payer_page(call: Call, name: str, page: str) -> Answer:
    identity = dict(parse_qsl(call.query)).get(name, "")
    return Answer(302, b"", {"location": f"/_control/{page}/{identity}", "content-type": "text/html"})


def _plain(status: int, debug_id: str) -> Answer:
    return _answer(status, errors.plain(status, debug_id), debug_id)


def _answer(status: int, body: Mapping[str, Any] | None, debug_id: str, *, replayed: bool = False) -> Answer:
    raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    return Answer(status, raw, {"paypal-debug-id": debug_id}, replayed=replayed)
