"""The records of all gateways together; what could not be read is remembered and never taken for "nothing there"."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateways.records.paypal import PayPalRecord
from gateways.records.reader import RecordUnreadable
from gateways.records.stripe import StripeRecord
from ledger.proofs.evidence import Claim, Effect, OperationRow
from settings import Settings


class GatewayRecord(Protocol):
    """Reads what one gateway says happened; raises RecordUnreadable."""

    name: str

    async def everything(self, since: datetime | None, claims: Sequence[Claim]) -> list[Effect]:
        """Read all effects; `claims` is what the books say of this gateway."""
        ...

    async def again(self, payments: Collection[str], others: Collection[str]) -> list[Effect]:
        """Read these payments, and what else these references name, by id."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class GatewayRecords:
    """Reads every gateway's record; `unread` has a line for each gateway of which a part could not be read."""

    def __init__(self, records: Iterable[GatewayRecord]) -> None:
        self._records = {record.name: record for record in records}
        self.unread: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """The gateways."""
        return list(self._records)

    async def everything(self, since: datetime | None, claims: Sequence[Claim]) -> list[Effect]:
        """Read all effects."""
        by_gateway: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_gateway[claim.gateway].append(claim)
        self._require(by_gateway)
        return await self._all(
            self._readable(name, record.everything(since, by_gateway[name])) for name, record in self._records.items()
        )

    async def again(self, operations: Iterable[OperationRow], effects: Iterable[Effect]) -> list[Effect]:
        """Read by id what these operations and effects are about."""
        payments: dict[str, set[str]] = defaultdict(set)
        others: dict[str, set[str]] = defaultdict(set)
        rows: list[OperationRow | Effect] = [*operations, *effects]
        for row in rows:
            if row.payment_reference is not None:
                payments[row.gateway].add(row.payment_reference)
            others[row.gateway] |= row.references
        return await self._all(
            self._readable(name, record.again(payments[name], others[name] - payments[name]))
            for name, record in self._records.items()
        )

    async def by_reference(self, references: Mapping[str, Collection[str]]) -> list[Effect]:
        """Read by id what these references, by gateway, may name: payments or whatever followed from them."""
        return await self._all(
            self._readable(name, record.again(references.get(name, ()), ())) for name, record in self._records.items()
        )

    async def close(self) -> None:
        """Release connections."""
        for record in self._records.values():
            await record.close()

    def _require(self, gateways: Iterable[str]) -> None:
        for name in sorted(set(gateways) - self._records.keys()):
            self.unread[name] = f"{name}: the books have operations there, and there is no reader of its record"

    async def _readable(self, name: str, work: Awaitable[list[Effect]]) -> list[Effect]:
        try:
            return await work
        except RecordUnreadable as error:
            self.unread[name] = str(error)
            return []

    @staticmethod
    async def _all(work: Iterable[Awaitable[list[Effect]]]) -> list[Effect]:
        return [effect for effects in await asyncio.gather(*work) for effect in effects]


def of_settings(settings: Settings) -> GatewayRecords:
    """Choose the readers."""
    timeout = settings.gateway_timeout_seconds
    paypal_secret = settings.paypal_client_secret.get_secret_value()
    return GatewayRecords(
        [
            StripeRecord(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base, timeout),
            PayPalRecord(settings.paypal_client_id, paypal_secret, settings.paypal_api_base, timeout),
        ]
    )
