"""Settings from the environment and `.env`; with none set, the local system (`make up`) is used.

All faults are reported at once, one line each, by `load()`.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from iso4217 import Currency as IsoCurrency
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from link_settings import LinkSettings

LOCAL_STRIPE = "http://127.0.0.1:12111"
LOCAL_PAYPAL = "http://127.0.0.1:12112"
TIER = r"[A-Z][A-Z0-9_]{2,31}=[0-9]{1,15}(\.[0-9]{1,9})?"
PERSON = r"[A-Za-z0-9_.-]{1,64}"
"""How a person is named, here and with `--by`."""
LOCAL_WEBHOOK_SECRET = "whsec_local"  # noqa: S105 # everybody knows it, which is why it is refused elsewhere
LOCAL_WEBHOOK_ID = "WH-LOCAL"

STRIPE_HOST = "api.stripe.com"
LIVE_KEYS = ("sk_live_", "rk_live_")
STRIPE_LIVE_CALLS_PER_SECOND = 20.0
STRIPE_SANDBOX_CALLS_PER_SECOND = 10.0


class SettingsError(Exception):
    """The environment is not usable; one line per fault, each with what to do."""


class Settings(LinkSettings):
    """Every setting; the environment variable has the field's name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: str = "postgresql://quittance_app@127.0.0.1:54320/quittance"
    """PostgreSQL as the application's role, which can execute the posting functions and read."""
    migration_database_url: str = "postgresql://postgres@127.0.0.1:54320/quittance"
    """PostgreSQL as a role that may create roles and tables; used by `worker.py --migrate` only."""
    sealer_database_url: str | None = None
    """PostgreSQL as the sealer's role, which reads the journal and adds seals; without it nothing is sealed here."""
    seal_key_file: str | None = None
    """The private key that signs seals, a file that its owner alone may read; without it nothing is sealed here."""
    seal_public_key_file: str = ".local/data/seal.key.pub"
    """The public keys whose seals `ledger verify`, `prove` and `ledger evidence` believe; with nothing set, that of `make up`."""
    database_pool_size: int = Field(default=10, ge=1, le=200)

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_ui_address: str = "http://127.0.0.1:8233"
    """Where people open the Temporal Web UI; only printed."""
    temporal_api_key: SecretStr | None = None
    temporal_tls: bool = False
    task_queue: str = "charges"
    """Queue of the workflows; each gateway's calls have their own, `{task_queue}-{gateway}`."""

    stripe_api_key: SecretStr = SecretStr("sk_test_local")
    stripe_api_base: str = LOCAL_STRIPE
    stripe_webhook_secret: SecretStr = SecretStr(LOCAL_WEBHOOK_SECRET)
    """What Stripe signs its events with."""
    stripe_webhook_secrets: SecretStr = SecretStr("")
    """Several of them, with commas between: the old and the new one while a secret is changed."""

    paypal_client_id: str = "local-client"
    paypal_client_secret: SecretStr = SecretStr("local-secret")
    paypal_api_base: str = LOCAL_PAYPAL
    paypal_webhook_id: str = LOCAL_WEBHOOK_ID
    """Id of our webhook at PayPal, part of what it signs."""
    paypal_webhook_root: str = ""
    """File with the root certificate of a simulated PayPal, whose events are then believed; never with a real PayPal."""

    gateway_order: str = "stripe,paypal"
    """Fallback order of the gateways, for a charge that names none."""
    routing_policy: str | None = None
    """Path of the routing policy, a YAML file (docs/routing.md); without one the order above is the whole policy."""
    chart: str | None = None
    """Path of the chart of accounts, a YAML file (docs/ledger.md) that `worker.py --migrate` loads; without one it is the
    chart that ships."""
    fee_rules: str | None = None
    """Path of the fee rules, a YAML file (docs/ledger.md): what gateways are expected to charge."""
    services_file: str | None = None
    """Path of the services that may post over HTTP, a YAML file (docs/ledger-api.md); without one none may."""
    functional_currency: str = "USD"
    """The currency that gains and losses of conversions are counted in; it cannot be changed once there are any."""
    return_url: str = "http://127.0.0.1:12111/_control/returned"
    """Where a customer's browser goes after an authentication step."""

    dunning_policy: str | None = None
    """Path of the dunning policy, a YAML file (docs/dunning.md); without one it is the one that ships."""
    smtp_url: SecretStr | None = None
    """Where mail to customers is handed over, as in `smtp://user:password@mail.example.com:587?tls=starttls`; `tls=none` for a
    server of this machine or network without a password, `smtps://` for TLS from the first byte. Without it no mail goes out."""
    notice_from: str | None = None
    """Who writes to customers, as in `Example Shop <billing@example.com>`; the name is what notices call the merchant."""
    notice_reply_to: str | None = None
    """Where customers' answers go."""
    notice_templates: str | None = None
    """Directory of templates that come before those that ship (docs/dunning.md)."""

    reviewers: str | None = None
    """Persons who may resolve reviews, as in `alice,bob`; without them nobody may. The worker decides by its own."""
    closers: str | None = None
    """Persons who may close periods, and approve that one is reopened. The database keeps them, as `worker.py --migrate`
    last read them; without the setting they stay as they are, and with an empty one nobody is."""
    accountants: str | None = None
    """Persons who may ask for adjustments, approve those of others, and ask for a period to be reopened; kept in the same way."""
    allow_unsafe_database: bool = False
    """Run although the server's settings let acknowledged postings be lost (fsync off, and the like): for tests only."""
    adjustment_tiers: str = "USD=1000.00"
    """Up to which amount one approval of a manual adjustment is enough, as in `USD=1000.00,EUR=1000.00`; above it, and in every
    other currency, it needs two persons. `worker.py --migrate` brings it into the database, which decides by it."""
    api_host: str = "127.0.0.1"
    """Address on which the HTTP service listens."""
    api_port: int = Field(default=12113, ge=1, le=65535)
    webhook_window_seconds: int = Field(default=300, ge=10, le=3600)
    """How long ago, and how far ahead of our clock, a webhook may have been sent."""

    event_catch_up_seconds: int = Field(default=300, ge=1, le=86_400)
    """How often each gateway is asked for the events that never came; the bound within which a lost webhook is made good."""

    max_cached_workflows: int = Field(default=500, ge=0)
    """Workflows that a worker keeps in memory; see docs/benchmarks.md for why 500."""
    gateway_concurrency: int = Field(default=50, ge=1, le=1000)
    """Calls under way at once to each gateway, per worker."""
    stripe_calls_per_second: float | None = Field(default=None, ge=0, le=10_000)
    """Calls to Stripe in a second, over all workers; 0 for no limit. Without it 20 with a live key and 10 with another at
    Stripe's own address, and no limit elsewhere. A call makes two requests as a rule, each to an endpoint of its own; Stripe takes
    100 requests a second with a live key, 25 in a sandbox, and 25 at one endpoint (https://docs.stripe.com/rate-limits)."""
    paypal_calls_per_second: float = Field(default=0.0, ge=0, le=10_000)
    """Calls to PayPal in a second, over all workers; 0 for no limit. PayPal publishes none: what it refuses comes again."""
    gateway_timeout_seconds: float = Field(default=20.0, gt=0, le=120)
    health_port: int = Field(default=0, ge=0, le=65535)
    """Port of a worker's `/health`; 0 turns it off."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of a worker's `/metrics`, for Prometheus; 0 turns it off."""
    metrics_host: str = "127.0.0.1"
    """The address that `/metrics` listens on; in a container, where nothing reaches its loopback, 0.0.0.0."""

    @property
    def reviewer_names(self) -> frozenset[str]:
        """The persons of `reviewers`."""
        return frozenset((self.reviewers or "").split(",")) - {""}

    @property
    def is_of_this_machine(self) -> bool:
        """Whether both gateways are, so that what everybody knows may open what is here."""
        return _is_loopback(self.stripe_api_base) and _is_loopback(self.paypal_api_base)

    @property
    def people(self) -> dict[str, frozenset[str]]:
        """The persons of each role in the books whose setting is given."""
        given = {"closer": self.closers, "accountant": self.accountants}
        return {role: frozenset(names.split(",")) - {""} for role, names in given.items() if names is not None}

    def calls_per_second(self, gateway: str) -> float | None:
        """How many calls to this gateway all workers make in a second at most; None for no limit."""
        stripe = self.stripe_calls_per_second
        if stripe is None and urlsplit(self.stripe_api_base).hostname == STRIPE_HOST:
            is_live = self.stripe_api_key.get_secret_value().startswith(LIVE_KEYS)
            stripe = STRIPE_LIVE_CALLS_PER_SECOND if is_live else STRIPE_SANDBOX_CALLS_PER_SECOND
        return {"stripe": stripe, "paypal": self.paypal_calls_per_second}.get(gateway) or None

    @property
    def stripe_secrets(self) -> tuple[str, ...]:
        """Every secret that Stripe's events may be signed with; the local one only where no other is given."""
        several = [secret.strip() for secret in self.stripe_webhook_secrets.get_secret_value().split(",")]
        given = [secret for secret in several if secret]
        if not given or "stripe_webhook_secret" in self.model_fields_set:
            given.append(self.stripe_webhook_secret.get_secret_value())
        return tuple(dict.fromkeys(secret for secret in given if secret))

    @field_validator("stripe_api_base", "paypal_api_base", "temporal_ui_address", "return_url", "pay_link_base_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address like https://api.example.com")
        return value.rstrip("/")

    @field_validator(
        "seal_key_file",
        "sealer_database_url",
        "services_file",
        "dunning_policy",
        "notice_from",
        "notice_reply_to",
        "notice_templates",
    )
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("database_url", "migration_database_url", "sealer_database_url")
    @classmethod
    def _postgres_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
            raise ValueError("must be an address like postgresql://user@host:5432/database")
        return value

    @field_validator("temporal_address")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("must be host:port, like 127.0.0.1:7233")
        return value

    @field_validator("metrics_host")
    @classmethod
    def _ip(cls, value: str) -> str:
        try:
            return str(ip_address(value))
        except ValueError:
            raise ValueError("must be an IP address of this machine, like 127.0.0.1 or 0.0.0.0") from None

    @field_validator("reviewers", "closers", "accountants")
    @classmethod
    def _persons(cls, value: str | None) -> str | None:
        if value is None:
            return None
        names = [name.strip() for name in value.split(",") if name.strip()]
        if not all(re.fullmatch(PERSON, name) for name in names):
            raise ValueError("must list persons by letters, digits and _ . -, like alice,bob")
        return ",".join(names)

    @field_validator("functional_currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        try:
            known = IsoCurrency(value).exponent is not None
        except ValueError:
            known = False
        if not known:
            raise ValueError("must be a currency of ISO 4217, like USD")
        return value

    @field_validator("adjustment_tiers")
    @classmethod
    def _amounts(cls, value: str) -> str:
        tiers = [tier.strip() for tier in value.split(",") if tier.strip()]
        currencies = [tier.partition("=")[0] for tier in tiers]
        if not all(re.fullmatch(TIER, tier) for tier in tiers) or len(set(currencies)) != len(currencies):
            raise ValueError("must list an amount for each currency once, like USD=1000.00,JPY=100000")
        return ",".join(tiers)

    @field_validator("gateway_order")
    @classmethod
    def _known_gateways(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",")]
        if sorted(names) != sorted({"stripe", "paypal"} & set(names)):
            raise ValueError("must list gateways once each, like stripe,paypal")
        return ",".join(names)


