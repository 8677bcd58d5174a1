"""Where the parts of the local system listen, and the settings that lead our programs there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from link_settings import LOCAL_PAY_LINK_KEY
from local.errors import NotPossible, PortOccupied
from local.ports import LOOPBACK, free_ports, is_free, occupant

DATABASE = "quittance"
WEBHOOK_SECRET = "whsec_local"  # noqa: S105 # of the simulators, and everybody knows it
WEBHOOK_ID = "WH-LOCAL"


@dataclass(frozen=True)
class Ports:
    """The port of each part, all on 127.0.0.1. The environment variable is `LOCAL_{NAME}_PORT`."""

    postgres: int = 54320
    temporal: int = 7233
    temporal_ui: int = 8233
    stripe: int = 12111
    paypal: int = 12112
    worker: int = 12110
    api: int = 12113

    @staticmethod
    def variable(name: str) -> str:
        """Name of the environment variable of a port."""
        return f"LOCAL_{name.upper()}_PORT"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Ports":
        """Take the ports that the environment names, and the usual one for each other part; NotPossible if one is no port."""
        given = os.environ if environment is None else environment
        chosen = {}
        for field in fields(cls):
            text = given.get(cls.variable(field.name), "").strip()
            if text and not (text.isdigit() and 0 < int(text) < 65536):
                raise NotPossible(f"{cls.variable(field.name)} must be a port between 1 and 65535, not {text!r}")
            if text:
                chosen[field.name] = int(text)
        ports = cls(**chosen)
        if len(set(ports.by_name().values())) < len(fields(cls)):
            raise NotPossible("two parts have the same port; give each LOCAL_..._PORT another one")
        return ports

    @classmethod
    def free(cls) -> "Ports":
        """Take any free ports."""
        return cls(*free_ports(len(fields(cls))))

    def or_free(self) -> "Ports":
        """Keep each port that is free, and take any free one in place of the others."""
        spare = dict(zip(self.by_name(), free_ports(len(fields(self))), strict=True))
        return Ports(**{name: port if is_free(port) else spare[name] for name, port in self.by_name().items()})

    def by_name(self) -> dict[str, int]:
        """Each port under its part's name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def require_free(self) -> None:
        """Raise PortOccupied for the first port that another program has, before anything is started."""
        for name, port in self.by_name().items():
            if not is_free(port):
                raise PortOccupied(f"The local system ({name})", port, occupant(port), self.variable(name))

    def webhook_url(self, gateway: str) -> str:
        """Where a simulator sends its events."""
        return f"http://{LOOPBACK}:{self.api}/webhooks/{gateway}"

    def settings(self) -> dict[str, str]:
        """Environment variables with which `worker.py` and `starter.py` use the local system, and nothing else."""
        return {
            "DATABASE_URL": f"postgresql://quittance_app@{LOOPBACK}:{self.postgres}/{DATABASE}",
            "MIGRATION_DATABASE_URL": f"postgresql://postgres@{LOOPBACK}:{self.postgres}/{DATABASE}",
            "TEMPORAL_ADDRESS": f"{LOOPBACK}:{self.temporal}",
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_UI_ADDRESS": f"http://{LOOPBACK}:{self.temporal_ui}",
            "TEMPORAL_TLS": "false",
            "TEMPORAL_API_KEY": "",
            "STRIPE_API_KEY": "sk_test_local",
            "STRIPE_CALLS_PER_SECOND": "0",
            "STRIPE_API_BASE": f"http://{LOOPBACK}:{self.stripe}",
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_WEBHOOK_SECRETS": "",
            "PAYPAL_CLIENT_ID": "local-client",
            "PAYPAL_CLIENT_SECRET": "local-secret",
            "PAYPAL_CALLS_PER_SECOND": "0",
            "PAYPAL_API_BASE": f"http://{LOOPBACK}:{self.paypal}",
            "PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
            "PAYPAL_WEBHOOK_ROOT": "",
            "API_HOST": LOOPBACK,
            "API_PORT": str(self.api),
            "PAY_LINK_KEY": LOCAL_PAY_LINK_KEY,
            "PAY_LINK_BASE_URL": f"http://{LOOPBACK}:{self.api}",
            "MERCHANT_NAME": "Quittance's shop",
            "RETURN_URL": f"http://{LOOPBACK}:{self.api}/pay/returned",
            "REVIEWERS": "alice,bob",
            "CLOSERS": "alice,bob",
            "ACCOUNTANTS": "alice,bob,carol",
            "APPROVERS": "alice,bob",
            "ALLOW_UNSAFE_DATABASE": "false",
            "METRICS_HOST": LOOPBACK,
        }
