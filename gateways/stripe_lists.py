"""What belongs to a PaymentIntent, read page by page, as far as a payment can be expected to go."""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from pydantic import BaseModel
from stripe import V1Services
from stripe.params import DisputeListParams, RefundListParams

from gateways.errors import OutcomeUnknown
from gateways.stripe_errors import NAME, StripeFault
from gateways.stripe_objects import Refund
from gateways.stripe_sdk import answer_of
from gateways.stripe_withdrawals import Dispute

PAGE: Final = 100
PAGES: Final = 10

Listed = TypeVar("Listed", Refund, Dispute)


class Page(BaseModel, Generic[Listed]):
    """One page of a list."""

    data: list[Listed]
    has_more: bool


class StripeLists:
    """The lists of one account. All calls raise GatewayError, also for a list that does not end."""

    def __init__(self, services: V1Services) -> None:
        self._refunds = services.refunds
        self._disputes = services.disputes

    async def refunds(self, payment: str) -> list[Refund]:
        """All refunds of a payment, whoever made them, with their balance transactions."""
        asked: RefundListParams = {
            "payment_intent": payment,
            "limit": PAGE,
            "expand": ["data.balance_transaction", "data.failure_balance_transaction"],
        }

        async def page(after: str | None) -> Page[Refund] | StripeFault:
            given: RefundListParams = {**asked, "starting_after": after} if after else asked
            return await answer_of(self._refunds.list_async(given), Page[Refund])

        return await _all(page, f"refunds of {payment}")

    async def disputes(self, payment: str) -> list[Dispute]:
        """All disputes of a payment, with their balance transactions."""
        asked: DisputeListParams = {"payment_intent": payment, "limit": PAGE}

        async def page(after: str | None) -> Page[Dispute] | StripeFault:
            given: DisputeListParams = {**asked, "starting_after": after} if after else asked
            return await answer_of(self._disputes.list_async(given), Page[Dispute])

        return await _all(page, f"disputes of {payment}")


async def _all(page_after: Callable[[str | None], Awaitable[Page[Listed] | StripeFault]], what: str) -> list[Listed]:
    found: list[Listed] = []
    for _ in range(PAGES):
        page = await page_after(found[-1].id if found else None)
        if isinstance(page, StripeFault):
            raise OutcomeUnknown(NAME, f"refused to show the {what}: {page.message}")
        found += page.data
        if not page.has_more or not page.data:
            return found
    raise OutcomeUnknown(NAME, f"shows more than {PAGE * PAGES} {what}")
