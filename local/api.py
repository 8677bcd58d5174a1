"""The HTTP service as a part of the local system: where the simulators send their events."""

import sys
from collections.abc import Mapping
from pathlib import Path

from local import process
from local.health import answers_ok
from local.ports import LOOPBACK, require_free

START_SECONDS = 30.0


class Api(process.Part):
    """The running service."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    def webhook_url(self, gateway: str) -> str:
        """Where events of a gateway come in."""
        return f"{self.url}/webhooks/{gateway}"

    def is_healthy(self) -> bool:
        """Whether it says that it is well."""
        return answers_ok(f"{self.url}/health")


def start(environment: Mapping[str, str], *, port: int, log: Path, port_variable: str | None = None) -> Api:
    """Start the service with exactly these environment variables; returns when it is healthy."""
    require_free("The HTTP service", port, port_variable)
    variables = {**environment, "API_HOST": LOOPBACK, "API_PORT": str(port)}
    running = process.start("The HTTP service", [sys.executable, "-m", "api"], log=log, environment=variables)
    api = Api(running, port)
    running.wait_healthy(api.is_healthy, START_SECONDS)
    return api
