"""`dunning-temporal`: five hundred recoveries on a real Temporal server with time skipping, over PostgreSQL and a gateway.

Each invoice fails, is tried by the shipped policy, and is paid after a few declines or ends at its deadline: a month or so of its
own time. Nothing is played: the processes, the books and the calls to Stripe's simulator are those of the product.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from benchmarks.figures import Figure, at_least, at_most
from billing import card_ceilings, customers, dunning_books, invoice_books, methods, receivables
from billing.customers import CustomerRequest
from billing.dunning import policy_file
from billing.invoices import InvoiceLine, InvoiceRequest
from billing.methods import MethodRequest
from ledger import migrate
from ledger.database import create_engine
from local import postgres, simulators, temporal, worker
from local.ports import free_port
from local.simulators import SimulatorProcess
from settings import Settings
from workflows import dunning, search_attributes
from workflows.client import connect
from workflows.dunning import DunningWorkflow

PROCESSES = 500
AT_ONCE = 50
"""Processes under way at the same time: more only wait for the same two cores."""
PAYS_AFTER = (1, 2, 4, None)
"""Declines before a card pays; None for never."""
ACTOR = "person:bench"
BEGINS = "process:subscription"
"""Whose process starts that of dunning itself: here that is the benchmark."""
SKIPS = TimeSkippingConfig(max_session_skip_count=10_000)
COUNTS = {
    "recovered": "SELECT count(*) FROM dunnings WHERE reason = 'paid'",
    "ended": "SELECT count(*) FROM dunnings WHERE reason <> 'paid'",
    "tries": "SELECT count(*) FROM invoice_tries",
}


async def measure() -> AsyncIterator[Figure]:
    """Set up five hundred unpaid invoices, recover them, and look whether the books agree."""
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            engine, client, stripe, settings = await _parts(stack, Path(directory))
            names = [await _unpaid(engine, stripe, number) for number in range(PROCESSES)]
            began = perf_counter()
            limit = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(_recover(client, settings.task_queue, name, limit) for name in names))
            seconds = perf_counter() - began
            yield Figure("processes", PROCESSES, at_least(PROCESSES))
            yield Figure("seconds", seconds)
            yield Figure("seconds_each", seconds / PROCESSES)
            async with engine.connect() as connection:
                for name, statement in COUNTS.items():
                    yield Figure(f"{name}_count", int(await connection.scalar(text(statement)) or 0))
                wrong = await receivables.differences(connection)
            yield Figure("differences_count", len(wrong), at_most(0))


async def _recover(client: Client, task_queue: str, invoice_id: str, limit: asyncio.Semaphore) -> None:
    async with limit:
        await client.execute_workflow(
            DunningWorkflow.run, invoice_id, id=dunning.workflow_id(invoice_id), task_queue=task_queue
        )


async def _parts(stack: AsyncExitStack, directory: Path) -> tuple[AsyncEngine, Client, SimulatorProcess, Settings]:
    server = stack.enter_context(postgres.start(directory / "data", free_port(), log=directory / "postgres.log"))
    attributes = {key.name: key.indexed_value_type.name.title().replace("_", "") for key in search_attributes.ALL}
    temporal_server = stack.enter_context(
        temporal.start(free_port(), log=directory / "temporal.log", search_attributes=attributes, time_skipping=True)
    )
    stripe = stack.enter_context(
        simulators.start_stripe(free_port(), state=directory / "stripe", log=directory / "stripe.log")
    )
    server.ensure_database("dunning")
    settings = Settings(
        _env_file=None,
        database_url=server.url("dunning", "quittance_app"),
        migration_database_url=server.url("dunning"),
        temporal_address=temporal_server.address,
        stripe_api_base=stripe.url,
        gateway_order="stripe",
    )
    await asyncio.to_thread(migrate.upgrade, settings.migration_database_url)
    await asyncio.to_thread(card_ceilings.bring_up_to_date, settings.migration_database_url)
    engine = create_engine(settings.database_url, 20)
    stack.push_async_callback(engine.dispose)
    client = await connect(settings)
    running = worker.start(_environment(settings), health_port=free_port(), log=directory / "worker.log")
    stack.enter_context(running)
    return engine, TimeSkipper(client, config=SKIPS).client, stripe, settings


async def _unpaid(engine: AsyncEngine, stripe: SimulatorProcess, number: int) -> str:
    """Make a customer with a card and an invoice whose collection has failed."""
    customer, method, invoice = f"cus_{number}", f"card_{number}", f"inv_{number}"
    pays_after = PAYS_AFTER[number % len(PAYS_AFTER)]
    answers: list[dict[str, object]] = [{"answer": "insufficient_funds"}]
    if pays_after is not None:
        answers = [{"answer": "insufficient_funds", "times": pays_after}, {"answer": "approved"}]
    stripe.make_card(f"pm_{method}", customer=f"cus_s{number}", answers=answers)
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        await customers.add(
            connection,
            CustomerRequest(customer_id=customer, currency="USD", time_zone="UTC", locale="en", actor=ACTOR),
        )
        await methods.add(
            connection,
            MethodRequest(
                method_id=method,
                customer_id=customer,
                gateway="stripe",
                token=f"pm_{method}",
                gateway_customer=f"cus_s{number}",
                brand="visa",
                fingerprint=f"fp_{number}",
                actor=ACTOR,
            ),
        )
        line = InvoiceLine(description="A month", amount_minor=4999, earns_to="revenue:subscriptions")
        request = InvoiceRequest(invoice_id=invoice, customer_id=customer, currency="USD", lines=(line,), actor=ACTOR)
        await invoice_books.draft(connection, request)
    async with engine.begin() as connection:
        await invoice_books.finalize(connection, invoice, actor=ACTOR)
    async with engine.begin() as connection:
        edition = policy_file.read().at(now)
        await dunning_books.begin(connection, invoice, edition, failed_at=now, now=now, actor=BEGINS)
    return invoice


def _environment(settings: Settings) -> dict[str, str]:
    named = settings.model_dump(include={"database_url", "temporal_address", "stripe_api_base", "gateway_order"})
    return {**os.environ, **{name.upper(): str(value) for name, value in named.items()}}
