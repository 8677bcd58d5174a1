"""PayPal's own record: the transaction search, which may lag by hours, and by id what it cannot tell or has not yet.

https://developer.paypal.com/docs/api/transaction-search/v1/, .../orders/v2/ and .../payments/v2/
"""

import asyncio
import base64
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote

import httpx

from gateways.records.paypal_dispute_reader import DisputeReader
from gateways.records.paypal_disputes import ID_PREFIX, is_of_dispute
from gateways.records.paypal_effects import (
    LONGEST_AUTHORIZATION,
    NAME,
    ToRead,
    names,
    of_authorization,
    of_capture,
    of_order,
    of_refund,
    of_transaction,
)
from gateways.records.reader import Document, RecordReader, RecordRefused, RecordUnreadable, together, understood
from ledger.proofs.evidence import Claim, Effect, EffectKind

SEARCH = "/v1/reporting/transactions"
LONGEST_WINDOW = timedelta(days=31)
SHORTEST_WINDOW = timedelta(seconds=2)
LONGEST_LOOK_BACK = timedelta(days=179)
"""How long after its last change PayPal lists a dispute; it says 180 days."""
LONGEST_LAG = timedelta(hours=3)
"""How late the search may be, where it does not say itself how fresh it is."""
EARLIER = timedelta(days=1)
"""How long before our first operation the search begins."""
PAGE = 500
WINDOW_ATTEMPTS = 3
TOO_MANY = "RESULTSET_TOO_LARGE"
TOKEN_SLACK_SECONDS = 60.0

AUTHORIZATIONS, CAPTURES, REFUNDS = "/v2/payments/authorizations", "/v2/payments/captures", "/v2/payments/refunds"

Shape = Callable[[Document], Iterator[Effect]]


class Listed(NamedTuple):
    """A record of the search: what it tells of, our names on it, and when it last changed."""

    reference: str
    updated: str
    names: list[str]
    meaning: Effect | ToRead | None

    @property
    def is_authorization(self) -> bool:
        """Whether it speaks of an authorization."""
        return self.meaning is not None and self.meaning.kind is EffectKind.AUTHORIZE


