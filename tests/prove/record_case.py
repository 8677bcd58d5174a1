"""An adapter that does things at a simulated gateway, and the reader of the gateway's record that must see them."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from commands.gateway_records import GatewayRecord
from gateways.port import OperationKind, OperationRequest
from gateways.records.paypal import PayPalRecord
from gateways.records.stripe import StripeRecord
from ledger.money import Money
from ledger.proofs.evidence import Claim, Effect
from local.simulators import Simulator
from tests.gateways.cases import GatewayCase


class RecordCase(GatewayCase):
    """An adapter that does things, and the reader that must see them."""

    def __init__(self, name: str, simulator: Simulator, *, with_right_credentials: bool = True) -> None:
        super().__init__(name, simulator)
        self.record: GatewayRecord
        if name == "stripe":
            self.record = StripeRecord("sk_test_proof" if with_right_credentials else "no_key", simulator.url, 5.0)
        else:
            self.record = PayPalRecord("proof", "right" if with_right_credentials else "wrong", simulator.url, 5.0)
        self.requests: list[OperationRequest] = []

    def operation(self, kind: OperationKind, amount: Money | None = None, **given: Any) -> OperationRequest:
        """Remember what is asked for, each time for a charge of its own unless it acts on an earlier payment."""
        earlier = [each for each in self.requests if each.payment_reference == given.get("payment_reference")]
        follows = earlier and given.get("target_reference")
        given.setdefault("charge_id", earlier[0].charge_id if follows else f"chg_{len(self.requests)}")
        request = super().operation(kind, amount, **given)
        request = request.model_copy(update={"operation_id": f"{request.charge_id}:{kind}:{len(self.requests)}"})
        self.requests.append(request)
        return request

    async def created(self, request: OperationRequest) -> OperationRequest:
        """Remember the payment as well."""
        created = await super().created(request)
        self.requests = [created if each.operation_id == created.operation_id else each for each in self.requests]
        return created

    def claims(self, decided_at: datetime | None = None) -> list[Claim]:
        """What the books would say."""
        now = datetime.now(UTC)
        return [
            Claim(each.operation_id, each.kind, self.name, each.payment_reference, None, now, decided_at)
            for each in self.requests
        ]

    async def everything(self, **given: Any) -> list[Effect]:
        """Read it all; the search of the simulated PayPal knows at once, unless told otherwise."""
        return await self.record.everything(None, self.claims(**given))

    def truth(self) -> Counter[tuple[str, int, str]]:
        """What really happened: kind, amount and currency of each effect."""
        effects = self.simulator.truth()["effects"]
        return Counter((each["kind"], each["amount_minor"], each["currency"]) for each in effects)


def payment_of(request: OperationRequest) -> str:
    """The gateway's name of the payment."""
    assert request.payment_reference is not None
    return request.payment_reference
