"""The composition root: settings, engine, gateways, activities; runs one worker, or, with `--migrate`, prepares the servers.

A worker holds no state of its own: start as many as the load needs, and end any of them at any moment.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import Worker

from activities import outage_watch
from activities.attempts import Attempts
from activities.gateway_calls import GatewayCalls
from activities.notices import Notices
from activities.pay_links import PayLinks
from activities.post import PostFault, post_of
from activities.process_steps import process_steps
from activities.recent_outcomes import RecentOutcomes
from billing import card_ceilings
from billing.dunning import policy_file as dunning_policy_file
from billing.dunning.errors import DunningPolicyFault
from billing.dunning.policy import Policies as DunningPolicies
from billing.link_keys import LinkAddresses, LinkKeys
from billing.notices import template_check
from billing.notices.errors import TemplateFault
from billing.notices.rendering import Templates
from gateways import adapters
from gateways.port import Gateway
from gateways.routing import policy_file
from gateways.routing.errors import PolicyFault
from gateways.routing.policy import Policies, of_order
from ledger import adjustment_tiers, chart_file, migrate, people
from ledger.database import create_engine
from ledger.errors import ChartFault, LedgerNotProtected
from ledger.money import MoneyError
from ledger.protection.gate import Gate
from ledger.seals import signing
from ledger.seals.errors import KeyFault
from ledger.seals.sealer import Sealer
from settings import Settings, SettingsError, load
from workflows import running_dunnings
from workflows.adjustment import AdjustmentWorkflow
from workflows.charge import ChargeWorkflow
from workflows.client import connect, register_search_attributes
from workflows.dunning import DunningWorkflow
from workflows.event_catch_up import EventCatchUp
from workflows.gateway_steps import gateway_queue
from workflows.hold import HoldWorkflow
from workflows.inbox_handler import InboxHandler
from workflows.process_waker import ProcessWaker
from workflows.reconcile import ReconcileWorkflow
from workflows.refund import RefundWorkflow
from workflows.split import SplitWorkflow
from workflows.subscription import SubscriptionWorkflow
from workflows.telemetry import runtime_of

log = structlog.get_logger()

WORKFLOWS = (
    ChargeWorkflow,
    RefundWorkflow,
    ReconcileWorkflow,
    SplitWorkflow,
    AdjustmentWorkflow,
    HoldWorkflow,
    SubscriptionWorkflow,
    DunningWorkflow,
)
SHUTDOWN_GRACE = timedelta(seconds=20)
"""How long a stopping worker lets gateway calls come to their answer; what is cut off is asked again by the next one."""


def policies_of(settings: Settings, gateways: Collection[str]) -> Policies:
    """Read the routing policy and see that an edition is in force; raises PolicyFault with a line for each fault."""
    if not settings.routing_policy:
        return of_order(settings.gateway_order.split(","))
    policies = policy_file.read(Path(settings.routing_policy), gateways)
    policies.at(datetime.now(UTC))
    return policies


def dunning_policies_of(settings: Settings) -> DunningPolicies:
    """Read the dunning policy and see that an edition is in force; raises DunningPolicyFault with a line for each fault."""
    given = settings.dunning_policy
    policies = dunning_policy_file.read(Path(given)) if given else dunning_policy_file.read()
    policies.at(datetime.now(UTC))
    return policies


def notices_of(settings: Settings, engine: AsyncEngine, policies: DunningPolicies) -> Notices:
    """Build what writes to customers; raises TemplateFault or PostFault with a line for each fault."""
    directory = Path(settings.notice_templates) if settings.notice_templates else None
    if directory is not None:
        template_check.check(directory)
    url = settings.smtp_url.get_secret_value() if settings.smtp_url else None
    post = post_of(url, settings.notice_from, settings.notice_reply_to)
    keys = settings.pay_link_keys
    links = PayLinks(engine, LinkAddresses(LinkKeys(keys), settings.pay_link_base_url) if keys else None)
    return Notices(engine, Templates(directory), policies, post, links.link_for)


def workers_of(
    settings: Settings, client: Client, engine: AsyncEngine, gateways: Mapping[str, Gateway]
) -> Sequence[Worker]:
    """Build the workers of one process: the processes and their ledger steps, and the calls of each gateway.

    One task queue per gateway, so that one that hangs fills only its own slots.
    """
    capabilities = {name: gateway.capabilities for name, gateway in gateways.items()}
    policies = policies_of(settings, gateways)
    attempts = Attempts(capabilities, policies, RecentOutcomes(engine, policies))
    dunning_policies = dunning_policies_of(settings)
    notices = notices_of(settings, engine, dunning_policies)
    processes = Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=process_steps(
            engine,
            capabilities,
            attempts=attempts,
            reviewers=settings.reviewer_names,
            policies=dunning_policies,
            notices=notices,
        ),
        max_cached_workflows=settings.max_cached_workflows,
        graceful_shutdown_timeout=SHUTDOWN_GRACE,
    )
    return [processes, *(_gateway_worker(settings, client, engine, gateway) for gateway in gateways.values())]


def _gateway_worker(settings: Settings, client: Client, engine: AsyncEngine, gateway: Gateway) -> Worker:
    calls = GatewayCalls(gateway, engine)
    return Worker(
        client,
        task_queue=gateway_queue(settings.task_queue, gateway.name),
        activities=[
            calls.authorize,
            calls.capture,
            calls.void,
            calls.refund,
            calls.watch,
            calls.look_up,
            calls.read_withdrawals,
        ],
        max_concurrent_activities=settings.gateway_concurrency,
        max_task_queue_activities_per_second=settings.calls_per_second(gateway.name),
        graceful_shutdown_timeout=SHUTDOWN_GRACE,
    )


@asynccontextmanager
async def sealing(settings: Settings, runtime: Runtime | None) -> AsyncIterator[None]:
    """Seal what is posted for as long as the block runs, where the settings say with which key; raises KeyFault.

    It has a connection and a role of its own, and shares nothing with the steps of the processes.
    """
    if not settings.seal_key_file or not settings.sealer_database_url:
        log.info("worker.does_not_seal", remedy="set SEAL_KEY_FILE and SEALER_DATABASE_URL")
        yield
        return
    key = signing.load(Path(settings.seal_key_file))
    engine = create_engine(settings.sealer_database_url, pool_size=1)
    gauge = runtime and runtime.metric_meter.create_gauge_float(
        "quittance_unsealed_age", "How long the oldest entry without a seal has been waiting", "s"
    )
    sealer = Sealer(engine, key, report_age=gauge.set if gauge else lambda _seconds: None)
    loop = asyncio.create_task(sealer.run())
    try:
        yield
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await engine.dispose()


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = create_engine(settings.database_url, settings.database_pool_size)
    gateways = adapters.of_settings(settings)
    runtime = runtime_of(settings)
    client = await connect(settings, runtime)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        if not await _protected(engine, settings, stop):
            return
        for gateway in gateways.values():
            stack.push_async_callback(gateway.close)
        for worker in workers_of(settings, client, engine, gateways):
            await stack.enter_async_context(worker)
        interval = timedelta(seconds=settings.event_catch_up_seconds)
        for loop in (
            InboxHandler(engine, client, settings.task_queue, gateways).run(),
            ProcessWaker(engine, client, settings.task_queue).run(),
            EventCatchUp(engine, gateways.values(), interval).run(),
            running_dunnings.follow(client, runtime),
            outage_watch.metered(engine, gateways, runtime.metric_meter if runtime else None).run(),
        ):
            stack.callback(asyncio.create_task(loop).cancel)
        await stack.enter_async_context(sealing(settings, runtime))
        if settings.health_port:
            await stack.enter_async_context(await asyncio.start_server(_healthy, "127.0.0.1", settings.health_port))
        log.info("worker.started", task_queue=settings.task_queue, temporal=settings.temporal_address)
        await stop.wait()
        log.info("worker.stopping")


async def _protected(engine: AsyncEngine, settings: Settings, stop: asyncio.Event) -> bool:
    """Wait until the ledger is found protected, or the worker is to stop; raises LedgerNotProtected."""
    looking = asyncio.create_task(Gate(engine, unsafe_allowed=settings.allow_unsafe_database).opened())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not looking.done():
        looking.cancel()
        return False
    await looking
    return True


async def prepare(settings: Settings) -> None:
    """Bring schema, chart, people, adjustments' tiers, ceilings of cards and search attributes up to date; may be run again.

    Raises ChartFault and MoneyError for settings that cannot be used.
    """
    tiers = adjustment_tiers.parse(settings.adjustment_tiers)
    chart = chart_file.read(Path(settings.chart)) if settings.chart else None
    await asyncio.to_thread(migrate.upgrade, settings.migration_database_url, chart)
    await asyncio.to_thread(people.keep_roles, settings.migration_database_url, settings.people)
    await asyncio.to_thread(adjustment_tiers.bring_up_to_date, settings.migration_database_url, tiers)
    await asyncio.to_thread(card_ceilings.bring_up_to_date, settings.migration_database_url)
    await register_search_attributes(await connect(settings))


async def _healthy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b'{"status":"ok"}'
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()


def main(arguments: Sequence[str]) -> int:
    """Run from the command line: 0 done, 2 wrong settings, 3 a server that cannot be reached or is not protected."""
    parser = argparse.ArgumentParser(description="Run one worker of Quittance.")
    parser.add_argument(
        "--migrate", action="store_true", help="bring database and search attributes up to date, and end"
    )
    chosen = parser.parse_args(arguments)
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        asyncio.run(prepare(settings) if chosen.migrate else run(settings))
    except (PolicyFault, KeyFault, ChartFault, DunningPolicyFault, TemplateFault, PostFault) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except LedgerNotProtected as error:
        sys.stderr.writelines(f"cannot start: {fault}\n" for fault in error.faults)
        return 3
    except MoneyError as error:
        sys.stderr.write(f"ADJUSTMENT_TIERS: {error}\n")
        return 2
    except (RuntimeError, OSError) as error:
        sys.stderr.write(f"cannot start: {str(error).partition(chr(10))[0]}\n")
        return 3
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed. Ending the interpreter step by step can race with the SDK's native threads and abort.
    os._exit(code)
