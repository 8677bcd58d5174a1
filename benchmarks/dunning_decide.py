"""`dunning-decide`: time of one decision about an invoice with 30 past tries; needs no server.

In processor time, since it waits for nothing. What a decline means is looked up when a try is recorded, so that the history
before the newest try is known; `first_median_us` is that of a history just read, with 30 declines to look up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import process_time_ns

from benchmarks.figures import Figure, at_most
from billing.dunning import policy_file
from billing.dunning.decide import decide
from billing.dunning.decline_classes import Answer
from billing.dunning.history import Customer, History, Invoice, PaymentMethod, Try, TryOutcome
from billing.dunning.policy import Policy
from ledger.money import Money

HISTORIES = 300
ROUNDS = 10
TRIES = 30
MOST_US = 50.0
FAILED_AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
AMOUNT = Money(amount_minor=4999, currency="EUR")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
CODES = ("51", "05", "51", "61", "05")


async def measure() -> AsyncIterator[Figure]:
    """Decide for invoices that failed at different minutes, in three zones, each with a rhythm of earlier payments."""
    policy = policy_file.read().editions[-1].policies[-1].model_copy(update={"most_tries": 40, "deadline_days": 120})
    histories = [one(number) for number in range(HISTORIES)]
    first = timed(policy, histories)
    await asyncio.sleep(0)
    again = [each for _ in range(ROUNDS) for each in timed(policy, histories)]
    bare = timed(policy, [history.having(tries=history.tries[:1]) for history in histories])
    yield Figure("decision_median_us", median(again), at_most(MOST_US))
    yield Figure("decision_p99_us", quantiles(again, n=100)[-1])
    yield Figure("first_median_us", median(first))
    yield Figure("one_try_median_us", median(bare))


def timed(policy: Policy, histories: Sequence[History], clock: Callable[[], int] = process_time_ns) -> list[float]:
    """Return the microseconds of each decision."""
    microseconds = []
    for history in histories:
        now = history.tries[-1].at
        begin = clock()
        decide(history, policy, now)
        microseconds.append((clock() - begin) / 1000)
    return microseconds


def one(number: int) -> History:
    """Make a history of declines, two days apart, of which the issuer gives two kinds of reasons."""
    failed_at = FAILED_AT + timedelta(minutes=number)
    method = PaymentMethod(
        method_id="pm_1", gateway="stripe", network="visa", country="DE", added_at=failed_at - timedelta(days=300)
    )
    return History(
        invoice=Invoice(invoice_id=f"in_{number}", amount=AMOUNT, failed_at=failed_at),
        customer=Customer(customer_id="cus_1", zone=ZONES[number % len(ZONES)]),
        methods=(method,),
        tries=tuple(_tried(method, failed_at + timedelta(days=2 * place), place) for place in range(TRIES)),
        payments=tuple(failed_at - timedelta(days=30 * months - months % 3) for months in (3, 2, 1)),
    )


def _tried(method: PaymentMethod, at: datetime, place: int) -> Try:
    return Try(
        at=at,
        method_id=method.method_id,
        card=method.card,
        gateway=method.gateway,
        network=method.network,
        country=method.country,
        amount=AMOUNT,
        outcome=TryOutcome.DECLINED,
        answer=Answer(code="generic_decline", network_code=CODES[place % len(CODES)]),
        is_rung=place > 0,
    )
