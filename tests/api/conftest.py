"""The HTTP service as a process of its own over this test's database, and senders of genuine deliveries."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from local import api, postgres
from local.ports import free_port
from tests.api.shop import Shop, services_file
from tests.gateways.webhooks.authority import Authority, new_key, pem
from tests.gateways.webhooks.canary import Canary, canary
from tests.gateways.webhooks.sender import (
    CERTIFICATE_PATH,
    SECRET,
    WEBHOOK_ID,
    PayPalSender,
    paypal_body,
    signed_by_stripe,
    stripe_body,
)

DATABASE = "test_api"
_numbers = itertools.count(1)
JSON = {"content-type": "application/json"}


def environment(database_url: str, **changes: str) -> dict[str, str]:
    """What the service is told; nothing listens where Temporal and the gateways should be."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": database_url,
        "ALLOW_UNSAFE_DATABASE": "true",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_next, {SECRET}",
        "PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
        **changes,
    }


@dataclass
class Service:
    """The running service as its senders see it."""

    url: str
    http: httpx.AsyncClient
    paypal: PayPalSender
    paypal_host: Canary
    superuser_url: str

    async def stripe(self, body: bytes = b"", headers: dict[str, str] | None = None) -> httpx.Response:
        """Deliver an event of Stripe's."""
        body = body or stripe_body()
        signed = headers or signed_by_stripe(body, datetime.now(UTC))
        return await self.http.post("/webhooks/stripe", content=body, headers={**JSON, **signed})

    async def from_paypal(self, body: bytes = b"", headers: dict[str, str] | None = None) -> httpx.Response:
        """Deliver an event of PayPal's."""
        body = body or paypal_body()
        signed = headers or self.paypal.headers(body, datetime.now(UTC))
        return await self.http.post("/webhooks/paypal", content=body, headers={**JSON, **signed})

    def rows(self) -> list[dict[str, Any]]:
        """What is kept."""
        with psycopg.connect(self.superuser_url, row_factory=dict_row) as connection:
            return connection.execute("SELECT * FROM webhook_events ORDER BY sequence").fetchall()


@contextmanager
def running(database_url: str, log: Path, **changes: str) -> Iterator[api.Api]:
    """Run the service."""
    with api.start(environment(database_url, **changes), port=free_port(), log=log) as service:
        yield service


@pytest.fixture(scope="session")
def authority() -> Authority:
    """An authority that the service is told to trust."""
    return Authority(datetime.now(UTC))


@pytest.fixture(scope="package")
async def shared(
    postgres_server: postgres.Postgres,
    migrated_template: str,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Service]:
    """The service over a database of this package's, which starting anew for each test would take too long for."""
    directory = tmp_path_factory.mktemp("api")
    root = directory / "root.pem"
    root.write_bytes(pem(authority.root))
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(DATABASE), Identifier(migrated_template))
        )
        key = new_key()
        async with canary() as host:
            host.gives(pem(authority.certificate(key)))
            settings = {
                "PAYPAL_API_BASE": host.url,
                "PAYPAL_WEBHOOK_ROOT": str(root),
                "SERVICES_FILE": services_file(directory),
            }
            app_url, superuser_url = postgres_server.url(DATABASE, user="quittance_app"), postgres_server.url(DATABASE)
            with running(app_url, directory / "log", **settings) as started:
                async with httpx.AsyncClient(base_url=started.url, trust_env=False, timeout=15) as http:
                    yield Service(started.url, http, PayPalSender(key, host.url), host, superuser_url)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(DATABASE)))


@pytest.fixture
def shop(shared: Service) -> Iterator[Shop]:
    """A service that posts; the books have what other tests posted."""
    with psycopg.connect(shared.superuser_url, autocommit=True) as superuser:
        yield Shop(shared.http, superuser)


@pytest.fixture
def service(shared: Service) -> Service:
    """The service with nothing in its inbox, and a PayPal whose certificate it has not seen."""
    with psycopg.connect(shared.superuser_url, autocommit=True) as connection:
        connection.execute("TRUNCATE webhook_events, webhook_transmissions")
    shared.paypal_host.requests.clear()
    url = f"{shared.paypal_host.url}{CERTIFICATE_PATH}-{next(_numbers)}"
    return replace(shared, paypal=replace(shared.paypal, certificate_url=url))
