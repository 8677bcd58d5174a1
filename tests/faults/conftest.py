"""The parts that the fault suite plays on, and the proxy before PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.database import create_engine
from local import postgres
from local.simulators import SimulatorProcess
from tests.activities.mail_server import mail_server
from tests.conftest import Database
from tests.faults.correspondence import Announcing, announcing_gateways
from tests.faults.matrix import Matrix
from tests.faults.proxy import FaultProxy
from tests.faults.relief import Relief, standing_by
from tests.faults.wakers import waking
from tests.workflows.conftest import Processes, settings_for
from workflows.client import connect


@pytest.fixture
async def callers(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
) -> AsyncIterator[Processes]:
    """What callers do, over this test's own database; the workers are processes of their own."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    engine = create_engine(database.app_url, 10)
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    yield Processes(settings, await connect(settings), engine, simulators)
    await engine.dispose()


@pytest.fixture(scope="package")
def announcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Announcing]:
    """Both gateways with a webhook address; no event leaves them by itself while they are told to hold them."""
    with announcing_gateways(tmp_path_factory.mktemp("announcing")) as gateways:
        yield gateways


@pytest.fixture
async def relief(callers: Processes, tmp_path: Path) -> AsyncIterator[Relief]:
    """Workers that nothing is done to, over this test's own database."""
    async with standing_by(callers.settings, tmp_path / "relief") as workers:
        yield workers


@pytest.fixture
async def matrix(
    callers: Processes, database: Database, postgres_server: postgres.Postgres, relief: Relief, tmp_path: Path
) -> AsyncIterator[Matrix]:
    """The crash-point matrix over this test's own database."""
    async with FaultProxy(postgres_server.port) as proxy, mail_server() as mail:
        found = Matrix(callers, database, proxy, relief, mail, tmp_path)
        async with waking(callers.engine, callers.client, found.queue_of):
            yield found
