"""Where a worker shows its metrics to Prometheus: those of Temporal's SDK, and our own counters."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from settings import Settings


class MetricsNotServed(RuntimeError):
    """The address of METRICS_HOST and METRICS_PORT cannot be listened on."""


def runtime_of(settings: Settings) -> Runtime | None:
    """Start the SDK's runtime with an endpoint `/metrics`; None where METRICS_PORT turns it off.

    Raises MetricsNotServed.
    """
    if not settings.metrics_port:
        return None
    address = f"{settings.metrics_host}:{settings.metrics_port}"
    endpoint = PrometheusConfig(bind_address=address, counters_total_suffix=True, durations_as_seconds=True)
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=endpoint))
    except ValueError as error:
        raise MetricsNotServed(
            f"metrics cannot be served at {address} ({error}): set METRICS_PORT to another"
        ) from None
