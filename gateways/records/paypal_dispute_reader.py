"""Reads PayPal's disputes: listed in short, page by page, and then each by its id, which alone tells of the money."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain
from urllib.parse import parse_qs, quote, urlsplit

from gateways.records.paypal_disputes import of_dispute
from gateways.records.paypal_effects import NAME
from gateways.records.reader import Document, RecordReader, RecordUnreadable, together, understood
from ledger.proofs.evidence import Effect

PATH = "/v1/customer/disputes"
PAGE = 50
NEXT_PAGE = "next_page_token"


class DisputeReader:
    """Reads what disputes took. Raises RecordUnreadable."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader

    async def since(self, moment: datetime) -> list[Effect]:
        """Read those that changed since then."""
        return await self._listed({"update_time_after": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})

    async def of_captures(self, captures: Mapping[str, Effect | None]) -> list[Effect]:
        """Read those of these captures, each of which may know its payment and its charge."""
        found = await together(self._of_capture(reference, capture) for reference, capture in captures.items())
        return list(chain.from_iterable(found))

    async def named(self, dispute_id: str) -> list[Effect]:
        """Read one by its id; nothing where there is none."""
        document = await self._reader.get(f"{PATH}/{quote(dispute_id, safe='')}")
        if document is None:
            return []
        with understood(NAME, dispute_id):
            return list(of_dispute(document))

    async def _of_capture(self, reference: str, capture: Effect | None) -> list[Effect]:
        effects = await self._listed({"disputed_transaction_id": reference})
        if capture is None:
            return effects
        return [
            replace(
                effect,
                payment_reference=capture.payment_reference,
                charge_id=effect.charge_id or capture.charge_id,
            )
            for effect in effects
        ]

    async def _listed(self, filters: Mapping[str, str]) -> list[Effect]:
        asked: dict[str, str | int] = {**filters, "page_size": PAGE}
        names: list[str] = []
        while True:
            page = await self._reader.get(PATH, asked)
            if page is None:
                raise RecordUnreadable(NAME, f"GET {PATH} was not found: are disputes allowed to this client?")
            with understood(NAME, "a page of disputes"):
                names += [found["dispute_id"] for found in page.get("items") or []]
                token = _next_page(page)
            if token is None:
                break
            if token == asked.get(NEXT_PAGE):
                raise RecordUnreadable(NAME, f"GET {PATH} says that there is more, and gives none")
            asked[NEXT_PAGE] = token
        return list(chain.from_iterable(await together(map(self.named, dict.fromkeys(names)))))


def _next_page(page: Document) -> str | None:
    address = next((link["href"] for link in page.get("links") or [] if link["rel"] == "next"), "")
    return next(iter(parse_qs(urlsplit(address).query).get(NEXT_PAGE, [])), None)
