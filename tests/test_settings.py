"""Settings come from the environment, and every fault is named at once."""

import pytest
from pydantic import SecretStr

import settings
from link_settings import LOCAL_PAY_LINK_KEY


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(settings.Settings.model_config, "env_file", None)
    monkeypatch.setitem(settings._Given.model_config, "env_file", None)


def test_with_nothing_set_the_local_system_is_used() -> None:
    """A newcomer sets nothing."""
    loaded = settings.load()
    assert loaded.stripe_api_base == settings.LOCAL_STRIPE
    assert loaded.database_url.endswith("@127.0.0.1:54320/quittance")


def test_all_faults_are_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody mends one setting only to be told of the next, and a real gateway never runs with a local secret."""
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "nowhere")
    monkeypatch.setenv("STRIPE_API_BASE", "https://api.stripe.com")
    monkeypatch.setenv("PAYPAL_API_BASE", "https://api-m.paypal.com")
    with pytest.raises(settings.SettingsError) as fault:
        settings.load()
    named = [line.partition(":")[0] for line in str(fault.value).split("\n")]
    assert named == ["DATABASE_URL", "TEMPORAL_ADDRESS", "STRIPE_API_KEY", "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"]


def test_a_fault_never_shows_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped address may hold a password."""
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hunter2@host/db")
    with pytest.raises(settings.SettingsError) as fault:
        settings.load()
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize(
    ("base", "key", "given", "stripe"),
    [
        (settings.LOCAL_STRIPE, "sk_test_1", None, None),
        ("https://api.stripe.com", "sk_test_1", None, 10.0),
        ("https://api.stripe.com", "sk_live_1", None, 20.0),
        ("https://api.stripe.com", "rk_live_1", None, 20.0),
        ("https://api.stripe.com", "sk_live_1", 80.0, 80.0),
        ("https://api.stripe.com", "sk_live_1", 0.0, None),
        (settings.LOCAL_STRIPE, "sk_test_1", 5.0, 5.0),
    ],
)
def test_calls_per_second(base: str, key: str, given: float | None, stripe: float | None) -> None:
    """Stripe's published limit is kept without a setting where there is one to keep, and a setting decides otherwise."""
    made = settings.Settings(stripe_api_base=base, stripe_api_key=SecretStr(key), stripe_calls_per_second=given)
    assert made.calls_per_second("stripe") == stripe
    assert made.calls_per_second("paypal") is None
    assert made.calls_per_second("till") is None


def test_secrets_are_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log line of the settings gives nothing away."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_very_secret")
    assert "very_secret" not in repr(settings.load())


@pytest.mark.parametrize(
    ("text", "names"),
    [(None, set()), ("", set()), (" , ", set()), ("alice", {"alice"}), (" alice, bob ,", {"alice", "bob"})],
)
def test_reviewers_are_persons_by_name(monkeypatch: pytest.MonkeyPatch, text: str | None, names: set[str]) -> None:
    """Nobody may resolve a review by a blank in the list, and without a list nobody may."""
    if text is not None:
        monkeypatch.setenv("REVIEWERS", text)
    assert settings.load().reviewer_names == names


@pytest.mark.parametrize("text", ["alice bob", "alice;bob", "*", "person:alice", "x" * 65])
def test_reviewers_that_cannot_be_persons_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A list that names nobody would be found only when somebody is needed."""
    monkeypatch.setenv("REVIEWERS", text)
    with pytest.raises(settings.SettingsError, match="REVIEWERS: must list persons"):
        settings.load()


@pytest.mark.parametrize("text", ["", " USD=1000.00 , JPY=100000,", "CREDIT=500"])
def test_amounts_of_one_approval_are_listed_by_currency(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Each currency has an amount of its own; without any, every adjustment needs two persons."""
    monkeypatch.setenv("ADJUSTMENT_TIERS", text)
    assert settings.load().adjustment_tiers == ",".join(part.strip() for part in text.split(",") if part.strip())


@pytest.mark.parametrize("text", ["USD", "USD=", "USD=-1", "USD=1,USD=2", "USD=1;EUR=1", "usd=1", "USD=1e9", "=5"])
def test_amounts_that_could_be_misread_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A threshold that says something else than was meant lets one person move what needs two."""
    monkeypatch.setenv("ADJUSTMENT_TIERS", text)
    with pytest.raises(settings.SettingsError, match="ADJUSTMENT_TIERS: must list an amount"):
        settings.load()


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1:9464", "http://127.0.0.1"])
def test_metrics_listen_on_an_ip_address_only(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The endpoint binds to what was meant, or the worker does not start."""
    monkeypatch.setenv("METRICS_HOST", host)
    with pytest.raises(settings.SettingsError, match="METRICS_HOST: must be an IP address"):
        settings.load()


REAL = {
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_API_KEY": "sk_live_1",
    "PAYPAL_API_BASE": "https://api-m.paypal.com",
    "PAYPAL_CLIENT_ID": "client",
    "PAYPAL_CLIENT_SECRET": "secret",
}


