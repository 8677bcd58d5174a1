"""What the contract suite knows of each gateway: how to make the adapter, and which payment methods go which way.

A third gateway joins the suite with one more entry of `CASES`.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateways.errors import NotExecuted, OutcomeUnknown
from gateways.paypal import PayPalGateway
from gateways.port import Gateway, OperationKind, OperationRequest, Outcome, Refused, Succeeded
from gateways.stripe import StripeGateway
from ledger.money import Money
from local.simulators import Simulator

RETURN_URL: Final = "http://127.0.0.1:9/returned"
AUTHORIZE, CAPTURE, VOID, REFUND = OperationKind
TIMEOUT_SECONDS: Final = 5.0
RIGHT_SECRET: Final = "right"


def money(text: str, currency: str = "USD") -> Money:
    """Read an amount for a test."""
    return Money.parse(text, currency)


@dataclass(frozen=True)
class Traits:
    """One gateway, as far as the suite needs to know it beside the port."""

    make: Callable[[str, float], Gateway]
    """The adapter for a simulator's address and a timeout."""
    pays: str
    """A payment method with which everything succeeds."""
    card: str
    """A card with which everything succeeds, without its holder being asked."""
    needs_action: str
    refund_pends: str
    refund_fails: str
    declines: Mapping[str, tuple[str, str | None]]
    """Payment methods, and the code and advice with which each is declined."""
    failed_action_code: str
    absent_customer_code: str
    """With which a payment that needs its customer is declined where they are not there."""
    paths: Mapping[OperationKind, str]
    """Globs of the addresses that the operations are sent to; `create` apart."""
    create_path: str
    untaken_currency: str
    """An ISO currency that it does not take."""
    amounts: tuple[Money, ...]
    """Amounts in currencies with zero, two and three decimal places, as far as it takes them."""
    unwritable: Money
    """An amount with more decimal places than it takes."""
    wrong_credentials: Callable[[str], Gateway]
    settings: Mapping[str, Any] = field(default_factory=dict)


def _stripe(url: str, timeout_seconds: float, api_key: str = "sk_test_suite") -> Gateway:
    return StripeGateway(api_key=api_key, api_base=url, return_url=RETURN_URL, timeout_seconds=timeout_seconds)


def _paypal(url: str, timeout_seconds: float, client_secret: str = RIGHT_SECRET) -> Gateway:
    return PayPalGateway(
        client_id="suite",
        client_secret=client_secret,
        api_base=url,
        return_url=RETURN_URL,
        timeout_seconds=timeout_seconds,
    )


CASES: Final[dict[str, Traits]] = {
    "stripe": Traits(
        make=_stripe,
        pays="pm_card_visa",
        card="pm_card_visa",
        needs_action="pm_card_threeDSecure2Required",
        refund_pends="pm_card_pendingRefund",
        refund_fails="pm_card_refundFail",
        declines={
            "pm_card_visa_chargeDeclined": ("generic_decline", "try_again_later"),
            "pm_card_visa_chargeDeclinedInsufficientFunds": ("insufficient_funds", "try_again_later"),
            "pm_card_visa_chargeDeclinedLostCard": ("lost_card", "do_not_try_again"),
            "pm_card_visa_chargeDeclinedStolenCard": ("stolen_card", "do_not_try_again"),
            "pm_card_chargeDeclinedExpiredCard": ("expired_card", "confirm_card_data"),
            "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", "confirm_card_data"),
            "pm_card_chargeDeclinedProcessingError": ("processing_error", "try_again_later"),
            "pm_card_chargeDeclinedFraudulent": ("fraudulent", None),
            "pm_card_visa_chargeDeclinedVelocityLimitExceeded": ("card_velocity_exceeded", "try_again_later"),
            "pm_unknown": ("resource_missing", None),
        },
        failed_action_code="payment_intent_authentication_failure",
        absent_customer_code="authentication_required",
        paths={
            AUTHORIZE: "/v1/payment_intents/*/confirm",
            CAPTURE: "/v1/payment_intents/*/capture",
            VOID: "/v1/payment_intents/*/cancel",
            REFUND: "/v1/refunds",
        },
        create_path="/v1/payment_intents",
        untaken_currency="IRR",
        amounts=(
            money("5000", "JPY"),
            money("500", "ISK"),
            money("5000", "UGX"),
            money("12.340", "KWD"),
            money("9000", "MGA"),
            money("1500", "HUF"),
        ),
        unwritable=money("1.234", "KWD"),
        wrong_credentials=lambda url: _stripe(url, TIMEOUT_SECONDS, "no_key_of_stripe"),
    ),
    "paypal": Traits(
        make=_paypal,
        pays="wallet_ok",
        card="card/card_ok",
        needs_action="wallet_payer_action",
        refund_pends="wallet_refund_pending",
        refund_fails="wallet_refund_fails",
        declines={
            "wallet_instrument_declined": ("INSTRUMENT_DECLINED", None),
            "wallet_locked": ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", None),
            "wallet_refused": ("TRANSACTION_REFUSED", None),
            "wallet_unknown": ("TOKEN_ID_NOT_FOUND", None),
            "card/card_5120": ("5120", None),
            "card/card_5400": ("5400", "01"),
            "card/card_9500": ("9500", None),
            "card/card_9520": ("9520", "03"),
            "card/card_5180": ("5180", "21"),
            "card/card_5650": ("5650", None),
            "card/card_5920": ("5920", "02"),
        },
        failed_action_code="ORDER_VOIDED",
        absent_customer_code="PAYER_ACTION_REQUIRED",
        paths={
            AUTHORIZE: "/v2/checkout/orders/*/authorize",
            CAPTURE: "/v2/payments/authorizations/*/capture",
            VOID: "/v2/payments/authorizations/*/void",
            REFUND: "/v2/payments/captures/*/refund",
        },
        create_path="/v2/checkout/orders",
        untaken_currency="KWD",
        amounts=(money("5000", "JPY"), money("1500", "HUF"), money("300", "TWD"), money("12.34", "EUR")),
        unwritable=money("12.34", "HUF"),
        wrong_credentials=lambda url: _paypal(url, TIMEOUT_SECONDS, "wrong"),
        settings={"failing_refund_starts": "COMPLETED"},
    ),
}


