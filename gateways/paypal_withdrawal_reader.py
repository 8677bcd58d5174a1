"""Reading what PayPal took back of a capture: refunds that are none of ours, and disputes.

PayPal lists disputes in short, page by page, and tells of their money by id only.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from gateways.errors import OutcomeUnknown
from gateways.paypal_errors import NAME
from gateways.paypal_objects import Link, Movement
from gateways.paypal_session import PayPalSession, identity_in_path
from gateways.paypal_withdrawals import Dispute, DisputePage, of_dispute, of_foreign_refund
from gateways.port import OperationKind, Withdrawal

REFUNDS: Final = "/v2/payments/refunds"
DISPUTES: Final = "/v1/customer/disputes"
MOST_REFUNDS: Final = 100
PAGE: Final = 50
PAGES: Final = 4
NEXT_PAGE: Final = "next_page_token"


class PayPalWithdrawals:
    """The withdrawals of one account. All calls raise GatewayError, also for more than any capture has."""

    def __init__(self, session: PayPalSession) -> None:
        self._session = session

    async def of_capture(self, capture: Movement, refunds: Iterable[Movement]) -> tuple[Withdrawal, ...]:
        """All that was taken back of a capture, oldest first; `refunds` are those of its order."""
        foreign = [each for each in refunds if each.made_from == capture.id and not each.is_ours(OperationKind.REFUND)]
        if len(foreign) > MOST_REFUNDS:
            raise OutcomeUnknown(NAME, f"shows {len(foreign)} refunds of {capture.id} that are none of ours")
        read = [await self._session.get(f"{REFUNDS}/{identity_in_path(each.id)}", Movement) for each in foreign]
        disputes = await self._disputes(capture.id)
        try:
            found = [*map(of_foreign_refund, read), *map(of_dispute, disputes)]
        except ValueError as error:
            raise OutcomeUnknown(NAME, f"cannot be understood: {error}") from error
        return tuple(sorted(filter(None, found), key=lambda each: (each.withdrawn_at, each.reference)))

    async def _disputes(self, capture_id: str) -> list[Dispute]:
        asked = {"disputed_transaction_id": capture_id, "page_size": str(PAGE)}
        found: list[Dispute] = []
        for _ in range(PAGES):
            page = await self._session.get(f"{DISPUTES}?{urlencode(asked)}", DisputePage)
            for listed in page.items:
                path = f"{DISPUTES}/{identity_in_path(listed.dispute_id)}"
                found.append(await self._session.get(path, Dispute))
            token = _next_page(page.links)
            if token is None:
                return found
            asked[NEXT_PAGE] = token
        raise OutcomeUnknown(NAME, f"shows more than {PAGE * PAGES} disputes of {capture_id}")


def _next_page(links: Sequence[Link]) -> str | None:
    """Take the token of the next page out of the link to it; the link itself is not followed, wherever it leads."""
    address = next((link.href for link in links if link.rel == "next"), "")
    return next(iter(parse_qs(urlsplit(address).query).get(NEXT_PAGE, [])), None)
