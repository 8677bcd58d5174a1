"""Recoveries that ended are counted by why, so that a dashboard shows what dunning brings between two reports."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio import activity
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment

from activities import ended_dunnings
from billing.dunning.decision import Reason
from billing.dunning.recovery import RecoveredBy
from billing.dunning_books import Dunning

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def over(reason: Reason, recovered_by: RecoveredBy | None) -> Dunning:
    """A dunning that has ended."""
    fields: dict[str, Any] = dict.fromkeys(Dunning.model_fields, NOW) | {"invoice_id": "in_1", "customer_id": "cus_1"}
    fields |= {"subscription_id": None, "policy_version": "2026-11", "policy_name": "standard", "amount_minor": 1900}
    fields |= {"currency": "USD", "began_by": "process:subscription", "ended_by": "process:dunning"}
    return Dunning.model_validate(fields | {"reason": reason, "recovered_by": recovered_by})


@activity.defn
async def end(dunning: Dunning) -> None:
    """End one."""
    ended_dunnings.count(dunning)


@pytest.mark.parametrize(
    ("reason", "recovered_by", "label"),
    [(Reason.PAID, RecoveredBy.LINK, "link"), (Reason.DEADLINE, None, "none")],
)
async def test_an_end_is_counted_by_its_reason(reason: Reason, recovered_by: RecoveredBy | None, label: str) -> None:
    """What brought the money is a label; `none` where nothing did."""
    buffer = MetricBuffer(100)
    environment = ActivityEnvironment()
    environment.metric_meter = Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter
    await environment.run(end, over(reason, recovered_by))
    [update] = [update for update in buffer.retrieve_updates() if update.metric.name == ended_dunnings.ENDED]
    assert (update.value, update.attributes["reason"], update.attributes["recovered_by"]) == (1, reason, label)


def test_outside_an_activity_nobody_is_told() -> None:
    """The simulation of recoveries has no metrics."""
    ended_dunnings.count(over(Reason.PAID, RecoveredBy.RETRY))
