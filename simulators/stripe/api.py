"""The simulated Stripe: who may ask, which endpoint answers, under which idempotency key."""

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulators.agenda import Job
from simulators.gateway import Answer, Call
from simulators.settings import Check, is_count, is_flag, one_of
from simulators.simulator import Simulator
from simulators.store import Document, Transaction
from simulators.stripe import (
    cancellations,
    charges,
    confirmations,
    declines,
    disputes,
    errors,
    expansions,
    fees,
    forms,
    idempotency,
    ids,
    refunds,
    reversals,
    saved_cards,
    setups,
    version,
)
from simulators.stripe.context import Context
from simulators.stripe.endpoints import Endpoint, find
from simulators.stripe.errors import Refusal
from simulators.stripe.idempotency import Kept
from simulators.stripe.reply import Reply

SETTINGS: dict[str, tuple[Any, Check]] = {
    "balance_transaction_delay_seconds": (0, is_count),
    "refund_delay_seconds": (60, is_count),
    "settlement": ("same_currency", lambda value: value == "same_currency" or value in fees.PER_US_DOLLAR),
    "twin_events": (False, is_flag),
    # Whether a dispute takes the money at once, or begins with a question that takes none.
    "dispute_course": (disputes.CHARGEBACK, one_of(disputes.CHARGEBACK, disputes.INQUIRY)),
    # What becomes of a dispute's fee when it is won: that differs by country and contract.
    "dispute_fee": ("kept", one_of("kept", "returned")),
    # Whether a payment without its customer waits for them all the same, which Stripe says that it does not.
    "asks_without_customer": (False, is_flag),
    "event_api_version": (None, lambda value: value is None or isinstance(value, str)),
}
JOBS: dict[str, Callable[[Context, Document], None]] = {
    "lapse_authorization": cancellations.lapse,
    "settle_charge": charges.settle_later,
    "settle_refund": refunds.settle_later,
}
REMOVED = "payment_method_types"


@dataclass(frozen=True)
class _Request:
    """A call with the id that Stripe gave it, and the version of the answer."""

    call: Call
    id: str
    version: str

    def answer(self, status: int, body: bytes, *, original: str | None = None) -> Answer:
        headers = {"request-id": self.id, "stripe-version": self.version}
        if self.call.key is not None:
            headers["idempotency-key"] = self.call.key
            headers["original-request"] = original or self.id
        return Answer(status, body, headers)


