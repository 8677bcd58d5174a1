"""`webhooks`: how many events are taken in a second, how soon each is answered, and what they cost the charges.

Against a bare handler that inserts one row; with a worker that handles what comes in, and again with Temporal down.
"""

import time
import uuid
from collections.abc import AsyncIterator
from functools import partial
from statistics import median, quantiles

import psycopg

from benchmarks import load
from benchmarks.baseline_intake import running_intake
from benchmarks.deliveries import deliveries, send
from benchmarks.figures import Figure, at_least, at_most
from local.addresses import WEBHOOK_SECRET
from local.system import System

EVENTS = 1500
ROUNDS = 4
SENDERS = 12
PER_SECOND = 300
MEDIAN_MS = 100
CHARGES = 150
IN_FLIGHT = 50


async def measure(
    system: System, events: int = EVENTS, rounds: int = ROUNDS, charges: int = CHARGES
) -> AsyncIterator[Figure]:
    """Alternate rounds of deliveries to the intake and to the baseline, then take Temporal away."""
    driver = await load.connected(system)
    payment = _payment_of(system, await driver.charge("stripe"))
    ours_at = system.api.webhook_url("stripe")
    with running_intake(system) as baseline_at:
        ours, theirs, answers = [], [], []
        for _ in range(rounds):
            rate, seconds = await _round(ours_at, payment, events)
            ours.append(rate)
            answers += seconds
            theirs.append((await _round(baseline_at, payment, events))[0])
    yield Figure("taken_per_second", median(ours), at_least(PER_SECOND))
    yield Figure("baseline_per_second", median(theirs))
    yield Figure("ratio", median(rate / other for rate, other in zip(ours, theirs, strict=True)))
    yield Figure("answer_median_ms", 1000 * median(answers), at_most(MEDIAN_MS))
    yield Figure("answer_p99_ms", 1000 * quantiles(answers, n=100)[-1])
    yield await _cost(system, driver, charges, rounds)
    system.temporal.stop()
    rate, seconds = await _round(ours_at, payment, events)
    yield Figure("without_temporal_per_second", rate, at_least(PER_SECOND))
    yield Figure("without_temporal_answer_median_ms", 1000 * median(seconds), at_most(MEDIAN_MS))


async def _round(address: str, payment: str, events: int) -> tuple[float, list[float]]:
    requests = deliveries(address, WEBHOOK_SECRET, payment, uuid.uuid4().hex)
    started = time.perf_counter()
    seconds = await send(address, requests, events, SENDERS)
    return events / (time.perf_counter() - started), seconds


async def _cost(system: System, driver: load.Load, charges: int, rounds: int) -> Figure:
    """Charges per second while the gateway sends its events, to those while it sends none."""
    ratios = []
    charge = partial(driver.charge, "stripe")
    await load.many(charge, IN_FLIGHT, IN_FLIGHT)
    for _ in range(rounds):
        system.stripe.configure(webhooks="deliver")
        told = await load.many(charge, charges, IN_FLIGHT)
        system.stripe.configure(webhooks="drop")
        ratios.append(await load.many(charge, charges, IN_FLIGHT) / told)
    return Figure("charges_per_second_with_events_to_without", median(ratios))


def _payment_of(system: System, charge_id: str) -> str:
    with psycopg.connect(system.environment["DATABASE_URL"]) as connection:
        query = "SELECT payment_reference FROM operations WHERE charge_id = %s"
        [(payment,)] = connection.execute(query, [charge_id]).fetchall()
    return str(payment)
