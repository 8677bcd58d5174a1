"""Reading orders, and telling one that is gone unpaid from one that was never this account's.

PayPal deletes an order that stays unpaid for some hours, and then answers 404, as it does to any account that never had
the order. Taken for "no effect" under credentials of another account, a 404 would let a paid charge be taken again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateways.paypal_objects import GONE, Order
from gateways.paypal_session import PayPalSession, identity_in_path

ORDERS: Final = "/v2/checkout/orders"
MOST_REMEMBERED: Final = 20_000
SEEN_WITHIN_SECONDS: Final = 72 * 3600.0
"""The longest that PayPal keeps a request id of an order. A paid order stays for much longer after its payment, so that
one which was unpaid within this time and is gone now was never paid."""


class PayPalOrders:
    """The orders of one set of credentials; for what it has not seen itself, it does not vouch."""

    def __init__(self, session: PayPalSession, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._unpaid: OrderedDict[str, float] = OrderedDict()

    async def read(self, order_id: str, *, was_paid: bool = False, has_expired: bool = False) -> Order:
        """Read an order; its status is GONE where PayPal deleted it unpaid, which is certain after one of two witnesses.

        This account has seen it unpaid a short while ago, or PayPal just said that it `has_expired`, which it says to the
        account that made it only. Raises Misconfigured for any other order that PayPal does not know, and for one that
        `was_paid`.
        """
        path = order_path(order_id)
        seen = self._unpaid.get(order_id)
        is_ours = has_expired or (seen is not None and self._clock() - seen < SEEN_WITHIN_SECONDS)
        if was_paid or not is_ours:
            order = await self._session.get(path, Order)
        else:
            order = await self._session.find(path, Order) or Order(id=order_id, status=GONE)
        self.note(order)
        return order

    def note(self, order: Order) -> None:
        """Remember an order that was shown without a payment; forget one that has any, be it declined."""
        if order.status == GONE:
            return
        self._unpaid.pop(order.id, None)
        if order.is_untouched:
            self._unpaid[order.id] = self._clock()
            if len(self._unpaid) > MOST_REMEMBERED:
                self._unpaid.popitem(last=False)


def order_path(order_id: str) -> str:
    """Path of an order."""
    return f"{ORDERS}/{identity_in_path(order_id)}"
