"""An unknown code is counted and logged, so that somebody adds it, and the count has few series."""

from structlog.testing import capture_logs
from temporalio import activity
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment

from activities import unknown_codes


@activity.defn
async def decline(code: str) -> None:
    """Decline with a code that no table knows."""
    unknown_codes.warn("stripe", code, "ch_1:capture:1")


@activity.defn
async def settle(*codes: str) -> None:
    """Settle a decline with codes that no class is known of."""
    unknown_codes.warn_unclassed("stripe", codes, "ch_1:capture:1")


def counted(buffer: MetricBuffer, name: str) -> list[tuple[float, str]]:
    """What was added to a counter, and for which gateway."""
    updates = [update for update in buffer.retrieve_updates() if update.metric.name == name]
    return [(update.value, str(update.attributes["gateway"])) for update in updates]


async def test_a_decline_without_a_class_is_counted_once_however_many_of_its_codes_are_unknown() -> None:
    """The data of dunning has to learn it; a decline of which all is known counts nothing."""
    buffer = MetricBuffer(100)
    environment = ActivityEnvironment()
    environment.metric_meter = Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter
    with capture_logs() as logs:
        await environment.run(settle, "visa network ZZ", "stripe code brand_new")
        await environment.run(settle)
    assert counted(buffer, unknown_codes.UNCLASSED_CODES) == [(1, "stripe")]
    [entry] = logs
    assert (entry["event"], entry["codes"]) == ("decline.code_unclassed", ["visa network ZZ", "stripe code brand_new"])


async def test_unknown_codes_are_counted_by_gateway_and_logged_one_by_one() -> None:
    """Operations people see that the table has a gap, and find in the log which."""
    buffer = MetricBuffer(100)
    environment = ActivityEnvironment()
    environment.metric_meter = Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter
    with capture_logs() as logs:
        for code in ("brand_new", "newer_still"):
            await environment.run(decline, code)
    updates = [update for update in buffer.retrieve_updates() if update.metric.name == unknown_codes.UNKNOWN_CODES]
    assert [update.value for update in updates] == [1, 1]
    for update in updates:
        assert update.attributes["gateway"] == "stripe"
        assert not {"brand_new", "newer_still"} & set(map(str, update.attributes.values()))
    assert [(entry["event"], entry["log_level"], entry["code"]) for entry in logs] == [
        ("decline.code_unknown", "warning", "brand_new"),
        ("decline.code_unknown", "warning", "newer_still"),
    ]


def test_outside_an_activity_the_warning_is_only_logged() -> None:
    """The simulation of charges has no metrics, and the safe answer must not fail for want of them."""
    with capture_logs() as logs:
        unknown_codes.warn("paypal", "X", "ch_1:capture:1")
    assert [entry["gateway"] for entry in logs] == ["paypal"]