def load() -> Settings:
    """Read and check the environment; raises SettingsError that lists every fault."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_fault_lines(error) + _missing_secrets(_Given()))) from None
    missing = _missing_secrets(_Given()) + _half_a_sealer(settings) + settings.link_faults
    if missing:
        raise SettingsError("\n".join(missing))
    return settings


def load_for_webhooks() -> Settings:
    """Read and check the environment of the service that takes webhooks; raises SettingsError that lists every fault."""
    settings = load()
    faults = _webhook_faults(settings)
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _webhook_faults(settings: Settings) -> list[str]:
    """Whoever knows the local secret could sign events, and whoever holds a simulator's key as well."""
    faults: list[str] = []
    if not settings.stripe_secrets:
        faults.append("STRIPE_WEBHOOK_SECRET: must not be empty")
    if not _is_loopback(settings.stripe_api_base) and LOCAL_WEBHOOK_SECRET in settings.stripe_secrets:
        faults.append("STRIPE_WEBHOOK_SECRET: must be set, since STRIPE_API_BASE is not on this machine")
    if not _is_loopback(settings.paypal_api_base) and settings.paypal_webhook_id == LOCAL_WEBHOOK_ID:
        faults.append("PAYPAL_WEBHOOK_ID: must be set, since PAYPAL_API_BASE is not on this machine")
    host = urlsplit(settings.paypal_api_base).hostname or ""
    if settings.paypal_webhook_root and (host == "paypal.com" or host.endswith(".paypal.com")):
        faults.append("PAYPAL_WEBHOOK_ROOT: must be empty, since PAYPAL_API_BASE is the real PayPal")
    return faults


