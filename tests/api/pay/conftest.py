"""The HTTP service with its pages over a database of this package's, with both simulators behind it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ledger.database import create_engine
from local import api, postgres
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.api.conftest import environment
from tests.api.pay.visitor import KEY, OLD_KEY, Browser, House

DATABASE = "test_pay"
MERCHANT = "Ada & Söhne"


@pytest.fixture(scope="package")
async def started(
    postgres_server: postgres.Postgres,
    migrated_template: str,
    stripe_process: SimulatorProcess,
    paypal_process: SimulatorProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    """The service, which starting anew for each test would take too long for."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(DATABASE), Identifier(migrated_template))
        )
    app_url = postgres_server.url(DATABASE, user="quittance_app")
    engine = create_engine(app_url, 10)
    settings = {
        "STRIPE_API_BASE": stripe_process.url,
        "PAYPAL_API_BASE": paypal_process.url,
        "PAY_LINK_KEY": f"{KEY},{OLD_KEY}",
        "MERCHANT_NAME": MERCHANT,
        "GATEWAY_TIMEOUT_SECONDS": "5",
    }
    log, port = tmp_path_factory.mktemp("pay") / "log", free_port()
    settings["PAY_LINK_BASE_URL"] = f"http://127.0.0.1:{port}"
    with api.start(environment(app_url, **settings), port=port, log=log) as service:
        yield House(service.url, engine, app_url, postgres_server.url(DATABASE), log)
    await engine.dispose()
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(DATABASE)))


@pytest.fixture
def house(started: House, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess) -> House:
    """The service, with gateways that know nobody yet."""
    return started


@pytest.fixture
async def new_browser() -> AsyncIterator[Callable[[], Browser]]:
    """Makes browsers of different people."""
    async with AsyncExitStack() as stack:
        clients: list[httpx.AsyncClient] = []

        def made() -> Browser:
            client = httpx.AsyncClient(trust_env=False, timeout=30, headers={"accept-language": "en"})
            clients.append(client)
            return Browser(client)

        yield made
        for client in clients:
            stack.push_async_callback(client.aclose)


@pytest.fixture
def browser(new_browser: Callable[[], Browser]) -> Browser:
    """A person's browser."""
    return new_browser()
