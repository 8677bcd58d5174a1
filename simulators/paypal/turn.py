"""One turn of the simulated PayPal: a request being answered or a job that is due, with all it may read and change."""

from dataclasses import dataclass
from typing import Any

from simulators.paypal.amounts import Amount
from simulators.paypal.errors import Problem
from simulators.simulator import Simulator
from simulators.store import Document, Transaction


@dataclass(frozen=True)
class Turn:
    """What a turn may use. Nothing outlives its transaction."""

    transaction: Transaction
    simulator: Simulator
    base_url: str
    request_id: str | None = None
    """The PayPal-Request-Id of the request, if it carries one."""

    @property
    def now(self) -> int:
        """Unix seconds, the same all through the turn."""
        return self.transaction.now

    def setting(self, name: str) -> Any:
        """A setting of `settings.KNOWN`."""
        return self.simulator.settings[name]

    def find(self, kind: str, identity: str) -> Document:
        """The document with this id; raises Problem as PayPal answers for an unknown id."""
        document = self.transaction.get(kind, identity)
        if document is None:
            raise Problem("INVALID_RESOURCE_ID")
        return document

    def save(self, kind: str, document: Document, links: dict[str, str | None] | None = None) -> None:
        """Keep a document, new or changed."""
        self.transaction.put(kind, document["id"], document, links)

    def change(self, kind: str, document: Document, **changes: Any) -> None:
        """Change fields of a document and keep it."""
        document.update(changes, updated=self.now)
        self.save(kind, document)

    def later(self, due: int, job: str, **details: Any) -> None:
        """Plan a job of the agenda."""
        self.simulator.agenda.add(self.transaction, due, job, details)

    def effect(
        self, kind: str, amount: Amount, document: Document, *, operation_id: str | None, request_id: str | None
    ) -> None:
        """Note in the truth log what happened to the money of an authorization, capture or refund, and by which request."""
        self.simulator.truth.effect(
            self.transaction,
            kind,
            operation_id=operation_id,
            idempotency_key=request_id,
            amount_minor=amount.iso_minor(),
            currency=amount.currency,
            object_id=document["id"],
            payment_id=document["order_id"],
        )