def test_webhooks_of_a_real_gateway_need_secrets_that_not_everybody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret of the local system, which anybody can sign with, never opens the way into a real one."""
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    assert settings.load()
    for secret in (None, "whsec_local", "whsec_1,whsec_local"):
        if secret is not None:
            monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", secret)
        with pytest.raises(settings.SettingsError) as fault:
            settings.load_for_webhooks()
        named = [line.partition(":")[0] for line in str(fault.value).split("\n")]
        assert named == ["STRIPE_WEBHOOK_SECRET", "PAYPAL_WEBHOOK_ID"]
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", "whsec_2, whsec_1,")
    monkeypatch.setenv("PAYPAL_WEBHOOK_ID", "WH-1")
    assert settings.load_for_webhooks().stripe_secrets == ("whsec_2", "whsec_1")


def test_a_simulators_certificate_is_never_believed_beside_the_real_paypal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that was left over from a test cannot vouch for events of a real account."""
    for name, value in {**REAL, "STRIPE_WEBHOOK_SECRET": "whsec_1", "PAYPAL_WEBHOOK_ID": "WH-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PAYPAL_WEBHOOK_ROOT", "root.pem")
    with pytest.raises(settings.SettingsError, match="PAYPAL_WEBHOOK_ROOT: must be empty"):
        settings.load_for_webhooks()


def test_each_way_to_give_the_secret_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """One secret, several, or both: each of them is good, and the local one only where no other is given."""
    assert settings.load_for_webhooks().stripe_secrets == ("whsec_local",)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")
    assert settings.load_for_webhooks().stripe_secrets == ("whsec_1",)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", "whsec_2")
    assert settings.load_for_webhooks().stripe_secrets == ("whsec_2", "whsec_1")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", " , ")
    with pytest.raises(settings.SettingsError, match="must not be empty"):
        settings.load_for_webhooks()


@pytest.mark.parametrize("name", ["SEAL_KEY_FILE", "SEALER_DATABASE_URL"])
def test_half_of_a_sealer_is_a_fault(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever forgets one of the two hears of it at the start, and not when the books turn out to have no seals."""
    values = {"SEAL_KEY_FILE": "seal.key", "SEALER_DATABASE_URL": "postgresql://quittance_sealer@db/quittance"}
    monkeypatch.setenv(name, values[name])
    [other] = values.keys() - {name}
    with pytest.raises(settings.SettingsError, match=f"^{other}: must be set, since {name} is: sealing needs both$"):
        settings.load()
    monkeypatch.setenv(other, values[other])
    assert settings.load().seal_key_file == "seal.key"


LINK_KEY = "a key of thirty-two characters or more"


@pytest.mark.parametrize(
    ("stripe", "key", "expected"),
    [
        (None, None, (LOCAL_PAY_LINK_KEY,)),
        (None, "", ()),
        ("https://api.stripe.com", None, ()),
        ("https://api.stripe.com", f"{LINK_KEY} 1, {LINK_KEY} 2,", (f"{LINK_KEY} 1", f"{LINK_KEY} 2")),
    ],
)
def test_keys_of_pay_links(
    monkeypatch: pytest.MonkeyPatch, stripe: str | None, key: str | None, expected: tuple[str, ...]
) -> None:
    """The key that everybody knows signs nothing where real money moves; several may be given, and none."""
    if stripe is not None:
        monkeypatch.setenv("STRIPE_API_BASE", stripe)
        monkeypatch.setenv("STRIPE_API_KEY", "sk_test_1")
        monkeypatch.setenv("PAY_LINK_BASE_URL", "https://pay.example")
    if key is not None:
        monkeypatch.setenv("PAY_LINK_KEY", key)
    assert settings.load().pay_link_keys == expected


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PAY_LINK_KEY", f"{LINK_KEY},short", "PAY_LINK_KEY: must be 32 characters or more"),
        ("PAY_LINK_BASE_URL", "pay.example", "PAY_LINK_BASE_URL: must be an address like"),
        ("MERCHANT_NAME", "Ada\nand others", "MERCHANT_NAME: must be one line"),
    ],
)
def test_unusable_settings_of_pay_links(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """What cannot be used is named, and what to do; a key is never shown."""
    monkeypatch.setenv(name, value)
    with pytest.raises(settings.SettingsError) as fault:
        settings.load()
    assert said in str(fault.value)
    assert LINK_KEY not in str(fault.value)


def test_pay_links_of_a_deployment_need_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that lead to this machine, or that others may read on their way, are refused where real money moves."""
    monkeypatch.setenv("STRIPE_API_BASE", "https://api.stripe.com")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_1")
    monkeypatch.setenv("PAY_LINK_KEY", LINK_KEY)
    for address in (None, "http://pay.example"):
        if address is not None:
            monkeypatch.setenv("PAY_LINK_BASE_URL", address)
        with pytest.raises(settings.SettingsError, match="PAY_LINK_BASE_URL: must be an https:// address"):
            settings.load()
