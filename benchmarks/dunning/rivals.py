"""The schedules of others that ours is compared with, as documented; tries at the time of day of the failure.

What happens to a try while a gateway is down is not documented for most: all get it again every hour, which costs no rung.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.dunning.networks import networks
from benchmarks.dunning.seen import Answer, Card, SeenCase

HARD_AT_STRIPE = frozenset(
    {
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)
"""Not retried by Stripe (docs.stripe.com/billing/revenue-recovery/smart-retries)."""
UNRECOVERABLE_AT_POLAR = frozenset(
    {
        "blocklist",
        "card_not_supported",
        "do_not_honor",
        "expired_card",
        "fraudulent",
        "incorrect_cvc",
        "incorrect_number",
        "invalid_account",
        "invalid_cvc",
        "invalid_expiry_year",
        "invalid_pin",
        "live_mode_test_card",
        "lost_card",
        "merchant_blacklist",
        "not_permitted",
        "pickup_card",
        "previously_declined_do_not_retry",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "security_violation",
        "stolen_card",
        "stop_payment_order",
    }
)
"""Not retried by Polar (polarsource/polar, server/polar/models/payment.py)."""
EVERY_HOUR = timedelta(hours=1)

Stops = Callable[[Card, Answer], bool]


@dataclass(frozen=True)
class Schedule:
    """Tries on fixed days after the failure, unless an answer stops them on that card."""

    name: str
    days: tuple[float, ...]
    stops: Stops
    at_once_on_new_card: bool = False
    again_when_unreachable: timedelta = EVERY_HOUR
    doubles: bool = False
    """Whether that wait doubles each time."""

    def next_try(self, seen: SeenCase, now: datetime) -> datetime | None:
        """Return the next day of the schedule, or an hour after a gateway was down."""
        last = seen.tries[-1]
        if not last.answer.reached_network:
            return last.at + self._wait(seen)
        if last.card is seen.card and self.stops(last.card, last.answer):
            return None
        if self.at_once_on_new_card and last.card is not seen.card:
            return now
        days = (seen.failed_at + timedelta(days=day) for day in self.days)
        return next((day for day in days if day > last.at and day >= now), None)

    def _wait(self, seen: SeenCase) -> timedelta:
        if not self.doubles:
            return self.again_when_unreachable
        failures = 0
        for tried in reversed(seen.tries):
            if tried.answer.reached_network:
                break
            failures += 1
        return self.again_when_unreachable * (1 << failures - 1)


def never(card: Card, answer: Answer) -> bool:
    """Whether the network forbids it."""
    return networks().forbids(card.network, answer)


def ignores(card: Card, answer: Answer) -> bool:
    """Go on whatever was said."""
    del card, answer
    return False


def listed(codes: frozenset[str]) -> Stops:
    """Stop on Stripe's codes, and on PayPal's for the same."""
    at_paypal = frozenset(words.paypal for words in networks().answers.values() if words.stripe in codes)

    def stops(card: Card, answer: Answer) -> bool:
        del card
        return answer.code in codes or answer.code in at_paypal

    return stops


def daily(most: int) -> tuple[float, ...]:
    """One try a day."""
    return tuple(float(day) for day in range(1, most + 1))


NOTICES_ONLY = Schedule("notices only", (), ignores)
FIXED = Schedule("fixed 8 in 14 days", tuple(1.75 * number for number in range(1, 9)), never)
RIVALS: tuple[Schedule, ...] = (
    NOTICES_ONLY,
    # developer.paypal.com, payment-failure-retry: every 5 days, two retries a cycle; codes are not mentioned.
    Schedule("PayPal Subscriptions, 5 and 10", (5, 10), ignores),
    # The intervals of 3, 5 and 7 days that Stripe proposes for a schedule of one's own.
    Schedule("Stripe's own schedule, 3, 8, 15", (3, 8, 15), listed(HARD_AT_STRIPE)),
    # killbill-docs, payment: days 8,8,8; failures of the plugin after 300 s, doubling. Codes are not mentioned.
    Schedule("Kill Bill, 8, 16, 24", (8, 16, 24), ignores, again_when_unreachable=timedelta(seconds=300), doubles=True),
    Schedule("Polar, 2, 7, 14, 21", (2, 7, 14, 21), listed(UNRECOVERABLE_AT_POLAR), at_once_on_new_card=True),
    FIXED,
    Schedule("fixed 8 in 28 days", tuple(3.5 * number for number in range(1, 9)), never),
    Schedule("daily, 20 times", daily(20), never),
    Schedule("daily, 20 times, whatever was said", daily(20), ignores),
)
