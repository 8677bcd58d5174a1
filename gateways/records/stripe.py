"""Stripe's own record: PaymentIntents, refunds and balance transactions, read by plain requests, page by page.

https://docs.stripe.com/api
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

import httpx

from gateways.records.reader import Document, RecordReader, RecordUnreadable, together, understood
from gateways.records.stripe_effects import NAME, Gathered, other_charge
from ledger.proofs.evidence import Claim, Effect

API_VERSION = "2026-10-28.endive"
PAGE = 100
WITH_FEE = "latest_charge.balance_transaction"


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
            ]
        )
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
        async for intent in self._list("/v1/payment_intents", {**filters, "expand[0]": f"data.{WITH_FEE}"}):
            with understood(NAME, "a PaymentIntent"):
                gathered.add_intent(intent)

    async def _gather_refunds(self, gathered: Gathered, filters: Mapping[str, str | int]) -> None:
        async for refund in self._list("/v1/refunds", filters):
            with understood(NAME, "a refund"):
                gathered.add_refund(refund)

    async def _gather_transactions(self, gathered: Gathered, filters: Mapping[str, str | int]) -> None:
        async for transaction in self._list("/v1/balance_transactions", filters):
            with understood(NAME, "a balance transaction"):
                gathered.add_transaction(transaction)

    async def _payment(self, reference: str) -> list[Effect]:
        intent = await self._reader.get(f"/v1/payment_intents/{reference}", {"expand[0]": WITH_FEE})
        if intent is None:
            return []
        gathered = Gathered()
        with understood(NAME, reference):
            gathered.add_intent(intent)
        await self._gather_refunds(gathered, {"payment_intent": reference})
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
