"""The whole system on one machine: PostgreSQL, Temporal with its Web UI, both gateway simulators, the HTTP service, a worker.

Started in the order in which they need each other, each healthy before the next; ended in the reverse order.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Never, TypeVar

from ledger.seals import signing
from local import api, directory, postgres, simulators, temporal, worker
from local.addresses import DATABASE, WEBHOOK_ID, WEBHOOK_SECRET, Ports
from local.ports import LOOPBACK
from local.process import ROOT, Part, Process

PAYPAL_STATE = "paypal.state"
SEAL_KEY = "seal.key"
SERVICES = ROOT / "local" / "services.yaml"
WATCH_SECONDS = 0.2
IN_USE = "use that one, or end it first (Ctrl-C there)"

StartedPart = TypeVar("StartedPart", bound=Part)


@dataclass(frozen=True)
class System:
    """The running system."""

    path: Path
    ports: Ports
    environment: dict[str, str]
    """All environment variables for our programs to run against this system."""
    postgres: postgres.Postgres
    temporal: temporal.Temporal
    stripe: simulators.SimulatorProcess
    paypal: simulators.SimulatorProcess
    api: api.Api
    worker: worker.Worker

    @property
    def processes(self) -> list[Process]:
        """Every process of it, in the order of their start."""
        parts = (self.postgres, self.temporal, self.stripe, self.paypal, self.api, self.worker)
        return [part.process for part in parts]

    @property
    def addresses(self) -> dict[str, str]:
        """Where to find each part, for people."""
        return {
            "Temporal Web UI": self.temporal.ui_address,
            "Temporal": self.temporal.address,
            "PostgreSQL": self.environment["DATABASE_URL"],
            "Stripe simulator": self.stripe.url,
            "PayPal simulator": self.paypal.url,
            "HTTP service": self.api.url,
            "Worker's health": self.worker.health_address,
        }

    def watch(self) -> Never:
        """Raise PartFailed as soon as a part has ended by itself."""
        while True:
            for process in self.processes:
                process.check()
            time.sleep(WATCH_SECONDS)


@contextmanager
def running_system(
    path: Path,
    ports: Ports | None = None,
    *,
    fresh: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[System]:
    """Run the system over the directory `path` for as long as the block runs; without `ports`, on the usual or free ones.

    Raises LocalError, a line that says what is in the way. To be entered in the main thread: on Linux the parts end
    with the thread that started them. Goes on with the data that it finds, or deletes it first if `fresh`;
    `on_progress` hears what is started.
    """
    with ExitStack() as stack:
        place = stack.enter_context(directory.held(path, IN_USE))
        ports = ports or Ports.from_environment().or_free()
        ports.require_free()
        if fresh:
            place.clear()
        environment = {**os.environ, **ports.settings()}

        def begin(name: str, start: Callable[[], StartedPart]) -> StartedPart:
            on_progress(name)
            part = start()
            stack.enter_context(part)
            place.note(part.process)
            return part

        database = begin("PostgreSQL", lambda: _postgres(place, ports))
        durable = begin("Temporal", lambda: _temporal(place, ports))
        stripe = begin("Stripe simulator", lambda: _stripe(place, ports))
        paypal = begin("PayPal simulator", lambda: _paypal(place, ports))
        on_progress("migrations")
        database.ensure_database(DATABASE)
        environment |= _sealing(place, ports)
        worker.migrate(environment, log=place.log("migrations"))
        service = begin("HTTP service", lambda: _api(place, ports, environment))
        running = begin("worker", lambda: worker.start(environment, health_port=ports.worker, log=place.log("worker")))
        yield System(place.path, ports, environment, database, durable, stripe, paypal, service, running)


def _postgres(place: directory.Directory, ports: Ports) -> postgres.Postgres:
    return postgres.start(place.data / "postgres", ports.postgres, log=place.log("postgres"))


def _temporal(place: directory.Directory, ports: Ports) -> temporal.Temporal:
    return temporal.start(
        ports.temporal,
        ui_port=ports.temporal_ui,
        database=place.data / "temporal.sqlite",
        log=place.log("temporal"),
    )


def _sealing(place: directory.Directory, ports: Ports) -> dict[str, str]:
    """The key is beside the data that it seals, which is for this machine only: elsewhere it lies apart."""
    key = place.data / SEAL_KEY
    if not key.exists():
        signing.create(key)
    return {
        "SEALER_DATABASE_URL": f"postgresql://quittance_sealer@{LOOPBACK}:{ports.postgres}/{DATABASE}",
        "SEAL_KEY_FILE": str(key),
        "SEAL_PUBLIC_KEY_FILE": f"{key}{signing.PUBLIC_SUFFIX}",
    }


def _stripe(place: directory.Directory, ports: Ports) -> simulators.SimulatorProcess:
    return simulators.start_stripe(
        ports.stripe,
        state=place.data / "stripe.state",
        log=place.log("stripe"),
        webhook_url=ports.webhook_url("stripe"),
        webhook_secret=WEBHOOK_SECRET,
    )


def _paypal(place: directory.Directory, ports: Ports) -> simulators.SimulatorProcess:
    return simulators.start_paypal(
        ports.paypal,
        state=place.data / PAYPAL_STATE,
        log=place.log("paypal"),
        webhook_url=ports.webhook_url("paypal"),
        webhook_id=WEBHOOK_ID,
    )


def _api(place: directory.Directory, ports: Ports, environment: Mapping[str, str]) -> api.Api:
    # The one place where a simulator's events are believed: it vouches for itself with a root of its own.
    root = simulators.paypal_root(place.data / PAYPAL_STATE)
    variables = {"SERVICES_FILE": str(SERVICES), **environment, "PAYPAL_WEBHOOK_ROOT": str(root)}
    return api.start(variables, port=ports.api, log=place.log("api"))
