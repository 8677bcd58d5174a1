"""What a piece of the simulated Stripe needs in order to act: the transaction, who asked, and what to tell the log."""

from dataclasses import dataclass
from typing import NamedTuple

from simulators.simulator import Simulator
from simulators.store import Document, Transaction
from simulators.stripe import currencies


class Cause(NamedTuple):
    """Which request of the caller's led to an effect, which may come much later."""

    operation_id: str | None
    """What the caller put in metadata[operation_id]."""
    key: str | None


@dataclass(frozen=True)
class Context:
    """One request, or one thing that happens by itself (then without request id and key)."""

    simulator: Simulator
    transaction: Transaction
    public_url: str
    """Where a customer's browser reaches the simulator."""
    request_id: str | None = None
    key: str | None = None

    @property
    def now(self) -> int:
        """Unix seconds of the simulator's clock."""
        return self.transaction.now

    def effect(
        self, kind: str, *, amount: int, currency: str, object_id: str, payment_id: str, cause: Cause | None = None
    ) -> None:
        """Tell the truth log what happened to money; the amount in Stripe's units."""
        cause = cause or Cause(None, self.key)
        self.simulator.truth.effect(
            self.transaction,
            kind,
            operation_id=cause.operation_id,
            idempotency_key=cause.key,
            amount_minor=currencies.iso_minor(amount, currency),
            currency=currency,
            object_id=object_id,
            payment_id=payment_id,
        )

    def rendered(self, document: Document) -> Document:
        """The document as the API shows it now: without what only the simulator knows (names with an underscore)."""
        shown = {name: value for name, value in document.items() if not name.startswith("_")}
        if document.get("object") == "balance_transaction" and document["available_on"] <= self.now:
            shown["status"] = "available"
        if document.get("object") == "dispute":
            shown["balance_transactions"] = [self.rendered(moved) for moved in document["balance_transactions"]]
        return shown
