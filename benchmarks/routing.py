"""`routing`: time of one decision, with 50 rules and 10,000 outcomes in the windows; needs no server.

The baseline is the same question answered from the plain outcomes, each time anew, by one pass over them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import perf_counter

from benchmarks.figures import Figure, at_most
from gateways import paypal_amounts, stripe_amounts
from gateways.routing import policy_file
from gateways.routing.ask import Method, RoutingAsk
from gateways.routing.choice import decide
from gateways.routing.policy import Policy, of_order
from gateways.routing.sliding import Outcome, SlidingOutcomes
from gateways.routing.windows import EMPTY, OutcomeClass
from ledger.money import Money

DECISIONS = 3_000
SCANS = 100
RULES = 50
OUTCOMES = 10_000
MOST_MS = 1.0
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CAPABILITIES = {"stripe": stripe_amounts.CAPABILITIES, "paypal": paypal_amounts.CAPABILITIES}
BRANDS = ("visa", "mastercard", "amex")
COUNTRIES = ("US", "DE", "FR", "GB", "NO")


async def measure() -> AsyncIterator[Figure]:
    """Decide for charges that no rule but the last matches, which is the longest way."""
    policy, outcomes, asks = fifty_rules(), ten_thousand_outcomes(), charges(DECISIONS)
    sliding = SlidingOutcomes(timedelta(seconds=policy.window_seconds))
    begin = perf_counter()
    sliding.add(outcomes)
    adding_us = 1e6 * (perf_counter() - begin) / len(outcomes)
    windows = sliding.at(NOW)
    await asyncio.sleep(0)
    ours = timed(lambda ask: decide(policy, ask, CAPABILITIES, windows), asks)
    scans = timed(lambda ask: scanned(ask, outcomes), asks[:SCANS])
    order = of_order(("stripe", "paypal")).newest
    bare = timed(lambda ask: decide(order, ask, CAPABILITIES, EMPTY), asks)
    snapshots = timed(lambda _: sliding.at(NOW), asks[:SCANS])
    yield Figure("decision_median_ms", median(ours), at_most(MOST_MS))
    yield Figure("decision_p99_ms", quantiles(ours, n=100)[-1])
    yield Figure("baseline_scan_median_ms", median(scans))
    yield Figure("ratio_to_baseline_scan", median(ours) / median(scans), at_most(0.5))
    yield Figure("order_only_median_ms", median(bare))
    yield Figure("outcome_added_us", adding_us)
    yield Figure("windows_taken_median_ms", median(snapshots))


def timed(decide_one: Callable[[RoutingAsk], object], asks: Sequence[RoutingAsk]) -> list[float]:
    """Return the milliseconds of each call."""
    milliseconds = []
    for ask in asks:
        begin = perf_counter()
        decide_one(ask)
        milliseconds.append(1000 * (perf_counter() - begin))
    return milliseconds


def fifty_rules() -> Policy:
    """Make a policy in which every kind of condition is asked before the last rule decides by success rate."""
    kinds = (
        "{{currency: [CHF], customer_country: [AT], metadata: {{shop: s{number}}}}}",
        "{{amount: {{USD: {{min_minor: {number}00000, max_minor: {number}00001}}}}, card_brand: [diners]}}",
        "{{card_brand: [jcb], card_country: [JP], metadata: {{shop: s{number}}}}}",
        "{{customer_country: [SE], card_country_not: [SE], metadata: {{shop: s{number}}}}}",
    )
    rules = [
        f"      - {{name: rule-{number}, when: {kinds[number % 4].format(number=number)}, then: {{gateway: stripe}}}}"
        for number in range(1, RULES)
    ]
    text = "\n".join(
        [
            "editions:",
            "  - version: bench",
            "    effective_from: 2026-01-01",
            "    fallback_order: [stripe, paypal]",
            "    outages: {}",
            "    rules:",
            *rules,
            "      - {name: rest, then: {success_rate: [stripe, paypal]}}",
        ]
    )
    return policy_file.parse(text, "bench.yaml", CAPABILITIES).newest


def ten_thousand_outcomes() -> list[Outcome]:
    """Make outcomes of the last hour, in many segments of both gateways."""
    classes = (OutcomeClass.APPROVED, OutcomeClass.APPROVED, OutcomeClass.APPROVED, OutcomeClass.DECLINED)
    return [
        Outcome(
            decided_at=NOW - timedelta(seconds=3500 * (OUTCOMES - number) / OUTCOMES),
            operation_id=f"ch_{number}:capture:1",
            gateway=("stripe", "paypal")[number % 2],
            outcome_class=classes[number * 7 % 11 % 4],
            currency=("USD", "EUR")[number // 2 % 2],
            brand=BRANDS[number % 3],
            card_country=COUNTRIES[number % 5],
        )
        for number in range(OUTCOMES)
    ]


def charges(count: int) -> list[RoutingAsk]:
    """Make charges of known cards."""
    return [
        RoutingAsk(
            charge_id=f"ch_{number}",
            amount=Money(amount_minor=4999, currency="USD"),
            customer="cus_1",
            methods=(
                Method(gateway="stripe", brand=BRANDS[number % 3], country=COUNTRIES[number % 5], funding="credit"),
                Method(gateway="paypal"),
            ),
            customer_country="US",
            metadata={"order": str(number)},
            at=NOW,
        )
        for number in range(count)
    ]


def scanned(ask: RoutingAsk, outcomes: Sequence[Outcome]) -> str:
    """Choose by success rate from the plain outcomes: the least that a decision without kept counts can do."""
    counts = {method.gateway: [0, 0] for method in ask.methods}
    for outcome in outcomes:
        if outcome.currency == ask.amount.currency and outcome.decided_at <= ask.at:
            count = counts[outcome.gateway]
            count[0] += outcome.outcome_class is OutcomeClass.APPROVED
            count[1] += 1
    return max(counts, key=lambda name: counts[name][0] / max(counts[name][1], 1))