class StripeApi:
    """Stripe, as far as it is simulated."""

    key_header = "idempotency-key"

    def __init__(self, simulator: Simulator, public_url: str) -> None:
        self.simulator = simulator
        self._public_url = public_url
        idempotency.define(simulator.store)
        for job, action in JOBS.items():
            simulator.agenda.on(job, self._job(action))

    def answer(self, transaction: Transaction, call: Call) -> Answer:
        """Answer an API request."""
        request = _Request(call, ids.new("req", 14), version.API_VERSION)
        try:
            request = replace(request, version=version.asked_for(call.headers.get("stripe-version")))
            _check_api_key(call)
            endpoint, arguments = find(call.method, call.path)
            kept = None if call.key is None else idempotency.find(transaction, call, call.key)
            if kept is not None:
                return _again(request, kept)
            return self._first(transaction, request, endpoint, arguments)
        except Refusal as refusal:
            return request.answer(refusal.status, errors.body(refusal.error))

    def failure(self, call: Call, status: int) -> Answer:
        """The body of a server error, or of another status that a fault asks for."""
        error = errors.error(
            "api_error" if status >= 500 else errors.INVALID_REQUEST,
            "An unknown error occurred. If the problem persists, contact us at https://support.stripe.com/.",
        )
        return self._plain(call, status, error)

    def conflict(self, call: Call) -> Answer:
        """409 while the same key is in progress."""
        error = errors.error(
            errors.INVALID_REQUEST,
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
            f"twice, and the other request is still going through): {call.key}. Please try again later.",
            code="idempotency_key_in_use",
        )
        return self._plain(call, 409, error)

    def rate_limited(self, call: Call, code: str | None) -> Answer:
        """429: `rate_limit`, or `lock_timeout` for an object that another request holds."""
        message = (
            "This object cannot be accessed right now because another API request or Stripe process is currently "
            "accessing it."
            if code == "lock_timeout"
            else "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
        )
        return self._plain(call, 429, errors.error(errors.INVALID_REQUEST, message, code=code or "rate_limit"))

    def remember(self, transaction: Transaction, call: Call, answer: Answer) -> None:
        """Keep an answer under the key, in place of the real one."""
        if call.key is not None:
            kept = Kept(answer.status, answer.body, answer.headers["request-id"])
            idempotency.keep(transaction, call, call.key, kept)

    def keeps(self, transaction: Transaction, call: Call) -> bool:
        """Whether a repeat gets an answer that is kept."""
        try:
            return call.key is not None and idempotency.find(transaction, call, call.key) is not None
        except Refusal:
            return True

    def decline(self, transaction: Transaction, call: Call) -> Answer:
        """The issuer says no, and the answer is kept; what an issuer is not asked about is refused."""
        request = _Request(call, ids.new("req", 14), version.API_VERSION)
        endpoint, arguments = find(call.method, call.path)
        refuse = confirmations.refuse if endpoint.act is confirmations.confirm else declines.refuse
        return self._first(transaction, request, replace(endpoint, act=refuse), arguments)

    def succeed_late(self, transaction: Transaction, call: Call) -> None:
        """Do what was asked, unless a repeat did it meanwhile, or the object no longer allows it."""
        kept = idempotency.find(transaction, call, call.key) if call.key is not None else None
        if kept is not None and kept.status == 200:
            return
        endpoint, arguments = find(call.method, call.path)
        context = self._context(transaction, _Request(call, ids.new("req", 14), version.API_VERSION))
        with contextlib.suppress(Refusal), transaction.undone_if_raised():
            endpoint.act(context, _values(call, endpoint), *arguments)

    def reverse(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """The payment fails after it succeeded: Stripe takes the money back."""
        return reversals.reverse(self._context(transaction), payment_id, amount_minor)

    def open_dispute(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """The customer's bank contests the payment."""
        return disputes.open_dispute(self._context(transaction), payment_id, amount_minor)

    def close_dispute(
        self, transaction: Transaction, dispute_id: str, *, won: bool, returned_minor: int | None
    ) -> None:
        """The bank decides."""
        disputes.close_dispute(self._context(transaction), dispute_id, won=won, returned_minor=returned_minor)

    def refund_by_hand(self, transaction: Transaction, payment_id: str, amount_minor: int | None) -> str:
        """Somebody refunds it in Stripe's dashboard."""
        return refunds.by_hand(self._context(transaction), payment_id, amount_minor)

    def make_card(self, transaction: Transaction, token: str, asked: Document) -> None:
        """A PaymentMethod of a test's own."""
        saved_cards.make(self._context(transaction), token, asked)

    def remove_card(self, transaction: Transaction, token: str) -> None:
        """A PaymentMethod is detached from its customer."""
        saved_cards.detach(self._context(transaction), token)

    def describe_authentication(self, transaction: Transaction, payment_id: str) -> str | None:
        """What the customer is asked to approve."""
        return confirmations.describe(self._context(transaction), payment_id)

    def authenticate(self, transaction: Transaction, payment_id: str, *, succeed: bool) -> str | None:
        """The customer completed or failed the step."""
        return confirmations.authenticate(self._context(transaction), payment_id, succeed=succeed)

    def offered_for_setup(self, transaction: Transaction, setup_id: str) -> Mapping[str, str] | None:
        """The cards that the customer may give on the hosted page."""
        return setups.offered(self._context(transaction), setup_id)

    def complete_setup(self, transaction: Transaction, setup_id: str, given: str | None) -> str | None:
        """The customer gave a card, or went back."""
        return setups.complete(self._context(transaction), setup_id, given)

    def _first(
        self, transaction: Transaction, request: _Request, endpoint: Endpoint, arguments: tuple[str, ...]
    ) -> Answer:
        values = _values(request.call, endpoint)
        context = self._context(transaction, request)
        stored = True
        try:
            with transaction.undone_if_raised():
                reply: Reply = endpoint.act(context, values, *arguments)
                if reply.status == 200:
                    expansions.expand(context, reply.body, values.get("expand", ()))
            status, body = reply.status, _encoded(reply.body)
        except Refusal as refusal:
            status, body, stored = refusal.status, errors.body(refusal.error), refusal.stored
        if stored and request.call.key is not None:
            idempotency.keep(transaction, request.call, request.call.key, Kept(status, body, request.id))
        return request.answer(status, body)

    def _job(self, action: Callable[[Context, Document], None]) -> Job:
        return lambda transaction, details: action(self._context(transaction), details)

    def _context(self, transaction: Transaction, request: _Request | None = None) -> Context:
        return Context(
            simulator=self.simulator,
            transaction=transaction,
            public_url=self._public_url,
            request_id=None if request is None else request.id,
            key=None if request is None else request.call.key,
        )

    def _plain(self, call: Call, status: int, error: Document) -> Answer:
        return _Request(call, ids.new("req", 14), version.API_VERSION).answer(status, errors.body(error))


def _again(request: _Request, kept: Kept) -> Answer:
    answer = request.answer(kept.status, kept.body, original=kept.request_id)
    return replace(answer, headers={**answer.headers, "idempotent-replayed": "true"}, replayed=True)


def _values(call: Call, endpoint: Endpoint) -> dict[str, Any]:
    if call.method == "GET":
        form = forms.decode(call.query)
    else:
        content_type = call.headers.get("content-type", "")
        if call.body and not content_type.startswith("application/x-www-form-urlencoded"):
            raise Refusal(
                f"Invalid request: send parameters as application/x-www-form-urlencoded, not as {content_type}.",
                stored=False,
            )
        form = forms.decode(call.body.decode("utf-8", "replace"))
    if REMOVED in form and REMOVED not in endpoint.parameters:
        raise errors.InvalidParameter(
            f"The `{REMOVED}` parameter is no longer supported in this API version. "
            "Use `allowed_payment_method_types` or `automatic_payment_methods` instead.",
            code="payment_method_types_no_longer_supported",
            param=REMOVED,
        )
    values = forms.read(form, endpoint.parameters, endpoint.required)
    if endpoint.check is not None:
        endpoint.check(values)
    return values


def _check_api_key(call: Call) -> None:
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            credentials = ""
    if not credentials:
        raise Refusal(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
            "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
            "details, or we can help at https://support.stripe.com/.",
            status=401,
            stored=False,
        )
    if not credentials.startswith(("sk_test_", "rk_test_")):
        shown = f"{credentials[:8]}{'*' * 12}{credentials[-4:]}" if len(credentials) > 12 else "*" * len(credentials)
        raise Refusal(f"Invalid API Key provided: {shown}", status=401, stored=False)


def _encoded(body: Document) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