class PayPalRecord:
    """Reads what PayPal says happened. Raises RecordUnreadable."""

    name = NAME

    def __init__(self, client_id: str, client_secret: str, api_base: str, timeout_seconds: float) -> None:
        secret = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._identity = {"Authorization": f"Basic {secret}"}
        self._token = ""
        self._token_ends = 0.0
        self._token_turn = asyncio.Lock()
        self._reader = RecordReader(NAME, api_base, self._headers, timeout_seconds)
        self._disputes = DisputeReader(self._reader)

    async def everything(self, since: datetime | None, claims: Sequence[Claim]) -> list[Effect]:
        """Read all effects since then, or since our first operation; `claims` are our operations at PayPal."""
        now = datetime.now(UTC)
        start = since or min((claim.requested_at for claim in claims), default=now) - EARLIER
        listed, refreshed = await self._search(start, now)
        by_id = [claim for claim in claims if _is_not_in_search(claim, now, refreshed)]
        held_by_us = {claim.operation_id for claim in by_id if claim.kind == "authorize"}
        told = [record.meaning for record in listed.values() if isinstance(record.meaning, Effect)]
        unclear = [
            record.meaning
            for record in listed.values()
            if isinstance(record.meaning, ToRead) and not (record.is_authorization and held_by_us & {*record.names})
        ]
        by_id_effects = await self._claimed(by_id)
        unclear_effects = await together(self._single(each) for each in unclear)
        effects = _latest(chain(told, *unclear_effects, by_id_effects))
        disputes = await self._disputes.since(max(start, max(now, refreshed) - LONGEST_LOOK_BACK))
        return await self._without_repetition(effects, disputes)

    async def again(self, payments: Collection[str], others: Collection[str]) -> list[Effect]:
        """Read these orders by id, with all that followed, and of the others what belongs to none of them."""
        orders = await self._orders(payments)
        seen = set(chain.from_iterable(effect.references for effect in orders))
        rest = await together(self._any(reference) for reference in sorted({*payments, *others} - seen))
        effects = _latest([*chain.from_iterable(rest), *orders])
        captures = {effect.reference: effect for effect in effects if effect.kind is EffectKind.CAPTURE}
        return _latest([*effects, *await self._disputes.of_captures(captures)])

    async def close(self) -> None:
        """Release connections."""
        await self._reader.close()

    async def _search(self, start: datetime, now: datetime) -> tuple[dict[str, Listed], datetime]:
        """Search from the start until now, or until as late as the search knows, in windows that it takes."""
        _, refreshed = await self._page(now - SHORTEST_WINDOW, now, 1, size=1)
        end = max(now, refreshed)
        windows = []
        while start < end:
            stop = min(start + LONGEST_WINDOW, end)
            windows.append((start, stop))
            start = stop
        latest: dict[str, Listed] = {}
        for record in chain.from_iterable(await together(self._window(begin, stop) for begin, stop in windows)):
            # One transaction may be listed more than once: as it was pending, and as it is now.
            known = latest.get(record.reference)
            if known is None or known.updated <= record.updated:
                latest[record.reference] = record
        return latest, refreshed

    async def _window(self, start: datetime, end: datetime) -> list[Listed]:
        for _ in range(WINDOW_ATTEMPTS):
            try:
                first, _ = await self._page(start, end, 1)
            except RecordRefused as error:
                if error.issue != TOO_MANY or end - start <= SHORTEST_WINDOW:
                    raise
                middle = start + (end - start) / 2
                return [*await self._window(start, middle), *await self._window(middle, end)]
            numbers = range(2, int(first.get("total_pages") or 0) + 1)
            pages = [first, *(page for page, _ in await together(self._page(start, end, number) for number in numbers))]
            records = [record for page in pages for record in _records(page)]
            # A page shifts when the search learns of something while we turn the pages.
            if len(records) == pages[-1].get("total_items", len(records)):
                return records
        raise RecordUnreadable(NAME, f"GET {SEARCH} changed {WINDOW_ATTEMPTS} times while it was read")

    async def _page(self, start: datetime, end: datetime, number: int, size: int = PAGE) -> tuple[Document, datetime]:
        parameters: dict[str, str | int] = {
            "start_date": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end_date": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "fields": "transaction_info",
            # Also what is pending, denied or reversed, and authorizations.
            "balance_affecting_records_only": "N",
            "page_size": size,
            "page": number,
        }
        page = await self._reader.get(SEARCH, parameters)
        if page is None:
            raise RecordUnreadable(
                NAME, f"GET {SEARCH} was not found: is the transaction search allowed to this client?"
            )
        with understood(NAME, "a page of transactions"):
            told = page.get("last_refreshed_datetime")
            refreshed = datetime.fromisoformat(told) if told else datetime.now(UTC) - LONGEST_LAG
        return page, refreshed

    async def _claimed(self, claims: Sequence[Claim]) -> list[Effect]:
        """Read operations by id: by their orders, and authorizations by their own.

        An order tells all that followed, but costs several times as much as the one authorization that may be open.
        """
        own = {claim.gateway_reference for claim in claims if claim.kind == "authorize"} - {None}
        by_order = [claim for claim in claims if claim.gateway_reference not in own]
        effects = await self._orders([claim.payment_reference for claim in by_order if claim.payment_reference])
        alone = own - {effect.reference for effect in effects}
        singles = await together(
            self._single(ToRead(EffectKind.AUTHORIZE, reference)) for reference in sorted(filter(None, alone))
        )
        return [*effects, *chain.from_iterable(singles)]

    async def _orders(self, references: Collection[str]) -> list[Effect]:
        found = await together(
            self._object("/v2/checkout/orders", reference, of_order) for reference in sorted(set(references))
        )
        return list(chain.from_iterable(found))

    async def _single(self, single: ToRead) -> list[Effect]:
        match single.kind:
            case EffectKind.AUTHORIZE:
                return await self._object(AUTHORIZATIONS, single.reference, of_authorization)
            case EffectKind.WITHDRAWAL:
                return await self._withdrawal(single)
            case _:
                return await self._object(CAPTURES, single.reference, of_capture)

    async def _withdrawal(self, single: ToRead) -> list[Effect]:
        """Read a refund that is none of ours; what is no refund, such as a dispute's money, is a movement for now."""
        document = await self._reader.get(f"{REFUNDS}/{quote(single.reference, safe='')}")
        if document is None:
            return [single.otherwise] if single.otherwise else []
        with understood(NAME, single.reference):
            return [replace(effect, charge_id=effect.charge_id or single.charge_id) for effect in of_refund(document)]

    async def _without_repetition(self, effects: list[Effect], disputes: list[Effect]) -> list[Effect]:
        """Leave out of the search what disputes tell by themselves, also those that were too old to be listed."""
        disputed = {effect.target_reference for effect in disputes}
        suspected = {effect.target_reference for effect in effects if is_of_dispute(effect, {effect.target_reference})}
        older = await self._disputes.of_captures(dict.fromkeys(filter(None, suspected - disputed)))
        disputed |= {effect.target_reference for effect in older}
        return _latest([*(each for each in effects if not is_of_dispute(each, disputed)), *disputes, *older])

    async def _any(self, reference: str) -> list[Effect]:
        """Read what a reference may be, apart from an order."""
        if reference.startswith(ID_PREFIX):
            return await self._disputes.named(reference)
        for path, shape in ((AUTHORIZATIONS, of_authorization), (CAPTURES, of_capture), (REFUNDS, of_refund)):
            found = await self._object(path, reference, shape)
            if found:
                return found
        return []

    async def _object(self, path: str, reference: str, shape: Shape) -> list[Effect]:
        document = await self._reader.get(f"{path}/{quote(reference, safe='')}")
        if document is None:
            return []
        with understood(NAME, reference):
            return list(shape(document))

    async def _headers(self, client: httpx.AsyncClient, renew: bool) -> Mapping[str, str]:  # noqa: FBT001
        async with self._token_turn:
            if renew or time.monotonic() > self._token_ends:
                await self._fetch_token(client)
        return {"Authorization": f"Bearer {self._token}"}

    async def _fetch_token(self, client: httpx.AsyncClient) -> None:
        response = await client.post(
            "/v1/oauth2/token", headers=self._identity, data={"grant_type": "client_credentials"}
        )
        if response.status_code == 401:
            raise RecordUnreadable(NAME, "refuses the credentials: check PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET")
        response.raise_for_status()
        with understood(NAME, "a token"):
            granted = response.json()
            self._token = granted["access_token"]
            self._token_ends = time.monotonic() + float(granted["expires_in"]) - TOKEN_SLACK_SECONDS


def _latest(effects: Iterable[Effect]) -> list[Effect]:
    """Each effect once, as it was read last."""
    return list({(effect.kind, effect.reference): effect for effect in effects}.values())


def _records(page: Document) -> Iterator[Listed]:
    now = datetime.now(UTC)
    for detail in page.get("transaction_details") or []:
        with understood(NAME, "a transaction"):
            found = detail["transaction_info"]
            updated = str(found.get("transaction_updated_date") or found["transaction_initiation_date"])
            yield Listed(found["transaction_id"], updated, names(found), of_transaction(found, now))


def _is_not_in_search(claim: Claim, now: datetime, refreshed: datetime) -> bool:
    """Whether an operation has to be read by id: it is too young for the search, or may hold money now."""
    may_hold = claim.kind == "authorize" and now - claim.requested_at < LONGEST_AUTHORIZATION
    return may_hold or claim.decided_at is None or claim.decided_at > refreshed
