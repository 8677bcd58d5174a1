"""`python -m api`: takes webhooks and what services post, until SIGTERM or SIGINT. The composition root of the HTTP service."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import structlog

from api import service_settings
from api.application import application
from api.ledger_routes import ledger_routes
from api.pay.routes import pay_routes
from api.server import Server, listening, server
from api.webhooks import WebhookIntake
from gateways import adapters
from gateways.webhooks.certificate_chain import TrustedRoots
from gateways.webhooks.paypal_certificates import PayPalCertificates
from gateways.webhooks.paypal_signature import PayPalWebhooks
from gateways.webhooks.port import WebhookEntrance
from gateways.webhooks.stripe_signature import StripeWebhooks
from ledger.database import create_engine
from ledger.errors import LedgerNotProtected
from ledger.lined_yaml import FileFault
from ledger.protection.gate import Gate
from settings import Settings, SettingsError, load_for_webhooks

log = structlog.get_logger()


def entrances_of(settings: Settings) -> dict[str, WebhookEntrance]:
    """Build the entrances; raises OSError or ValueError where PAYPAL_WEBHOOK_ROOT is no file of certificates."""
    extra = settings.paypal_webhook_root
    certificates = PayPalCertificates(
        TrustedRoots(Path(extra) if extra else None), simulator=settings.paypal_api_base if extra else None
    )
    window = settings.webhook_window_seconds
    return {
        "stripe": StripeWebhooks(settings.stripe_secrets, window),
        "paypal": PayPalWebhooks(settings.paypal_webhook_id, certificates, window),
    }


async def run(settings: Settings) -> None:
    """Serve until a signal comes, or the ledger is found unprotected; what is under way then is answered."""
    entrances = entrances_of(settings)
    services, booking = service_settings.services_of(settings), service_settings.booking_of(settings, entrances)
    engine = create_engine(settings.database_url, settings.database_pool_size)
    # Connections of their own, so that no service keeps webhooks out.
    services_engine = create_engine(settings.database_url, settings.database_pool_size)
    gate = Gate(engine, unsafe_allowed=settings.allow_unsafe_database)
    ledger = ledger_routes(services, services_engine, gate, booking)
    gateways = adapters.of_settings(settings)
    # On whose pages customers give payment methods, in this order.
    setups = {name: gateways[name] for name in settings.gateway_order.split(",")}
    pay = pay_routes(service_settings.house_of(settings), services_engine, gate, setups)
    try:
        with listening(settings.api_host, settings.api_port) as opened:
            log.info("api.started", host=settings.api_host, port=settings.api_port)
            running = server(application(WebhookIntake(entrances, engine, gate), ledger, pay))
            await _serve(running, opened, gate)
    finally:
        await adapters.close(gateways)
        await engine.dispose()
        await services_engine.dispose()


async def _serve(running: Server, opened: socket.socket, gate: Gate) -> None:
    """Serve, also while the database is away; raises LedgerNotProtected once it is there and is not protected."""
    looking = asyncio.create_task(gate.opened())
    serving = asyncio.create_task(running.serve([opened]))
    await asyncio.wait({looking, serving}, return_when=asyncio.FIRST_COMPLETED)
    if looking.done() and looking.exception() is not None:
        running.should_exit = True
    await serving
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    if not looking.cancelled():
        looking.result()


def main() -> int:
    """Run from the command line: 0 done, 2 wrong settings, 3 it cannot start."""
    try:
        settings = load_for_webhooks()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        asyncio.run(run(settings))
    except FileFault as error:
        sys.stderr.writelines(f"{line}\n" for line in error.lines)
        return 2
    except LedgerNotProtected as error:
        sys.stderr.writelines(f"cannot start: {fault}\n" for fault in error.faults)
        return 3
    except OSError as error:
        where = error.filename or f"{settings.api_host}:{settings.api_port}"
        sys.stderr.write(f"cannot start: {where}: {os.strerror(error.errno or 0).lower()}\n")
        return 3
    except ValueError:
        sys.stderr.write(f"cannot start: PAYPAL_WEBHOOK_ROOT: {settings.paypal_webhook_root} holds no certificates\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
