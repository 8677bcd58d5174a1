"""Which gateway takes a charge first, and whether and where a charge is tried again after a no: the policy, asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from activities import unknown_codes
from activities.charge_decisions import Case, NextAttempt, TryAgain
from activities.recent_outcomes import RecentOutcomes
from gateways.port import Capabilities
from gateways.routing.ask import Method, RoutingAsk
from gateways.routing.choice import decide
from gateways.routing.decision import RoutingDecision
from gateways.routing.next_attempt import GiveUp, PastAttempt, next_attempt
from gateways.routing.policy import Policies
from gateways.session_map import SESSION_MAP
from ledger.charges import Charge, ChargeRequest
from ledger.operations import Operation
from ledger.payment_methods import PaymentMethod

log = structlog.get_logger()


def methods_of(payment_methods: Sequence[PaymentMethod]) -> tuple[Method, ...]:
    """Read a customer's payment methods as routing does, without the tokens."""
    return tuple(
        Method(gateway=method.gateway, brand=method.brand, country=method.country, funding=method.funding)
        for method in payment_methods
    )


def first_ask(request: ChargeRequest, at: datetime) -> RoutingAsk:
    """Ask for the gateway of a charge's first attempt."""
    return RoutingAsk(
        charge_id=request.charge_id,
        amount=request.amount,
        customer=request.customer,
        methods=methods_of(request.payment_methods),
        customer_country=request.customer_country,
        metadata=request.metadata,
        customer_present=request.customer_present,
        preferred=request.gateway,
        at=at,
    )


def next_ask(charge: Charge, at: datetime) -> RoutingAsk:
    """Ask for the gateway of a further attempt; the request's preference was heard at the first."""
    return RoutingAsk(
        charge_id=charge.charge_id,
        amount=charge.amount,
        customer=charge.customer,
        methods=methods_of(charge.payment_methods),
        customer_country=charge.customer_country,
        metadata=charge.metadata,
        customer_present=charge.customer_present,
        at=at,
    )


class Attempts:
    """The policy in force, with what the gateways can do and how they did lately."""

    def __init__(self, capabilities: Mapping[str, Capabilities], policies: Policies, outcomes: RecentOutcomes) -> None:
        self._capabilities = capabilities
        self._policies = policies
        self._outcomes = outcomes

    async def refresh(self) -> None:
        """Begin to read what is new of our own outcomes; waits for nothing."""
        self._outcomes.refresh()

    def first(self, request: ChargeRequest, now: datetime) -> NextAttempt:
        """Choose for a new charge; raises NoGateway."""
        decision = decide(self._policies.at(now), first_ask(request, now), self._capabilities, self._outcomes.windows)
        return _attempt(decision, request.payment_methods)

    def next_at(self, now: datetime) -> TryAgain:
        """Return the rule for what follows a no at this moment."""
        return partial(self._next, now)

    def _next(self, now: datetime, case: Case) -> NextAttempt | None:
        if any(each.excess for each in case.attempts):
            # One that was given up has taken the money after all: it is given back, and nothing more is taken.
            return None
        policy = self._policies.at(now)
        found = next_attempt(
            policy.limits,
            [_past(each) for each in case.attempts],
            next_ask(case.charge, now),
            session_map=SESSION_MAP,
            policy=policy,
            capabilities=self._capabilities,
            windows=self._outcomes.windows,
        )
        if isinstance(found, GiveUp):
            _tell(found, case.attempts[-1])
            return None
        return _attempt(
            found.decision,
            case.charge.payment_methods,
            authenticate=found.authenticate,
            wait_seconds=found.after_seconds,
        )


def _past(attempt: Operation) -> PastAttempt:
    return PastAttempt(
        gateway=attempt.gateway,
        outcome=attempt.outcome or "",
        code=attempt.decline_code or "",
        advice=attempt.advice,
        at=attempt.requested_at,
    )


def _attempt(
    decision: RoutingDecision,
    payment_methods: Sequence[PaymentMethod],
    *,
    authenticate: bool = False,
    wait_seconds: float = 0.0,
) -> NextAttempt:
    return NextAttempt(
        gateway=decision.gateway,
        payment_method=next(method.token for method in payment_methods if method.gateway == decision.gateway),
        reason=decision.reason,
        routing=decision.model_dump(mode="json"),
        authenticate=authenticate,
        wait_seconds=wait_seconds,
    )


def _tell(found: GiveUp, last: Operation) -> None:
    """Say why nothing follows; a code that the session map has to learn is counted among the worker's metrics."""
    log.info("routing.gave_up", charge_id=last.charge_id, reason=found.reason)
    if found.unknown_code is not None:
        unknown_codes.warn(last.gateway, found.unknown_code, last.operation_id)