class GatewayCase:
    """An adapter, its simulator, and what the suite does with them."""

    def __init__(self, name: str, simulator: Simulator) -> None:
        self.name = name
        self.simulator = simulator
        self.traits = CASES[name]
        self.gateway = self.traits.make(simulator.url, TIMEOUT_SECONDS)
        self._numbers = itertools.count(1)
        if self.traits.settings:
            simulator.configure(**self.traits.settings)

    def operation(self, kind: OperationKind, amount: Money | None = None, **given: Any) -> OperationRequest:
        """A request of its own number; for a charge of 100.00 USD with the method that pays, unless said otherwise."""
        number = next(self._numbers)
        fields: dict[str, Any] = {
            "operation_id": f"chg_{self.name}:{kind}:{number}",
            "charge_id": f"chg_{self.name}",
            "kind": kind,
            "gateway": self.name,
            "amount": amount or money("100.00"),
            "customer": "cus_suite",
            "payment_method": self.traits.pays,
        }
        return OperationRequest(**(fields | given))

    async def created(self, request: OperationRequest) -> OperationRequest:
        """The request with its payment created."""
        reference = await self.gateway.create_payment(request)
        assert isinstance(reference, str), reference
        return request.model_copy(update={"payment_reference": reference})

    async def prepared(
        self, kind: OperationKind, amount: Money | None = None, held: Money | None = None
    ) -> OperationRequest:
        """A request that can be performed: a capture or a void has an authorization, a refund a capture (of `held`)."""
        if kind is AUTHORIZE:
            return await self.created(self.operation(AUTHORIZE, amount))
        if kind is REFUND:
            paid, captured = await self.paid(held)
            return self.following(REFUND, paid, captured, amount)
        authorization, authorized = await self.authorized(held)
        return self.following(kind, authorization, authorized, amount)

    def following(
        self, kind: OperationKind, earlier: OperationRequest, outcome: Succeeded, amount: Money | None = None
    ) -> OperationRequest:
        """A request that acts on what an earlier one made."""
        return self.operation(
            kind,
            amount or earlier.amount,
            payment_reference=earlier.payment_reference,
            target_reference=outcome.reference,
            payment_method=None,
        )

    async def authorized(
        self, amount: Money | None = None, method: str | None = None
    ) -> tuple[OperationRequest, Succeeded]:
        """An authorization that succeeded."""
        return await self._succeeded(AUTHORIZE, amount, method)

    async def paid(self, amount: Money | None = None, method: str | None = None) -> tuple[OperationRequest, Succeeded]:
        """A payment authorized and captured in one step."""
        return await self._succeeded(CAPTURE, amount, method)

    async def call(self, request: OperationRequest) -> Outcome:
        """Perform it, whatever it is."""
        return await getattr(self.gateway, request.kind.value)(request)  # type: ignore[no-any-return]

    async def settled(self, request: OperationRequest) -> Outcome:
        """Do as a process does with an unknown outcome: read, and ask again under the same key while there is none."""
        for _ in range(20):
            found = await self.gateway.look_up(request)
            if found is not None:
                return found
            try:
                return await self.call(request)
            except (NotExecuted, OutcomeUnknown):
                await asyncio.sleep(0.1)
        raise AssertionError(f"{request.operation_id} never came to an outcome")

    def effects(self, request: OperationRequest) -> list[dict[str, Any]]:
        """What the simulator really did under the request's key."""
        return [
            effect
            for effect in self.simulator.truth()["effects"]
            if effect["kind"] == request.kind and (effect["idempotency_key"] or "").startswith(request.operation_id)
        ]

    def path_of(self, request: OperationRequest) -> str:
        """A glob of the address that the request is sent to."""
        if request.kind is CAPTURE and request.target_reference is None:
            return self.traits.paths[AUTHORIZE].replace("/authorize", "/capture")
        return self.traits.paths[request.kind]

    async def _succeeded(
        self, kind: OperationKind, amount: Money | None, method: str | None
    ) -> tuple[OperationRequest, Succeeded]:
        request = await self.created(self.operation(kind, amount, payment_method=method or self.traits.pays))
        outcome = await self.call(request)
        assert isinstance(outcome, Succeeded), outcome
        return request, outcome


def refusal(outcome: Outcome | None) -> str:
    """The code of an outcome that must be a refusal."""
    assert isinstance(outcome, Refused), outcome
    return outcome.code
