"""docker-compose.yml, held against the Compose specification and against our own settings; no engine is needed."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SPECIFICATION = ROOT.parent / "shared" / "specs" / "compose" / "compose-spec.json"
DEMO = ROOT / "deploy" / "demo.env"
EXAMPLE = ROOT / "deploy" / "example.env"
JOBS = {"temporal-schema", "temporal-namespace", "migrations", "seal-key"}
OURS = {"migrations", "worker", "api"}
DEMO_ONLY = {"stripe-simulator", "paypal-simulator", "mailpit"}
"""What stands for others outside: gateways, and a mail server that keeps all mail."""
VARIABLE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")
SECRET_NAME = re.compile(r"(?!.*_FILE$).*(PASSWORD|PWD|SECRET|KEY|CLIENT_ID|WEBHOOK_ID|DATABASE_URL)")
OPTIONAL_SECRETS = {"PAY_LINK_KEY"}
"""Empty unless they are given: without this one there are no pay links."""
"""Where a file with a secret is, is none."""


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the Compose specification is not here")
def test_the_file_is_what_the_specification_allows() -> None:
    """A misspelt key, which an engine would refuse at the worst moment, is found here."""
    specification = json.loads(SPECIFICATION.read_text())
    jsonschema.Draft7Validator(specification).validate(yaml.safe_load(COMPOSE.read_text()))


def test_our_programs_get_only_settings_that_they_read(services: dict[str, dict[str, Any]]) -> None:
    """No variable is passed under a name that settings.py does not know and would silently ignore."""
    known = {name.upper() for name in Settings.model_fields}
    for name in OURS:
        assert set(services[name]["environment"]) <= known, name


def test_no_setting_of_a_deployment_is_left_at_this_machine(services: dict[str, dict[str, Any]]) -> None:
    """A worker in a container never looks for its servers, keys or pages on its own loopback."""
    local = {name.upper() for name, field in Settings.model_fields.items() if "127.0.0.1" in str(field.default)}
    assert "API_HOST" in services["api"]["environment"]
    local -= {"MIGRATION_DATABASE_URL", "API_HOST"}  # the worker has no business with them
    assert local <= set(services["worker"]["environment"])
    assert "MIGRATION_DATABASE_URL" in services["migrations"]["environment"]
    assert "MIGRATION_DATABASE_URL" not in services["worker"]["environment"]


def test_images_are_pinned(services: dict[str, dict[str, Any]]) -> None:
    """The same file brings up the same programs next year: every image that is not built here has a full version."""
    for name, service in services.items():
        if "build" in service:
            assert service["image"].endswith(":local"), name
        else:
            assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", service["image"]), name
    bases = re.findall(r"^FROM (\S+)", (ROOT / "deploy" / "Dockerfile").read_text(), flags=re.MULTILINE)
    outside = [base for base in bases if base != "python"]
    assert outside == [base for base in outside if re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base)]
    assert outside


def test_every_service_is_limited_and_every_server_is_watched(services: dict[str, dict[str, Any]]) -> None:
    """No service can take the machine from the others, and one that hangs is seen."""
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory"}, name
        assert ("healthcheck" in service) == (name not in JOBS), name
        expected = "on-failure:5" if name in JOBS else "unless-stopped"
        assert service["restart"] == expected, name


def test_no_secret_has_a_value_or_a_default(services: dict[str, dict[str, Any]]) -> None:
    """A deployment without its own passwords and keys does not start: each is required, but one without which a part is off."""
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.match(variable):
                references = VARIABLE.findall(str(value))
                assert references, f"{name}: {variable} is written out"
                required = ":-" if variable in OPTIONAL_SECRETS else ":?"
                assert all(rest.startswith(required) for _, rest in references), f"{name}: {variable} has a default"
                assert all(rest in {":-", ""} or rest[:2] == ":?" for _, rest in references), f"{name}: {variable}"


def test_workers_scale(services: dict[str, dict[str, Any]]) -> None:
    """`--scale worker=4` works: nothing of a worker's can exist only once on a machine."""
    worker = services["worker"]
    assert not {"ports", "container_name", "hostname"} & set(worker)
    assert all(volume.endswith(":ro") for volume in worker["volumes"])
    assert "replicas" not in worker["deploy"]


def test_only_this_machine_reaches_the_published_ports(services: dict[str, dict[str, Any]]) -> None:
    """The Web UI, which asks nobody for a password, is not open to the network."""
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_simulators_run_in_the_demo_only(services: dict[str, dict[str, Any]]) -> None:
    """No deployment takes a simulated gateway, or a mail server that hands nothing on, for a real one by accident."""
    assert {name for name, service in services.items() if service.get("profiles") == ["demo"]} == DEMO_ONLY
    for name in OURS:
        assert not DEMO_ONLY & set(services[name]["depends_on"])


def given(path: Path) -> dict[str, str]:
    """Read a file of environment variables."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines}


def required() -> set[str]:
    """Return the variables without which the compose file does not start."""
    return {name for name, rest in VARIABLE.findall(COMPOSE.read_text()) if rest.startswith(":?")}


def test_the_demo_environment_gives_what_is_required() -> None:
    """`docker compose --env-file deploy/demo.env --profile demo up` asks for nothing more."""
    assert required() <= {name for name, value in given(DEMO).items() if value}


def test_the_example_asks_for_what_is_required_and_gives_nothing() -> None:
    """Whoever fills in the example has a deployment; whoever forgets a line has none with a known password."""
    assert given(EXAMPLE) == dict.fromkeys(required(), "")


def test_postgresql_data_outlives_its_container(services: dict[str, dict[str, Any]]) -> None:
    """The books are on a volume: since version 18 the image keeps them below /var/lib/postgresql."""
    mounts = [volume.split(":")[1] for volume in services["postgres"]["volumes"] if volume.startswith("postgres-data:")]
    assert mounts == ["/var/lib/postgresql"]


def test_only_workers_hold_the_key_that_seals(services: dict[str, dict[str, Any]]) -> None:
    """The service that the world can reach and the database have neither the key nor the sealer's password."""
    holders = {name for name, service in services.items() if any("seal-key:" in v for v in service.get("volumes", []))}
    assert holders == {"seal-key", "worker"}
    sealers = {name for name, service in services.items() if "SEALER_DATABASE_URL" in service.get("environment", {})}
    assert sealers == {"worker"}


def test_mounted_files_exist(services: dict[str, dict[str, Any]]) -> None:
    """An engine would make a directory of a file that is missing, and the service would fail obscurely."""
    mounted = [volume for service in services.values() for volume in service.get("volumes", []) if volume[0] == "."]
    assert mounted
    for volume in mounted:
        assert (ROOT / volume.split(":")[0]).is_file(), volume