class _Given(BaseSettings):
    """The settings that stand in the environment, unchecked: which secrets are missing is said with the other faults."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    stripe_api_base: str = LOCAL_STRIPE
    stripe_api_key: SecretStr | None = None
    paypal_api_base: str = LOCAL_PAYPAL
    paypal_client_id: str | None = None
    paypal_client_secret: SecretStr | None = None


def _missing_secrets(given: _Given) -> list[str]:
    """A gateway that is not on this machine needs credentials of its own."""
    needed = {
        "stripe_api_base": ("stripe_api_key",),
        "paypal_api_base": ("paypal_client_id", "paypal_client_secret"),
    }
    return [
        f"{name.upper()}: must be set, since {base.upper()} is not on this machine"
        for base, names in needed.items()
        if not _is_loopback(getattr(given, base))
        for name in names
        if not getattr(given, name)
    ]


def _half_a_sealer(settings: Settings) -> list[str]:
    """Whoever sets one of the two means to seal."""
    given = {"SEAL_KEY_FILE": settings.seal_key_file, "SEALER_DATABASE_URL": settings.sealer_database_url}
    missing = [name for name, value in given.items() if not value]
    if len(missing) != 1:
        return []
    other = next(name for name in given if name not in missing)
    return [f"{missing[0]}: must be set, since {other} is: sealing needs both"]


def _fault_lines(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for fault in error.errors(include_input=False, include_url=False):
        message = fault["msg"].removeprefix("Value error, ")
        name = ".".join(str(part) for part in fault["loc"]).upper()
        lines += [f"{name}: {line}" if name else line for line in message.split("\n")]
    return lines


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
