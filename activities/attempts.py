"""Which gateway takes a charge first, and whether and where a charge is tried again after a no."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from activities.charge_decisions import Case, NextAttempt, TryAgain
from gateways import routing
from gateways.port import Capabilities, RefusalCode
from ledger.charges import ChargeRequest

MAX_ATTEMPTS = 3


class Attempts:
    """Chooses among the gateways at which the customer has a payment method."""

    def __init__(self, capabilities: Mapping[str, Capabilities], order: Sequence[str]) -> None:
        self._capabilities = capabilities
        self._order = order

    async def refresh(self) -> None:
        """Bring what it decides by up to date."""

    def first(self, request: ChargeRequest, _now: datetime) -> NextAttempt:
        """Choose for a new charge; raises NoGateway."""
        methods = [method.gateway for method in request.payment_methods]
        choice = routing.choose(request.amount, methods, request.gateway, self._capabilities, self._order)
        token = next(method.token for method in request.payment_methods if method.gateway == choice.gateway)
        return NextAttempt(gateway=choice.gateway, payment_method=token, reason=choice.reason)

    def next_at(self, _now: datetime) -> TryAgain:
        """Return the rule for what follows a no at this moment."""
        return self._next

    def _next(self, case: Case) -> NextAttempt | None:
        last = case.attempts[-1]
        if (
            last.decline_code not in {RefusalCode.NO_EFFECT, "gateway_unreachable"}
            or len(case.attempts) >= MAX_ATTEMPTS
        ):
            return None
        tried = {each.gateway for each in case.attempts}
        methods = {each.gateway: each.token for each in case.charge.payment_methods if each.gateway not in tried}
        try:
            choice = routing.choose(case.charge.amount, list(methods), None, self._capabilities, self._order)
        except routing.NoGateway:
            return None
        return NextAttempt(gateway=choice.gateway, payment_method=methods[choice.gateway], reason=choice.reason)
