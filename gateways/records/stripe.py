"""Stripe's own record: PaymentIntents, refunds, disputes and balance transactions, read by plain requests, page by page.

https://docs.stripe.com/api
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

import httpx

from gateways.records.reader import Document, RecordReader, RecordUnreadable, together, understood
from gateways.records.stripe_effects import Gathered, other_charge
from gateways.records.stripe_transactions import NAME
from ledger.proofs.evidence import Claim, Effect

API_VERSION = "2026-10-28.endive"
PAGE = 100
OF_CHARGE = ("latest_charge.balance_transaction", "latest_charge.failure_balance_transaction")
OF_REFUND = ("balance_transaction", "failure_balance_transaction")


class StripeRecord:
    """Reads what Stripe says happened. Raises RecordUnreadable."""

    name = NAME

    def __init__(self, api_key: str, api_base: str, timeout_seconds: float) -> None:
        identity = {"Authorization": f"Bearer {api_key}", "Stripe-Version": API_VERSION}

        async def headers(_client: httpx.AsyncClient, _renew: bool) -> Mapping[str, str]:  # noqa: FBT001
            return identity

        self._reader = RecordReader(NAME, api_base, headers, timeout_seconds)

    async def everything(self, since: datetime | None, _claims: Sequence[Claim]) -> list[Effect]:
        """Read all effects; with `since`, those of objects that were made at that time or later."""
        filters = {} if since is None else {"created[gte]": int(since.timestamp())}
        gathered = Gathered()
        await together(
            [
                self._gather_intents(gathered, filters),
                self._gather_refunds(gathered, filters),
                self._gather_transactions(gathered, filters),
                self._gather_disputes(gathered, filters),
            ]
        )
        await self._complete_withdrawals(gathered)
        return [*gathered.effects(), *await self._charges_without_intent(gathered)]

    async def again(self, payments: Collection[str], _others: Collection[str]) -> list[Effect]:
        """Read these payments by id, with their refunds and fees."""
        intents = [reference for reference in sorted(set(payments)) if reference.startswith("pi_")]
        found = await together(map(self._payment, intents))
        return [effect for effects in found for effect in effects]

    async def close(self) -> None:
        """Release connections."""
        await self._reader.close()

    async def _gather_intents(self, gathered: Gathered, filters: Mapping[str, str | int]) -> None:
        async for intent in self._list("/v1/payment_intents", {**filters, **_expanded(OF_CHARGE, "data.")}):
            with understood(NAME, "a PaymentIntent"):
                gathered.add_intent(intent)

    async def _gather_refunds(self, gathered: Gathered, filters: Mapping[str, str | int]) -> None:
        async for refund in self._list("/v1/refunds", {**filters, **_expanded(OF_REFUND, "data.")}):
            with understood(NAME, "a refund"):
                gathered.add_refund(refund)

    async def _gather_transactions(self, gathered: Gathered, filters: Mapping[str, str | int]) -> None:
        async for transaction in self._list("/v1/balance_transactions", filters):
            with understood(NAME, "a balance transaction"):
                gathered.add_transaction(transaction)

    async def _gather_disputes(self, gathered: Gathered, filters: Mapping[str, str | int]) -> None:
        async for dispute in self._list("/v1/disputes", filters):
            with understood(NAME, "a dispute"):
                gathered.add_dispute(dispute)

    async def _complete_withdrawals(self, gathered: Gathered) -> None:
        """Read by id what withdrawals belong to, where that is older than what was read or came while we were reading."""
        for found in await together(map(self._dispute, gathered.unread_disputes())):
            with understood(NAME, "a dispute"):
                gathered.add_dispute(found)
        for charge in await together(map(self._failed_charge, gathered.unread_failures())):
            if isinstance(charge.get("payment_intent"), dict):
                with understood(NAME, charge["id"]):
                    gathered.add_failure({**charge["payment_intent"], "latest_charge": charge})
                    gathered.add_name(charge["payment_intent"])
        for intent in await together(map(self._intent, gathered.unread_names())):
            with understood(NAME, "a PaymentIntent"):
                gathered.add_name(intent)

    async def _dispute(self, reference: str) -> Document:
        return await self._one(f"/v1/disputes/{reference}")

    async def _failed_charge(self, reference: str) -> Document:
        return await self._one(f"/v1/charges/{reference}", "payment_intent", "failure_balance_transaction")

    async def _intent(self, reference: str) -> Document:
        return await self._one(f"/v1/payment_intents/{reference}")

    async def _one(self, path: str, *expanded: str) -> Document:
        document = await self._reader.get(path, _expanded(expanded))
        if document is None:
            raise RecordUnreadable(NAME, f"GET {path} was not found, and is spoken of elsewhere")
        return document

    async def _payment(self, reference: str) -> list[Effect]:
        intent = await self._reader.get(f"/v1/payment_intents/{reference}", _expanded(OF_CHARGE))
        if intent is None:
            return []
        gathered = Gathered()
        with understood(NAME, reference):
            gathered.add_intent(intent)
        await self._gather_refunds(gathered, {"payment_intent": reference})
        await self._gather_disputes(gathered, {"payment_intent": reference})
        for source in [*gathered.charge_objects, *(refund.effect.reference for refund in gathered.refunds)]:
            await self._gather_transactions(gathered, {"source": source})
        return list(gathered.effects())

    async def _charges_without_intent(self, gathered: Gathered) -> list[Effect]:
        effects = []
        for found in gathered.charges_without_payment():
            charge = await self._reader.get(f"/v1/charges/{found.source}")
            # One that has a PaymentIntent was made before `since`, or while we were reading.
            if charge is not None and charge.get("payment_intent") is None:
                effects.append(other_charge(found))
        return effects

    async def _list(self, path: str, parameters: Mapping[str, str | int]) -> AsyncIterator[Document]:
        asked: dict[str, str | int] = {**parameters, "limit": PAGE}
        while True:
            page = await self._reader.get(path, asked)
            if page is None or not isinstance(page.get("data"), list):
                raise RecordUnreadable(NAME, f"GET {path} gave no list")
            for document in page["data"]:
                yield document
            if not page.get("has_more"):
                return
            last = page["data"][-1]["id"] if page["data"] else None
            if last is None or last == asked.get("starting_after"):
                raise RecordUnreadable(NAME, f"GET {path} says that there is more, and gives none")
            asked["starting_after"] = last


def _expanded(paths: Sequence[str], prefix: str = "") -> dict[str, str]:
    return {f"expand[{number}]": f"{prefix}{path}" for number, path in enumerate(paths)}
